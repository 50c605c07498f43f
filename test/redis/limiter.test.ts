import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisLimiterStore } from '../../src/outbound/limiter-stores.ts';
import type { LimiterStore } from '../../src/outbound/limiter.ts';
import { closeRedis, connectRedis, type RedisClient } from '../../src/store/redis.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';

describe('the rate limits on Redis', () => {
  let redis: PrivateRedis;
  let client: RedisClient;
  let store: LimiterStore;
  beforeAll(async () => {
    redis = await startRedis();
    client = connectRedis(
      { url: redis.url, prefix: 'test' },
      { name: 'test', patient: true, onError: () => {} },
    );
    store = createRedisLimiterStore(client, 'test');
  });
  afterAll(async () => {
    redis.thaw();
    await closeRedis(client);
    await redis.close();
  });

  it('give exactly the burst to callers that come at once', async () => {
    const bucket = { key: 'k', intervalMs: 60_000, toleranceMs: 2 * 60_000 };
    const waits = await Promise.all(Array.from({ length: 20 }, () => store.take(bucket, 0)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    for (const wait of waits.filter((each) => each > 0)) {
      expect(wait).toBeGreaterThan(50_000);
      expect(wait).toBeLessThanOrEqual(60_000);
    }
  });

  it('hand out turns one after the other, and forget them by themselves', async () => {
    const bucket = { key: 'queue', intervalMs: 1_000, toleranceMs: 0 };
    const waits: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) waits.push(Math.round((await store.take(bucket, 10_000)) / 1000));
    expect(waits).toEqual([0, 1, 2, 3]);
    const life = Number(await redis.command('PTTL', 'test:rate:queue'));
    expect(life).toBeGreaterThan(1_000);
    expect(life).toBeLessThanOrEqual(5_000);
  });

  it('are blocked as long as the provider says, for one key only, and never for less', async () => {
    const blocked = { key: 'blocked', intervalMs: 100, toleranceMs: 900 };
    await store.block(blocked, 30_000);
    await store.block(blocked, 1_000);
    const wait = await store.take(blocked, 0);
    expect(wait).toBeGreaterThan(28_000);
    expect(wait).toBeLessThanOrEqual(30_000);
    expect(await store.take({ ...blocked, key: 'free' }, 0)).toBe(0);
  });

  it('take a value that is no number for none', async () => {
    await redis.command('SET', 'test:rate:odd', 'odd');
    expect(await store.take({ key: 'odd', intervalMs: 1_000, toleranceMs: 0 }, 0)).toBe(0);
  });

  it('fail within a bounded time while Redis is frozen', async () => {
    redis.freeze();
    const started = performance.now();
    await expect(store.take({ key: 'frozen', intervalMs: 1, toleranceMs: 0 }, 0)).rejects.toThrow(
      'does not answer',
    );
    expect(performance.now() - started).toBeLessThan(10_000);
    redis.thaw();
  });
});
