/** The shared token cache of the project's backend, and ways to look into it and to hurt it behind its back. */
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject } from 'vitest';
import type { TokenCache } from '../../src/auth/cache.ts';
import { createPostgresCache } from '../../src/auth/postgres-cache.ts';
import { createRedisCache } from '../../src/auth/redis-cache.ts';
import { closeRedis, connectRedis } from '../../src/store/redis.ts';
import { createTestDatabase } from './database.ts';
import { startRedis } from './redis.ts';

/** Where a process finds the cache; can be handed to one of its own. */
export interface CachePlace {
  readonly databaseUrl?: string;
  readonly redis?: { readonly url: string; readonly prefix: string };
}

export interface ConnectedCache {
  readonly cache: TokenCache;
  /** Takes the connection away under the cache. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

export interface TestCache {
  readonly place: CachePlace;
  readonly cache: TokenCache;
  /** epoch milliseconds; 0 where there is no lock */
  lockEnds(key: string): Promise<number>;
  endLock(key: string): Promise<void>;
  tokensOfFlow(flow: string): Promise<number>;
  sealedOf(key: string): Promise<string>;
  replaceSealed(key: string, sealed: string): Promise<void>;
  /** everything that is stored, as text: tokens, locks and failures, at least one of each */
  everything(): Promise<readonly string[]>;
  /** Everything in it is gone. */
  empty(): Promise<void>;
  /** what was sent to the cache's server by `work`: statements, or commands that are not inside of a script */
  sentBy(work: () => Promise<unknown>): Promise<readonly string[]>;
  /** No call is answered any more, until the returned function is called. */
  stall(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const PATIENT_MS = 10_000;

/** As a process of its own connects to it. */
export function connectCache(place: CachePlace, timeoutMs = PATIENT_MS): ConnectedCache {
  if (place.redis !== undefined) {
    const client = connectRedis(place.redis, { name: 'test', onError: () => undefined });
    return {
      cache: createRedisCache({ client, prefix: place.redis.prefix, timeoutMs }),
      cut: () => closeRedis(client),
      close: () => closeRedis(client),
    };
  }
  const pool = new pg.Pool({ connectionString: place.databaseUrl, max: 3 });
  pool.on('error', () => undefined);
  return {
    cache: createPostgresCache({ pool, timeoutMs }),
    cut: () => pool.end(),
    async close() {
      if (!pool.ended) await pool.end();
    },
  };
}

export function openTestCache(): Promise<TestCache> {
  return inject('backend') === 'redis' ? onRedis() : onPostgres();
}

async function onPostgres(): Promise<TestCache> {
  const database = await createTestDatabase({ max: 3 });
  const place = { databaseUrl: database.url };
  const own = connectCache(place);
  const query = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await database.db.pool.query<Row>(text, values)).rows;
  return {
    place,
    cache: own.cache,
    async lockEnds(key) {
      const [row] = await query<{ at: Date }>(
        'select expires_at as at from sluice.token_locks where key = $1',
        [key],
      );
      return row?.at.getTime() ?? 0;
    },
    async endLock(key) {
      await query('update sluice.token_locks set expires_at = now() where key = $1', [key]);
    },
    tokensOfFlow: async (flow) => (await query('select 1 from sluice.tokens where flow = $1', [flow])).length,
    async sealedOf(key) {
      const [row] = await query<{ ciphertext: string }>(
        'select ciphertext from sluice.tokens where key = $1',
        [key],
      );
      return row?.ciphertext ?? '';
    },
    async replaceSealed(key, sealed) {
      await query('update sluice.tokens set ciphertext = $2 where key = $1', [key, sealed]);
    },
    async everything() {
      const all: string[] = [];
      for (const table of ['tokens', 'token_locks', 'token_failures']) {
        const rows = await query<{ row: string }>(
          `select row_to_json(t)::text as row from sluice.${table} t`,
        );
        if (rows.length === 0) throw new Error(`${table} is empty`);
        all.push(...rows.map(({ row }) => row));
      }
      return all;
    },
    async empty() {
      await query('truncate sluice.tokens, sluice.token_locks, sluice.token_failures');
    },
    async sentBy(work) {
      const sent: string[] = [];
      // each statement leaves through here, whichever pool it belongs to
      const send = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => unknown;
      Reflect.set(pg.Client.prototype, 'query', function spied(this: pg.Client, ...args: unknown[]) {
        sent.push(typeof args[0] === 'string' ? args[0] : JSON.stringify(args[0]));
        return Reflect.apply(send, this, args);
      });
      try {
        await work();
      } finally {
        Reflect.set(pg.Client.prototype, 'query', send);
      }
      return sent;
    },
    async stall() {
      const blocker = await database.db.pool.connect();
      await blocker.query('begin; lock table sluice.tokens');
      return async () => {
        await blocker.query('rollback');
        blocker.release();
      };
    },
    async close() {
      await own.close();
      await database.drop();
    },
  };
}

async function onRedis(): Promise<TestCache> {
  // of its own, since it is going to be frozen
  const server = await startRedis();
  const place = { redis: { url: server.url, prefix: 'test' } };
  const own = connectCache(place);
  const client = new Redis(server.url);
  client.on('error', () => undefined);
  const at = (kind: string, name: string): string => `test:token:${kind}:${name}`;
  const change = async (key: string, changes: object): Promise<void> => {
    const stored = JSON.parse((await client.get(key)) ?? '{}') as object;
    await client.set(key, JSON.stringify({ ...stored, ...changes }), 'KEEPTTL');
  };
  return {
    place,
    cache: own.cache,
    async lockEnds(key) {
      const { until } = JSON.parse((await client.get(at('lock', key))) ?? '{"until":"0"}') as {
        until: string;
      };
      return Number(until) / 1000;
    },
    endLock: (key) => change(at('lock', key), { until: '0' }),
    tokensOfFlow: async (flow) => client.exists(at('flow', flow)),
    async sealedOf(key) {
      return (JSON.parse((await client.get(at('entry', key))) ?? '{}') as { sealed: string }).sealed;
    },
    replaceSealed: (key, sealed) => change(at('entry', key), { sealed }),
    async everything() {
      const all: string[] = [];
      for (const kind of ['entry', 'lock', 'failure']) {
        const keys = await client.keys(at(kind, '*'));
        if (keys.length === 0) throw new Error(`there is no ${kind}`);
        for (const key of keys) all.push(key, (await client.get(key)) ?? '');
      }
      return all;
    },
    empty: async () => void (await server.command('FLUSHALL')),
    async sentBy(work) {
      const monitor = await client.monitor();
      const sent: string[] = [];
      const marked = new Promise<void>((resolve) => {
        monitor.on('monitor', (_time: string, args: string[], source: string) => {
          if (args[0]?.toLowerCase() === 'echo') resolve();
          else if (source !== 'lua') sent.push(args.join(' '));
        });
      });
      await work();
      // what was sent before this mark has been told
      await client.echo('done');
      await marked;
      monitor.disconnect();
      return sent;
    },
    async stall() {
      server.freeze();
      return async () => server.thaw();
    },
    async close() {
      client.disconnect();
      await own.close();
      await server.close();
    },
  };
}
