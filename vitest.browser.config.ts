import { defineConfig } from 'vitest/config';

/** Tests in a real browser, nearly all of them on one demo; they need a chromium. */
export default defineConfig({
  test: {
    name: 'browser',
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/browser/global-setup.ts'],
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
    reporters: ['default', './test/support/run-reporter.ts'],
    provide: { backend: 'postgres' },
  },
});
