/** Servers that live as long as a measurement: an embedded Postgres with our schema, and a Redis where there is one. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateAll } from '../src/migration.ts';
import { openEmbedded } from '../src/store/embedded/index.ts';
import { hasRedisServer, startRedis } from '../test/support/redis.ts';

export interface Servers {
  readonly postgresUrl: string;
  /** undefined where no redis-server is on the PATH */
  readonly redisUrl: string | undefined;
  close(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  // for root: the server's own account must reach its data
  chmodSync(dataDir, 0o755);
  const opened: (() => Promise<void>)[] = [async () => rmSync(dataDir, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const part of opened.splice(0).reverse()) await part();
  };
  try {
    const postgres = await openEmbedded({ dataDir });
    opened.push(() => postgres.close());
    await migrateAll(postgres.url);
    const redis = hasRedisServer() ? await startRedis() : undefined;
    if (redis !== undefined) opened.push(() => redis.close());
    return { postgresUrl: postgres.url, redisUrl: redis?.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}
