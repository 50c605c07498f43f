/** How often a holder of an API key may ask: a steady rate with room for a burst, by each web process for itself. */
import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { SluiceError } from '../../errors.ts';
import { createMemoryLimiterStore } from '../../outbound/limiter.ts';
import type { WebEnv } from '../contract.ts';
import { problemResponse } from '../problem.ts';

export interface ApiRate {
  readonly perMinute: number;
  /** requests that may come at once after a pause */
  readonly burst: number;
}

export const defaultApiRate: ApiRate = { perMinute: 1200, burst: 200 };

/** Must come after the key has been accepted: only keys that exist have a bucket. */
export function limitRate(rate: ApiRate, now: () => number): MiddlewareHandler<WebEnv> {
  const store = createMemoryLimiterStore(now);
  const intervalMs = 60_000 / rate.perMinute;
  const toleranceMs = (rate.burst - 1) * intervalMs;
  return async (c, next) => {
    const sent = c.req.header('authorization') ?? '';
    const key = createHash('sha256')
      .update(sent.replace(/^\S+ +/, ''))
      .digest('base64');
    const waitMs = await store.take({ key, intervalMs, toleranceMs }, 0);
    if (waitMs === 0) return next();
    const seconds = Math.ceil(waitMs / 1000);
    c.header('Retry-After', String(seconds));
    const message = `This key has asked more than ${rate.perMinute} times a minute; the next request is due in ${seconds} s.`;
    return problemResponse(c, new SluiceError('api_rate_limited', message));
  };
}
