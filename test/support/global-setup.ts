/**
 * One embedded Postgres for the whole test run, with a migrated template database to clone; and a Redis, where there
 * is a redis-server on the PATH.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrateAll } from '../../src/migration.ts';
import { openEmbedded } from '../../src/store/embedded/index.ts';
import { hasRedisServer, startRedis } from './redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** of the maintenance database on the test server */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  // for root: the server's own account must reach its data, or they would be kept elsewhere and stay there
  chmodSync(dataDir, 0o755);
  const server = await openEmbedded({ dataDir });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  // These data live for minutes: nobody needs them to survive a power cut. A commit that waits for no disk takes 0.2 ms instead of
  // 1.2 and more. (`alter system` would change nothing: what the server's command line says, such as fsync, goes before it.)
  await client.query('alter role current_user set synchronous_commit = off');
  await client.query('create database sluice_template');
  await client.end();
  await migrateAll(server.url.replace(/\/[^/]*$/, '/sluice_template'));
  project.provide('postgresUrl', server.url);
  const redis = hasRedisServer() ? await startRedis() : undefined;
  project.provide('redisUrl', redis?.url ?? '');
  return async () => {
    await redis?.close();
    await server.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
}
