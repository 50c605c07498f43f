/** Which server holds queues and token cache in this test project, and a place of one's own on it. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';

export type TestBackend = 'postgres' | 'redis';

declare module 'vitest' {
  interface ProvidedContext {
    /** of the project that runs the test */
    backend: TestBackend;
    /** of the private server of this test run; empty where there is no redis-server on this machine */
    redisUrl: string;
  }
}

export interface TestRedis {
  readonly url: string;
  readonly prefix: string;
}

/** A prefix of its own on the run's Redis, or on the one that is given; undefined in the Postgres projects. */
export function testRedis(url?: string): TestRedis | undefined {
  if (url === undefined && inject('backend') !== 'redis') return undefined;
  return { url: url ?? inject('redisUrl'), prefix: `t-${randomBytes(6).toString('hex')}` };
}
