import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresCache } from '../../src/auth/postgres-cache.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ max: 5 });
});
afterAll(async () => {
  await database.drop();
});

let keys = 0;
const newKey = () => `key-${(keys += 1)}`;

describe('the Postgres cache in trouble', () => {
  test('gives up within its time where all connections are busy, and takes no lock later', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    try {
      const busy = await pool.connect();
      const cache = createPostgresCache({ pool, timeoutMs: 50 });
      const key = newKey();
      await expect(cache.acquire(key, 'a', 60_000)).rejects.toThrow('no answer within 50 ms');
      busy.release();
      const [count] = (
        await pool.query('select count(*)::int as n from sluice.token_locks where key = $1', [key])
      ).rows as { n: number }[];
      expect(count?.n).toBe(0);
    } finally {
      await pool.end();
    }
  });

  test('gives up within its time where a statement hangs, and throws the connection away', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    try {
      await blocker.query('begin; lock table sluice.token_locks');
      const cache = createPostgresCache({ pool, timeoutMs: 100 });
      await expect(cache.acquire(newKey(), 'a', 60_000)).rejects.toThrow('no answer within 100 ms');
      expect(pool.totalCount).toBe(0);
      await blocker.query('rollback');
      expect(await createPostgresCache({ pool, timeoutMs: 10_000 }).acquire(newKey(), 'a', 1)).not.toBeNull();
    } finally {
      await blocker.end();
      await pool.end();
    }
  });

  test('gives up within its time where the server is frozen', async () => {
    const { url, freeze, close } = await startProxy(database.url);
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on('error', () => undefined);
    try {
      const cache = createPostgresCache({ pool, timeoutMs: 200 });
      await createPostgresCache({ pool, timeoutMs: 10_000 }).read('k', 's');
      freeze();
      await expect(cache.read('k', 's')).rejects.toThrow('no answer within 200 ms');
    } finally {
      await close();
      await pool.end();
    }
  });
});

/** A way to the database that can stop to pass anything on, without closing. */
async function startProxy(
  databaseUrl: string,
): Promise<{ url: string; freeze: () => void; close: () => Promise<void> }> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = new URL(databaseUrl);
  url.port = String((proxy.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
