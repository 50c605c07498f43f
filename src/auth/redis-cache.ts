/**
 * The shared token cache on Redis. Each method that must be atomic is one script; locks go by Redis' clock.
 *
 * Every key has a time to live, so that Redis forgets what nobody sweeps. A value that can't be read, or that
 * somebody else has put there, counts as absent and is overwritten. Keys:
 * `entry:KEY` a token; `lock:KEY` the lock and the fence of its last holder; `failure:SUBJECT`, `cooldown:SUBJECT`;
 * and as indexes `flow:FLOW` (keys of a flow), `subject:SUBJECT` (keys by the time they were obtained) and `expiry`
 * (keys by the time they expire).
 */
import { untilReady, withoutCommand, type RedisClient } from '../store/redis.ts';
import {
  SWEEP_AFTER_MS,
  type CacheSnapshot,
  type RejectionOutcome,
  type TokenCache,
  type TokenEntry,
} from './cache.ts';
import { readFailure } from './failure-memory.ts';
import * as scripts from './redis-scripts.ts';

const DEFAULT_TIMEOUT_MS = 2_000;
/** Tokens of one subject that `newest` looks through. */
const NEWEST_OF = 100;

export interface RedisCacheOptions {
  /** best a connection of its own, without an offline queue: what is asked while Redis is away must fail */
  readonly client: RedisClient;
  /** of every key */
  readonly prefix: string;
  /** milliseconds for one call, the wait for the connection included; default 2,000 */
  readonly timeoutMs?: number;
}

export function createRedisCache(options: RedisCacheOptions): TokenCache {
  const { client } = options;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const at = (...parts: string[]): string => [options.prefix, 'token', ...parts].join(':');
  const bounded = <T>(work: () => Promise<T>, onLate?: (result: T) => void): Promise<T> =>
    withinTime(client, work, timeoutMs, onLate);
  const run = (script: string, keys: string[], args: (string | number)[]): Promise<unknown> =>
    client.eval(script, keys.length, ...keys, ...args);

  async function giveBack(key: string, owner: string, fence: bigint): Promise<void> {
    await run(scripts.release, [at('lock', key)], [owner, String(fence)]);
  }

  return {
    async read(key, subject): Promise<CacheSnapshot> {
      // MGET answers null for a value of another type
      const [token, failure] = await bounded(() => client.mget(at('entry', key), at('failure', subject)));
      return { token: entryOf(token, key), failure: readFailure(parsed(failure)) };
    },

    async acquire(key, owner, lifeMs) {
      const fence = await bounded(
        () =>
          run(
            scripts.acquire,
            [at('lock', key), at('entry', key)],
            [owner, lifeMs, SWEEP_AFTER_MS],
          ) as Promise<string | null>,
        // A lock taken for a caller that has left would block the others.
        (late) =>
          void (late === null ? undefined : giveBack(key, owner, BigInt(late)).catch(() => undefined)),
      );
      return fence === null ? null : BigInt(fence);
    },

    async renew(key, owner, fence, lifeMs) {
      const held = await bounded(() =>
        run(scripts.renew, [at('lock', key)], [owner, String(fence), lifeMs, SWEEP_AFTER_MS]),
      );
      return held === 1;
    },

    release: (key, owner, fence) => bounded(() => giveBack(key, owner, fence)),

    async write(entry) {
      const { key, subject, flow } = entry;
      const stored = await bounded(() =>
        run(
          scripts.write,
          [
            at('entry', key),
            at('lock', key),
            at('expiry'),
            at('subject', subject),
            ...(flow === null ? [] : [at('flow', flow)]),
          ],
          [
            JSON.stringify({ ...entry, fence: String(entry.fence) }),
            String(entry.fence),
            key,
            Math.round(entry.obtainedAt),
            Math.round(entry.expiresAt),
            SWEEP_AFTER_MS,
            NEWEST_OF,
          ],
        ),
      );
      return stored === 1;
    },

    async reject({ key, subject, fingerprint, now, coolDownMs, force }) {
      return (await bounded(() =>
        run(
          scripts.reject,
          [at('entry', key), at('cooldown', subject), at('expiry')],
          [key, fingerprint, Math.round(now), coolDownMs, force ? 1 : 0, SWEEP_AFTER_MS],
        ),
      )) as RejectionOutcome;
    },

    async newest(subject, now) {
      const keys = await bounded(() => members(client.zrevrange(at('subject', subject), 0, NEWEST_OF - 1)));
      if (keys.length === 0) return null;
      const values = await bounded(() => client.mget(keys.map((key) => at('entry', key))));
      const entries = values.map((value, index) => entryOf(value, keys[index] ?? ''));
      return entries.find((entry) => entry?.subject === subject && entry.expiresAt > now) ?? null;
    },

    async health(subject) {
      const [failure, coolDown] = await bounded(() =>
        client.mget(at('failure', subject), at('cooldown', subject)),
      );
      const until = Number(parsed(coolDown)?.['until']);
      return {
        failure: readFailure(parsed(failure)),
        coolDownUntil: Number.isFinite(until) ? until : null,
      };
    },

    async dropFlow(flow) {
      const keys = await bounded(() => members(client.smembers(at('flow', flow))));
      if (keys.length === 0) return;
      await bounded(() =>
        run(
          scripts.dropFlow,
          [at('flow', flow), at('expiry'), ...keys.flatMap((key) => [at('entry', key), at('lock', key)])],
          [flow, at('subject', ''), ...keys],
        ),
      );
    },

    async rememberFailure(subject, failure) {
      const life = Math.max(0, Math.ceil(failure.retryAt - Date.now())) + SWEEP_AFTER_MS;
      await bounded(() => client.set(at('failure', subject), JSON.stringify(failure), 'PX', life));
    },
    async forgetFailures(subject) {
      await bounded(() => client.del(at('failure', subject)));
    },

    async sweep(now) {
      // Redis forgets by itself; this keeps the index short and takes what has expired by our clock at once.
      const keys = await bounded(() => members(client.zrangebyscore(at('expiry'), '-inf', now)));
      let removed = 0;
      for (const key of keys) {
        const swept = await bounded(() =>
          run(scripts.sweep, [at('entry', key), at('expiry')], [key, Math.round(now)]),
        );
        if (swept === 1) removed += 1;
      }
      return removed;
    },
  };
}

