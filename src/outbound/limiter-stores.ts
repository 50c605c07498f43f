/** The limiter's buckets where the fleet shares them: in Postgres, or in Redis by one script. */
import type pg from 'pg';
import { blockTurns, takeTurn } from '../store/rate-limits.ts';
import type { RedisClient } from '../store/redis.ts';
import type { LimiterStore } from './limiter.ts';

/** How long a store may take, in milliseconds: pacing must not become the thing that is waited for. */
const TIMEOUT_MS = 2_000;

export function createPostgresLimiterStore(pool: pg.Pool): LimiterStore {
  return {
    take: (bucket, maxWaitMs) => inTime(takeTurn(pool, bucket, maxWaitMs)),
    block: (bucket, delayMs) => inTime(blockTurns(pool, bucket, delayMs)),
  };
}

/**
 * KEYS: the bucket. ARGV: interval, tolerance, longest wait, all in milliseconds. Answers the wait as text; the key
 * lives as long as its moment lies ahead, since afterwards an absent key means the same.
 */
const TAKE = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local interval, tolerance, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local base = math.max(due, now)
local wait = math.max(0, base - tolerance - now)
if wait <= longest then
  redis.call('SET', KEYS[1], string.format('%.3f', base + interval), 'PX', math.ceil(base + interval - now) + 1000)
end
return string.format('%.3f', wait)`;

const BLOCK = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local ahead = tonumber(ARGV[1])
local due = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
if now + ahead > due then
  redis.call('SET', KEYS[1], string.format('%.3f', now + ahead), 'PX', math.ceil(ahead) + 1000)
end`;

/** `prefix` begins every key. */
export function createRedisLimiterStore(client: RedisClient, prefix: string): LimiterStore {
  const at = (key: string): string => `${prefix}:rate:${key}`;
  return {
    async take({ key, intervalMs, toleranceMs }, maxWaitMs) {
      return Number(await inTime(client.eval(TAKE, 1, at(key), intervalMs, toleranceMs, maxWaitMs)));
    },
    async block({ key, toleranceMs }, delayMs) {
      await inTime(client.eval(BLOCK, 1, at(key), delayMs + toleranceMs));
    },
  };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the store of the rate limits does not answer')), TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
