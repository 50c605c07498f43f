/**
 * The documented rate limits: a bucket for each API key and endpoint, filled at the rate of the endpoint's summary.
 * https://developer.floriday.io/docs/rate-limiting
 */

import type { Endpoint } from './resources.ts';

export interface Limits {
  mode: 'documented' | 'off';
  /** how a 429 says when to come back; the documentation mentions no such header */
  retryAfter: 'none' | 'seconds' | 'date';
}

export const documentedLimits: Limits = { mode: 'documented', retryAfter: 'none' };

export interface RateLimiter {
  /** Takes a call from the bucket, or says in milliseconds when there will be one. A refused call takes nothing. */
  take(key: string, endpoint: Endpoint): number;
}

/** @param now wall time in milliseconds */
export function createRateLimiter(limits: Limits, now: () => number): RateLimiter {
  const buckets = new Map<string, { calls: number; at: number }>();
  return {
    take(key, { path, rate }) {
      if (limits.mode === 'off' || rate === null) return 0;
      const time = now();
      const name = `${key} ${path}`;
      const bucket = buckets.get(name) ?? { calls: rate.burst, at: time };
      const refilled = bucket.calls + (Math.max(0, time - bucket.at) / 1000) * rate.perSecond;
      const calls = Math.min(rate.burst, refilled);
      buckets.set(name, { calls: calls >= 1 ? calls - 1 : calls, at: time });
      return calls >= 1 ? 0 : Math.ceil(((1 - calls) / rate.perSecond) * 1000);
    },
  };
}
