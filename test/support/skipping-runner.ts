/**
 * For projects that need a redis-server: where there is none, their tests are collected, so that they can be named,
 * and skipped with all their hooks.
 */
import { inject, TestRunner } from 'vitest';

export default class SkippingRunner extends TestRunner {
  constructor(config: ConstructorParameters<typeof TestRunner>[0]) {
    super(config);
    // a pattern that no name matches
    if (inject('redisUrl') === '') this.config.testNamePattern = /(?!)/;
  }
}
