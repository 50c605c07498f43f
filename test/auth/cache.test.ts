import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TokenCache, TokenEntry } from '../../src/auth/cache.ts';
import { createMemoryCache } from '../../src/auth/memory-cache.ts';
import { openTestCache, type TestCache } from '../support/token-cache.ts';

let shared: TestCache;
beforeAll(async () => {
  shared = await openTestCache();
});
afterAll(() => shared.close());

let keys = 0;
const newKey = () => `key-${(keys += 1)}`;

function entry(key: string, fence: bigint, more: Partial<TokenEntry> = {}): TokenEntry {
  const obtainedAt = Date.now();
  return {
    key,
    subject: `subject of ${key}`,
    flow: null,
    sealed: `sealed-${fence}`,
    fingerprint: `print-${fence}`,
    scopes: ['a', 'b'],
    obtainedAt,
    expiresAt: obtainedAt + 60_000,
    fence,
    ...more,
  };
}

async function acquired(cache: TokenCache, key: string, owner: string, lifeMs = 60_000): Promise<bigint> {
  const fence = await cache.acquire(key, owner, lifeMs);
  if (fence === null) throw new Error('the lock is held');
  return fence;
}

const caches: [string, () => TokenCache][] = [
  ['shared', () => shared.cache],
  ['memory', () => createMemoryCache(Date.now)],
];

