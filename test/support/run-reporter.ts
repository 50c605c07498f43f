/**
 * What must not go unnoticed at the end of a run: how many queue tests ran on each backend, and each test that was
 * skipped, by name. The same as JSON into the file that TEST_REPORT names, where it is set, with the files that failed:
 * scripts/test-again.mjs gives them a second try.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class RunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const skipped = tests.filter((test) => stateOf(test) === 'skipped');
    const ran = (project: string): number =>
      tests.filter((test) => test.project.name === project && stateOf(test) !== 'skipped').length;
    const queueTests = { postgres: ran('queue-postgres'), redis: ran('queue-redis') };
    const count = (state: string): number => tests.filter((test) => stateOf(test) === state).length;
    const report = {
      passed: count('passed'),
      // a module that can't be loaded has no tests
      failed: count('failed') + modules.filter((module) => !module.ok() && module.errors().length > 0).length,
      skipped: skipped.length,
      queueTests,
      failedFiles: modules
        .filter((module) => !module.ok())
        .map((module) => ({ project: module.project.name, file: module.relativeModuleId })),
    };
    if (process.env.TEST_REPORT !== undefined) writeFileSync(process.env.TEST_REPORT, JSON.stringify(report));
    const say = (text: string): void => void process.stdout.write(`${text}\n`);
    if (skipped.length > 0) {
      say(`\n${skipped.length} skipped (those of the Redis projects run where there is a redis-server):`);
      for (const test of skipped)
        say(`  |${test.project.name}| ${test.module.relativeModuleId} > ${test.fullName}`);
    }
    if (queueTests.postgres + queueTests.redis > 0)
      say(`\nqueue tests: ${queueTests.postgres} on Postgres, ${queueTests.redis} on Redis`);
  }
}

function stateOf(test: TestCase): string {
  return test.result().state;
}
