import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bucketsOf,
  createLimiter,
  createMemoryLimiterStore,
  type Bucket,
  type LimiterStore,
} from '../../src/outbound/limiter.ts';
import type { ResolvedConnection } from '../../src/providers/connection.ts';
import type { Rate, StreamDefinition } from '../../src/providers/contract.ts';
import { blockTurns, sweepTurns, takeTurn } from '../../src/store/rate-limits.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Only what the limiter looks at. */
function connectionWith(limits: readonly (Rate & { key: string })[], own?: number): ResolvedConnection {
  return {
    id: 'acme',
    provider: {
      id: 'p',
      title: 'P',
      limits: limits.map(({ key, ...rate }) => ({ ...rate, key: () => key })),
    },
    limits: { concurrency: 1, ...(own === undefined ? {} : { requestsPerMinute: own }) },
  } as unknown as ResolvedConnection;
}

const windowed = { key: 'tenant', requests: 50, perSeconds: 60 };

describe('buckets', () => {
  it('are the provider’s, by the key it counts by', () => {
    expect(bucketsOf(connectionWith([windowed]), undefined).map((bucket) => bucket.key)).toEqual(['tenant']);
  });

  it('have the connection’s own rate where it names one', () => {
    expect(bucketsOf(connectionWith([windowed], 600), undefined)).toEqual([
      { key: 'tenant', intervalMs: 100, toleranceMs: 59 * 100 },
    ]);
    expect(bucketsOf(connectionWith([], 60), undefined)).toEqual([
      { key: 'connection:acme', intervalMs: 1_000, toleranceMs: 5 * 1_000 },
    ]);
    expect(bucketsOf(connectionWith([]), undefined)).toEqual([]);
  });

  it('are the endpoint’s where it has a rate of its own', () => {
    const stream = { name: 'slow', rate: { requests: 2, perSeconds: 1, burst: 200 } } as StreamDefinition;
    const [bucket] = bucketsOf(connectionWith([windowed]), stream);
    expect(bucket).toEqual({ key: 'tenant:slow', intervalMs: 500, toleranceMs: 199 * 500 });
  });

  it('never let more than a window’s requests through in any window of that length', async () => {
    let now = 1_000_000;
    const store = createMemoryLimiterStore(() => now);
    const [bucket] = bucketsOf(connectionWith([windowed]), undefined) as [Bucket];
    const admitted: number[] = [];
    // a pause first, then as fast as it goes: the worst case for a burst
    for (let step = 0; step < 40_000; step += 1) {
      if ((await store.take(bucket, 0)) === 0) admitted.push(now);
      now += step % 7_000 === 6_999 ? 90_000 : 10;
    }
    expect(admitted.length).toBeGreaterThan(200);
    for (const from of admitted) {
      const inWindow = admitted.filter((at) => at >= from && at < from + 60_000).length;
      expect(inWindow).toBeLessThanOrEqual(50);
    }
  });

  it('let a stated burst through at once, and then the steady rate', async () => {
    let now = 0;
    const store = createMemoryLimiterStore(() => now);
    const [bucket] = bucketsOf(
      connectionWith([{ key: 'k', requests: 3.4, perSeconds: 1, burst: 1000 }]),
      undefined,
    ) as [Bucket];
    let through = 0;
    while ((await store.take(bucket, 0)) === 0) through += 1;
    expect(through).toBe(1000);
    now += 10_000;
    while ((await store.take(bucket, 0)) === 0) through += 1;
    expect(through).toBe(1034);
  });
});

describe.each(['memory', 'Postgres'])('the store in %s', (kind) => {
  let database: TestDatabase | undefined;
  let store: LimiterStore;
  const bucket: Bucket = { key: 'k', intervalMs: 60_000, toleranceMs: 2 * 60_000 };
  beforeAll(async () => {
    if (kind === 'memory') {
      store = createMemoryLimiterStore(Date.now);
      return;
    }
    database = await createTestDatabase();
    const { pool } = database.db;
    store = {
      take: (given, maxWaitMs) => takeTurn(pool, given, maxWaitMs),
      block: (given, delayMs) => blockTurns(pool, given, delayMs),
    };
  });
  afterAll(() => database?.drop());

  it('gives exactly the burst to callers that come at once', async () => {
    const waits = await Promise.all(Array.from({ length: 20 }, () => store.take(bucket, 0)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    for (const wait of waits.filter((each) => each > 0)) {
      expect(wait).toBeGreaterThan(50_000);
      expect(wait).toBeLessThanOrEqual(60_000);
    }
  });

  it('hands out turns one after the other to those who will wait', async () => {
    const own = { key: 'queue', intervalMs: 1_000, toleranceMs: 0 };
    const waits: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) waits.push(Math.round((await store.take(own, 10_000)) / 1000));
    expect(waits).toEqual([0, 1, 2, 3]);
  });

  it('is blocked as long as the provider says, and for one key only', async () => {
    const [own, other] = [
      { key: 'blocked', intervalMs: 100, toleranceMs: 900 },
      { key: 'free', intervalMs: 100, toleranceMs: 900 },
    ];
    await store.block(own, 30_000);
    const wait = await store.take(own, 0);
    expect(wait).toBeGreaterThan(28_000);
    expect(wait).toBeLessThanOrEqual(30_000);
    expect(await store.take(other, 0)).toBe(0);
  });

  it('forgets what has passed', async () => {
    if (database === undefined) return;
    await database.db.pool.query(`insert into sluice.rate_limits values ('old', 1)`);
    expect(await sweepTurns(database.db.pool)).toBe(1);
  });
});

describe('the limiter', () => {
  const tight = connectionWith([{ key: 't', requests: 1, perSeconds: 3, burst: 1 }]);

  it('waits in place for a turn that is near, and sends away from one that is far', async () => {
    let now = 0;
    const slept: number[] = [];
    const memory = createMemoryLimiterStore(() => now);
    const limiter = createLimiter({
      store: memory,
      fallback: memory,
      now: () => now,
      sleep: (ms) => {
        slept.push(ms);
        return Promise.resolve();
      },
    });
    await limiter.admit(tight, undefined);
    await limiter.admit(tight, undefined);
    expect(slept).toEqual([3_000]);
    await expect(limiter.admit(tight, undefined)).rejects.toMatchObject({
      code: 'rate_paced',
      kind: 'rate_limited',
      details: { retryAt: 6_000 },
    });
    now = 6_000;
    await limiter.admit(tight, undefined);
    expect(slept).toEqual([3_000]);
  });

  it('heeds the provider’s refusal for everybody under that key', async () => {
    const memory = createMemoryLimiterStore(() => 0);
    const limiter = createLimiter({
      store: memory,
      fallback: memory,
      now: () => 0,
      sleep: () => Promise.resolve(),
    });
    await limiter.refused(tight, undefined, 45_000);
    await expect(limiter.admit(tight, undefined)).rejects.toMatchObject({ details: { retryAt: 45_000 } });
  });

  it('goes on alone when the shared store does not answer', async () => {
    const down: LimiterStore = {
      take: () => Promise.reject(new Error('down')),
      block: () => Promise.reject(new Error('down')),
    };
    const troubles: unknown[] = [];
    const limiter = createLimiter({
      store: down,
      fallback: createMemoryLimiterStore(() => 0),
      now: () => 0,
      sleep: () => Promise.resolve(),
      onStoreDown: (error) => troubles.push(error),
    });
    await limiter.refused(tight, undefined, 45_000);
    await expect(limiter.admit(tight, undefined)).rejects.toMatchObject({ code: 'rate_paced' });
    expect(troubles).toHaveLength(2);
  });
});