describe.each(caches)('the %s cache', (_name, create) => {
  test('gives back what was written, exactly', async () => {
    const cache = create();
    const key = newKey();
    expect(await cache.read(key, 's')).toEqual({ token: null, failure: null });
    const written = entry(key, await acquired(cache, key, 'a'), {
      flow: 'flow',
      scopes: ['x,y', '"z"', 'ö'],
    });
    expect(await cache.write(written)).toBe(true);
    expect((await cache.read(key, 's')).token).toEqual(written);
  });

  test('gives a lock to one of many at once', async () => {
    const cache = create();
    const key = newKey();
    const fences = await Promise.all(
      Array.from({ length: 20 }, (_, index) => cache.acquire(key, `owner-${index}`, 60_000)),
    );
    expect(fences.filter((fence) => fence !== null)).toHaveLength(1);
  });

  test('raises the fence with every holder, and not below its clock in microseconds', async () => {
    const cache = create();
    const key = newKey();
    const before = BigInt(Date.now()) * 1000n;
    let last = 0n;
    for (let round = 0; round < 5; round += 1) {
      const fence = await acquired(cache, key, 'a');
      expect(fence).toBeGreaterThan(last);
      // the database server runs on this machine
      expect(fence).toBeGreaterThanOrEqual(before);
      last = fence;
      await cache.release(key, 'a', fence);
    }
  });

  test('exceeds a fence from the future, also where the lock itself was swept away', async () => {
    const cache = create();
    const future = BigInt(Date.now() + 3_600_000) * 1000n;
    const key = newKey();
    await cache.write(entry(key, future));
    expect(await acquired(cache, key, 'a')).toBe(future + 1n);
  });

  test('frees a lock when its life is over, and renews it for its owner until then', async () => {
    const cache = create();
    const key = newKey();
    const fence = await acquired(cache, key, 'a', 60_000);
    expect(await cache.renew(key, 'a', fence, 1)).toBe(true);
    await expect.poll(() => cache.acquire(key, 'b', 60_000), { interval: 5 }).not.toBeNull();
    expect(await cache.renew(key, 'a', fence, 60_000)).toBe(false);
    expect(await cache.acquire(key, 'c', 60_000)).toBeNull();
  });

  test('lets nobody release the lock of another', async () => {
    const cache = create();
    const key = newKey();
    const first = await acquired(cache, key, 'a', 0);
    const second = await acquired(cache, key, 'b');
    await cache.release(key, 'a', first);
    await cache.release(key, 'a', second);
    await cache.release(key, 'b', first);
    expect(await cache.acquire(key, 'c', 60_000)).toBeNull();
    await cache.release(key, 'b', second);
    expect(await cache.acquire(key, 'c', 60_000)).not.toBeNull();
  });

  test('refuses a late writer, whether or not the next holder has written', async () => {
    const cache = create();
    const key = newKey();
    const late = await acquired(cache, key, 'a', 0);
    const current = await acquired(cache, key, 'b');
    expect(await cache.write(entry(key, late))).toBe(false);
    expect((await cache.read(key, '')).token).toBeNull();
    expect(await cache.write(entry(key, current))).toBe(true);
    expect(await cache.write(entry(key, late))).toBe(false);
    expect((await cache.read(key, '')).token?.fence).toBe(current);
  });

  test('refuses an older fence also where the lock itself was swept away', async () => {
    const cache = create();
    const key = newKey();
    expect(await cache.write(entry(key, 5n))).toBe(true);
    expect(await cache.write(entry(key, 4n))).toBe(false);
    expect((await cache.read(key, '')).token?.fence).toBe(5n);
  });

  const rejection = (token: TokenEntry, now: number, force = false) => ({
    key: token.key,
    subject: token.subject,
    fingerprint: token.fingerprint,
    now,
    coolDownMs: 60_000,
    force,
  });

  test('drops a rejected token for the first who reports it', async () => {
    const cache = create();
    const key = newKey();
    const token = entry(key, 1n);
    await cache.write(token);
    const now = token.obtainedAt + 1_000;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => cache.reject(rejection(token, now))));
    expect(outcomes.toSorted()).toEqual([...Array<string>(19).fill('gone'), 'replaced']);
    await cache.write(entry(key, 2n));
    expect(await cache.reject(rejection(token, now))).toBe('newer');
    expect((await cache.read(key, '')).token?.fence).toBe(2n);
  });

  test('keeps a rejected token that was obtained during the cool-down, until that is over', async () => {
    const cache = create();
    const key = newKey();
    const start = Date.now();
    const first = entry(key, 1n, { obtainedAt: start - 10 });
    await cache.write(first);
    expect(await cache.reject(rejection(first, start))).toBe('replaced');
    const second = entry(key, 2n, { obtainedAt: start });
    await cache.write(second);
    expect(await cache.reject(rejection(second, start + 59_999))).toBe('cooling');
    expect((await cache.read(key, '')).token?.fence).toBe(2n);
    expect(await cache.reject(rejection(second, start + 59_999, true))).toBe('replaced');
    const third = entry(key, 3n, { obtainedAt: start });
    await cache.write(third);
    expect(await cache.reject(rejection(third, start + 60_000))).toBe('replaced');
  });

  test('applies the cool-down of one flow to tokens that others obtained since, and to no older ones', async () => {
    const cache = create();
    const start = Date.now();
    const subject = newKey();
    const flows = [0, 1, 2].map((index) =>
      entry(newKey(), 1n, { subject, flow: `flow-${index}`, obtainedAt: start + (index - 2) * 1_000 }),
    );
    const [first, older, newer] = flows as [TokenEntry, TokenEntry, TokenEntry];
    for (const token of flows) await cache.write(token);
    expect(await cache.reject(rejection(first, start - 500))).toBe('replaced');
    expect(await cache.reject(rejection(newer, start + 1_000))).toBe('cooling');
    expect(await cache.reject(rejection(older, start + 1_000))).toBe('replaced');
    // the second replacement has not moved the cool-down
    await cache.write({ ...first, fence: 2n, obtainedAt: start - 400 });
    expect(await cache.reject(rejection(first, start + 2_000))).toBe('cooling');
  });

  test('remembers failures until they are forgotten; the cool-down outlasts them', async () => {
    const cache = create();
    const key = newKey();
    const token = entry(key, 1n);
    const now = token.obtainedAt;
    await cache.write(token);
    await cache.reject(rejection(token, now));
    expect((await cache.read(key, token.subject)).failure).toBeNull();
    const failure = {
      failures: 2,
      since: now - 1_000,
      retryAt: now + 5_000,
      error: { code: 'c', message: 'm', advice: 'a', details: { status: 503, scopes: ['x'] } },
    };
    await cache.rememberFailure(token.subject, { ...failure, failures: 1 });
    await cache.rememberFailure(token.subject, failure);
    expect((await cache.read(key, token.subject)).failure).toEqual(failure);
    await cache.forgetFailures(token.subject);
    expect((await cache.read(key, token.subject)).failure).toBeNull();
    const next = entry(key, 2n, { obtainedAt: now });
    await cache.write(next);
    expect(await cache.reject(rejection(next, now + 1))).toBe('cooling');
  });

  test('shows the newest living token of a subject', async () => {
    const cache = create();
    const subject = newKey();
    const now = Date.now();
    await cache.write(entry(newKey(), 1n, { subject, obtainedAt: now - 20, fingerprint: 'old' }));
    await cache.write(entry(newKey(), 1n, { subject, obtainedAt: now - 10, fingerprint: 'new' }));
    await cache.write(entry(newKey(), 1n, { subject, obtainedAt: now, expiresAt: now, fingerprint: 'over' }));
    await cache.write(entry(newKey(), 1n, { obtainedAt: now, fingerprint: 'foreign' }));
    expect((await cache.newest(subject, now))?.fingerprint).toBe('new');
    expect(await cache.newest('nobody', now)).toBeNull();
  });

  test('drops the tokens of one flow', async () => {
    const cache = create();
    const [a, b, c] = [newKey(), newKey(), newKey()];
    await cache.write(entry(a, 1n, { flow: 'ending' }));
    await cache.write(entry(b, 1n, { flow: 'other' }));
    await cache.write(entry(c, 1n));
    await cache.dropFlow('ending');
    const left = await Promise.all([a, b, c].map(async (key) => (await cache.read(key, '')).token?.flow));
    expect(left).toEqual([undefined, 'other', null]);
  });

  test('sweeps away what has expired, and nothing else', async () => {
    const cache = create();
    const now = Date.now();
    await cache.sweep(now + 10 * 3_600_000);
    const [living, over] = [newKey(), newKey()];
    await cache.write(entry(living, 1n, { expiresAt: now + 1 }));
    await cache.write(entry(over, 1n, { expiresAt: now }));
    const fence = await acquired(cache, living, 'a');
    expect(await cache.sweep(now)).toBe(1);
    expect((await cache.read(living, '')).token).not.toBeNull();
    expect((await cache.read(over, '')).token).toBeNull();
    expect(await cache.renew(living, 'a', fence, 60_000)).toBe(true);
  });
});

test('the memory cache keeps no more than it may', async () => {
  const cache = createMemoryCache(Date.now, 3);
  for (let index = 0; index < 5; index += 1) cache.remember(entry(`k${index}`, 1n));
  expect(['k0', 'k1', 'k2', 'k3', 'k4'].map((key) => cache.peek(key) !== null)).toEqual([
    false,
    false,
    true,
    true,
    true,
  ]);
});
