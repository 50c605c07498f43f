import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRedisCache } from '../../src/auth/redis-cache.ts';
import type { TokenEntry } from '../../src/auth/cache.ts';
import { identify } from '../../src/auth/identity.ts';
import { closeRedis, connectRedis, type RedisClient } from '../../src/store/redis.ts';
import { askedBy, newSubject, server, useTokenFleet } from '../auth/token-fleet.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait.ts';

/** The limit of one call to the cache in these tests, in milliseconds. */
const CACHE_MS = 1_000;

let redis: PrivateRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

const place = () => ({ redis: { url: redis.url, prefix: 'trouble' } });
const processes = useTokenFleet(place, { cacheTimeoutMs: CACHE_MS });

interface Trouble {
  readonly name: string;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

const troubles: readonly Trouble[] = [
  { name: 'down', begin: () => redis.kill(), end: () => redis.restart() },
  { name: 'frozen', begin: async () => redis.freeze(), end: async () => redis.thaw() },
  {
    name: 'a replica that cannot be written to',
    // its primary answers nowhere
    begin: async () => void (await redis.command('REPLICAOF', '127.0.0.1', '1')),
    end: async () => void (await redis.command('REPLICAOF', 'NO', 'ONE')),
  },
  {
    name: 'short of replicas to write to',
    begin: async () => void (await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1')),
    end: async () => void (await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')),
  },
  {
    name: 'out of memory',
    begin: async () => {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
      await redis.command('SET', 'ballast', 'x').catch(() => undefined);
    },
    end: async () => void (await redis.command('CONFIG', 'SET', 'maxmemory', '0')),
  },
];

describe.each(troubles)('a Redis that is $name', ({ begin, end }) => {
  afterEach(end);

  test('costs one token request per process, in a bounded time, also of processes that have just started', async () => {
    const subject = newSubject();
    const known = processes(2);
    // their connections stand
    await Promise.all(known.map(({ cache }) => cache.read('nothing', '')));
    await begin();
    const fleet = [...known, ...processes(1)];
    const started = performance.now();
    const tokens = await askedBy(fleet, subject);
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(server.requests).toHaveLength(3);
    expect(new Set(tokens.map(({ value }) => value)).size).toBe(3);
    await askedBy(fleet, subject);
    expect(server.requests).toHaveLength(3);
  });
});

test('a Redis that is back is used again by every process', async () => {
  const offset = { ms: 0 };
  const fleet = processes(3, { now: () => Date.now() + offset.ms });
  await askedBy(fleet, newSubject(), 1);
  for (const { begin, end } of troubles.slice(0, 3)) {
    await begin();
    await askedBy(fleet, newSubject(), 1);
    await end();
    // past the pause in which a cache that did not answer is left alone
    offset.ms += 10_000;
    await waitFor(async () => {
      const reads = await Promise.allSettled(fleet.map(({ cache }) => cache.read('nothing', '')));
      return reads.every(({ status }) => status === 'fulfilled') ? true : undefined;
    }, 10_000);
    offset.ms += 10_000;
    const subject = newSubject();
    const before = server.requests.length;
    await askedBy(fleet, subject);
    expect(server.requests).toHaveLength(before + 1);
  }
}, 60_000);

test('a Redis that is emptied while a token is requested costs at most one request per process, and keeps the newest', async () => {
  const fleet = processes(3, { cacheTimeoutMs: 5_000 });
  const subject = newSubject();
  const { key } = identify(subject, '');
  const stored = async () => (await fleet[0]?.cache.read(key, ''))?.token?.fingerprint ?? null;
  const waiting: (() => void)[] = [];
  server.answer = () => new Promise((resolve) => waiting.push(() => resolve(server.grant())));
  const first = askedBy(fleet, subject);
  await expect.poll(() => server.requests.length).toBe(1);
  await redis.command('FLUSHALL');
  // another process finds no lock
  await expect.poll(() => server.requests.length, { timeout: 5_000 }).toBe(2);
  await redis.command('FLUSHALL');
  await expect.poll(() => server.requests.length, { timeout: 5_000 }).toBe(3);
  // the one who took the lock last is answered first, the late ones after it
  const [late, later, last] = waiting;
  last?.();
  await expect.poll(stored).not.toBeNull();
  const kept = await stored();
  late?.();
  later?.();
  await first;
  expect(server.requests).toHaveLength(3);
  expect(await stored()).toBe(kept);
  // now all of them go over to the one that was kept, and hold it when the cache is emptied once more
  const tokens = await askedBy(fleet, subject);
  expect(new Set(tokens.map(({ fingerprint }) => fingerprint))).toEqual(new Set([kept]));
  await redis.command('FLUSHALL');
  await askedBy(fleet, subject);
  expect(server.requests).toHaveLength(3);
});

describe('the cache', () => {
  let client: RedisClient;
  let cache: ReturnType<typeof createRedisCache>;
  beforeAll(() => {
    client = connectRedis({ url: redis.url, prefix: 'x' }, { name: 'test', onError: () => undefined });
    cache = createRedisCache({ client, prefix: 'x' });
  });
  afterAll(() => closeRedis(client));

  function entry(key: string, fence: bigint): TokenEntry {
    return {
      key,
      subject: `subject of ${key}`,
      flow: `flow of ${key}`,
      sealed: 'sealed',
      fingerprint: 'print',
      scopes: ['a'],
      obtainedAt: Date.now(),
      expiresAt: Date.now() + 60_000,
      fence,
    };
  }
  const failure = {
    failures: 1,
    since: Date.now(),
    retryAt: Date.now() + 1_000,
    error: { code: 'c', message: 'm', advice: 'a', details: {} },
  };
  const rejection = (token: TokenEntry) => ({
    key: token.key,
    subject: token.subject,
    fingerprint: token.fingerprint,
    now: Date.now(),
    coolDownMs: 1_000,
    force: false,
  });

  test('gives every key a time to live that outlasts what it holds', async () => {
    await redis.command('FLUSHALL');
    const fence = (await cache.acquire('a', 'me', 20_000)) ?? 0n;
    await cache.write(entry('a', fence));
    await cache.renew('a', 'me', fence, 30_000);
    await cache.release('a', 'me', fence);
    await cache.write(entry('b', 1n));
    await cache.rememberFailure('subject of a', failure);
    await cache.reject(rejection(entry('b', 1n)));
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys.map((key) => key.split(':').slice(0, 3).join(':')).toSorted()).toEqual([
      'x:token:cooldown',
      'x:token:entry',
      'x:token:expiry',
      'x:token:failure',
      'x:token:flow',
      'x:token:flow',
      'x:token:lock',
      'x:token:subject',
      'x:token:subject',
    ]);
    for (const key of keys) {
      const life = Number(await redis.command('PTTL', key));
      expect(life, key).toBeGreaterThan(60_000);
      expect(life, key).toBeLessThan(4_000_000);
    }
  });

  test.each([
    ['no JSON', (key: string) => redis.command('SET', key, '{half')],
    [
      'JSON of another shape',
      (key: string) => redis.command('SET', key, '{"fence":true,"until":[],"owner":7}'),
    ],
    ['a number', (key: string) => redis.command('SET', key, '7')],
    ['a list', (key: string) => redis.command('RPUSH', key, 'a')],
    ['a hash', (key: string) => redis.command('HSET', key, 'fence', '1')],
  ])('takes %s in the place of its values for nothing, and writes over it', async (_name, put) => {
    await redis.command('FLUSHALL');
    const kinds = ['entry:k', 'lock:k', 'failure:s', 'cooldown:s', 'expiry', 'subject:s', 'flow:f'];
    for (const kind of kinds) await put(`x:token:${kind}`);
    expect(await cache.read('k', 's')).toEqual({ token: null, failure: null });
    expect(await cache.newest('s', 0)).toBeNull();
    await cache.sweep(Date.now());
    expect(['gone', 'newer']).toContain(await cache.reject({ ...rejection(entry('k', 1n)), subject: 's' }));
    const fence = await cache.acquire('k', 'me', 20_000);
    expect(fence).not.toBeNull();
    const token = { ...entry('k', fence ?? 0n), subject: 's', flow: 'f' };
    expect(await cache.write(token)).toBe(true);
    await cache.rememberFailure('s', failure);
    expect(await cache.read('k', 's')).toEqual({ token, failure });
    expect(await cache.newest('s', 0)).toEqual(token);
    expect(await cache.reject(rejection(token))).toBe('replaced');
    expect(await cache.write({ ...token, fence: token.fence + 1n })).toBe(true);
    await cache.dropFlow('f');
    expect((await cache.read('k', 's')).token).toBeNull();
  });

  test('takes a lock that would never end, and a fence beyond all numbers, for nothing', async () => {
    await redis.command('FLUSHALL');
    const value = { owner: 'x', fence: '9'.repeat(30), until: '9'.repeat(30) };
    await redis.command('SET', 'x:token:lock:k', JSON.stringify(value));
    await redis.command('SET', 'x:token:entry:k', JSON.stringify({ ...entry('k', 1n), fence: '1e300' }));
    const fence = await cache.acquire('k', 'me', 20_000);
    expect(fence).not.toBeNull();
    const token = entry('k', fence ?? 0n);
    expect(await cache.write(token)).toBe(true);
    expect((await cache.read('k', '')).token).toEqual(token);
    // one that a process of ours holds is respected still
    expect(await cache.acquire('k', 'other', 20_000)).toBeNull();
  });

  test('gives a lock back although Redis has no memory left', async () => {
    await redis.command('FLUSHALL');
    const fence = (await cache.acquire('k', 'me', 600_000)) ?? 0n;
    await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
    try {
      await expect(cache.write(entry('k', fence))).rejects.toThrow('OOM');
      await cache.release('k', 'me', fence);
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await cache.acquire('k', 'next', 1_000)).toBeGreaterThan(fence);
  });

  test('never turns a fence back when it is emptied', async () => {
    const before = (await cache.acquire('f', 'a', 0)) ?? 0n;
    await redis.command('FLUSHALL');
    expect(await cache.acquire('f', 'b', 0)).toBeGreaterThan(before);
  });

  test('gives back a lock that was granted after its caller had left', async () => {
    const hasty = createRedisCache({ client, prefix: 'x', timeoutMs: 100 });
    await hasty.read('late', '');
    redis.freeze();
    try {
      await expect(hasty.acquire('late', 'gone', 600_000)).rejects.toThrow('no answer within 100 ms');
    } finally {
      redis.thaw();
    }
    await expect.poll(() => cache.acquire('late', 'next', 60_000), { timeout: 5_000 }).not.toBeNull();
  });

  test('answers within its time where Redis does not, and leaves no command behind', async () => {
    const hasty = createRedisCache({ client, prefix: 'x', timeoutMs: 100 });
    await hasty.read('k', 's');
    redis.freeze();
    const started = performance.now();
    try {
      await expect(hasty.read('k', 's')).rejects.toThrow('no answer within 100 ms');
      await expect(hasty.newest('s', 0)).rejects.toThrow('no answer within 100 ms');
      expect(performance.now() - started).toBeLessThan(2_000);
    } finally {
      redis.thaw();
    }
  });
});
