/** The documented rate limit: 50 requests in a 60 seconds window, per account, shared by all of its integrations. */

export interface Limits {
  requests: number;
  windowSeconds: number;
  /** how Retry-After is written; the documentation doesn't say which */
  retryAfter: 'seconds' | 'date' | 'none';
}

export const documentedLimits: Limits = { requests: 50, windowSeconds: 60, retryAfter: 'seconds' };

export interface RateLimiter {
  /** Counts a request, or says in milliseconds when the next one will be taken. A refused request isn't counted. */
  take(): { readonly accepted: true } | { readonly accepted: false; readonly waitMs: number };
}

/** A sliding window, the strictest reading: no 60 seconds ever see more than 50 requests. `limits` may change at any time. */
export function createRateLimiter(limits: Limits, now: () => number): RateLimiter {
  let taken: number[] = [];
  return {
    take() {
      const time = now();
      const windowMs = limits.windowSeconds * 1000;
      taken = taken.filter((one) => one > time - windowMs);
      if (taken.length >= limits.requests) {
        const freed = taken[taken.length - limits.requests] ?? time;
        return { accepted: false, waitMs: freed + windowMs - time };
      }
      taken.push(time);
      return { accepted: true };
    },
  };
}
