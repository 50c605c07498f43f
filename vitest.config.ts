import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

/** What touches queues or the token cache: run twice, once on each backend. */
const queueTests = [
  'test/jobs/**/*.test.ts',
  'test/sync/**/*.test.ts',
  'test/webhooks/queue/**/*.test.ts',
  'test/security/**/*.test.ts',
  'test/outbound/client.test.ts',
  'test/processes/{restart,worker}.test.ts',
  'test/auth/{ahead,cache,fleet,grants-fleet,hits,tokens}.test.ts',
];
/** The sync engine without a queue. */
const engineTests = ['test/sync/properties*.test.ts'];
/** What only a Redis can do to us. */
const redisTests = ['test/redis/**/*.test.ts'];
const never = ['test/browser/**', 'test/chaos/**', 'node_modules/**'];

/** Options that a project doesn't take over from the root. */
const common = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // what is waited for may be a process that has to start on a busy machine
  expect: { poll: { timeout: 15_000 } },
};
/**
 * A process serves one file after another, so that what they all import is loaded once: 40 % less CPU time for ten files of
 * `test/sync`. So a file leaves its process as it was: whatever it listens to, spies on or sets in the environment, it takes back.
 */
const together = { isolate: false };
/** Without a redis-server on the PATH their tests are skipped, by name. */
const needsRedis = { ...common, runner: './test/support/skipping-runner.ts' };

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // For 2 cores: many files wait for processes half of their time. More would make real servers starve each other.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    teardownTimeout: 20_000,
    reporters: ['default', './test/support/run-reporter.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
          exclude: [...never, ...queueTests, ...redisTests],
          provide: { backend: 'postgres' },
        },
      },
      {
        test: {
          ...common,
          ...together,
          name: 'queue-postgres',
          include: queueTests,
          exclude: [...never, ...engineTests],
          provide: { backend: 'postgres' },
        },
      },
      {
        test: {
          ...needsRedis,
          ...together,
          name: 'queue-redis',
          include: queueTests,
          exclude: [...never, ...engineTests],
          provide: { backend: 'redis' },
        },
      },
      {
        test: {
          ...common,
          ...together,
          name: 'engine',
          include: engineTests,
          exclude: never,
          provide: { backend: 'postgres' },
        },
      },
      {
        test: {
          ...needsRedis,
          name: 'redis',
          include: redisTests,
          exclude: never,
          provide: { backend: 'redis' },
        },
      },
    ],
  },
});