/** An index that somebody else has put a value of another type in place of holds nothing. */
async function members(asked: Promise<string[]>): Promise<string[]> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return [];
    throw error;
  }
}

function entryOf(value: string | null | undefined, key: string): TokenEntry | null {
  const stored = parsed(value);
  if (stored === null) return null;
  const { subject, flow, sealed, fingerprint, scopes, obtainedAt, expiresAt, fence } = stored;
  if (
    stored.key !== key ||
    typeof subject !== 'string' ||
    (flow !== null && typeof flow !== 'string') ||
    typeof sealed !== 'string' ||
    typeof fingerprint !== 'string' ||
    !Array.isArray(scopes) ||
    !scopes.every((scope) => typeof scope === 'string') ||
    typeof obtainedAt !== 'number' ||
    typeof expiresAt !== 'number' ||
    !Number.isFinite(obtainedAt + expiresAt) ||
    typeof fence !== 'string' ||
    !/^\d{1,18}$/.test(fence)
  )
    return null;
  return { key, subject, flow, sealed, fingerprint, scopes, obtainedAt, expiresAt, fence: BigInt(fence) };
}

function parsed(value: string | null | undefined): Record<string, unknown> | null {
  if (value === null || value === undefined) return null;
  try {
    const stored: unknown = JSON.parse(value);
    return typeof stored === 'object' && stored !== null ? (stored as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** One piece of work within `timeoutMs`, the wait for the connection included. `onLate` gets what comes after it. */
async function withinTime<T>(
  client: RedisClient,
  work: () => Promise<T>,
  timeoutMs: number,
  onLate?: (result: T) => void,
): Promise<T> {
  let expired = false;
  const asked = (async () => {
    await untilReady(client, timeoutMs);
    if (expired) throw new Error('too late to ask');
    return work();
  })();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      expired = true;
      reject(new Error(`the token cache gave no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  void asked.then(
    (result) => {
      if (expired) onLate?.(result);
    },
    () => undefined,
  );
  try {
    return await Promise.race([asked, timeout]);
  } catch (error) {
    throw withoutCommand(error as Error);
  } finally {
    clearTimeout(timer);
  }
}
