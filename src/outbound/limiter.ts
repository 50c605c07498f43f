/**
 * Pacing: keeps the fleet within a provider's limits before the provider has to say so. Each limit is a bucket that
 * all processes share, under the key by which the provider counts; a request takes its turn, waits briefly in
 * place, or is told when to come back, so that waiting holds no worker slot.
 *
 * The bucket is GCRA, the virtual scheduling of ITU-T I.371: one stored moment per key, the time at which the next
 * request would be due if all came evenly. It knows no windows, so no burst can hide at a window's edge.
 */
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Rate, StreamDefinition } from '../providers/contract.ts';

/** A turn that is due sooner than this is waited for in place, in milliseconds. */
const WAIT_IN_PLACE_MS = 4_000;
/**
 * Of a limit that is stated as a window, this share may come at once; the rest is spread evenly. A sustained load so
 * takes 60 % of the limit, and leaves room for other integrations that the provider counts together with us.
 */
const WINDOW_BURST_SHARE = 0.4;

export interface Bucket {
  readonly key: string;
  /** milliseconds between two requests in the long run */
  readonly intervalMs: number;
  /** milliseconds that the schedule may run ahead: requests that come at once, less one, times the interval */
  readonly toleranceMs: number;
}

/** Where buckets are kept: shared by the fleet. */
export interface LimiterStore {
  /**
   * Takes the next turn and returns how many milliseconds away it is, 0 for now. A turn further away than `maxWaitMs`
   * is not taken; its distance is returned all the same.
   */
  take(bucket: Bucket, maxWaitMs: number): Promise<number>;
  /** Gives no turn before `delayMs` from now: the provider has said so. */
  block(bucket: Bucket, delayMs: number): Promise<void>;
}

export interface Limiter {
  /**
   * Waits for this request's turn under every limit that concerns it. Returns how many milliseconds it waited.
   *
   * @throws SluiceError `rate_paced` (rate_limited) with `details.retryAt` where the turn is too far away to wait for
   */
  admit(
    connection: ResolvedConnection,
    stream: StreamDefinition | undefined,
    signal?: AbortSignal,
  ): Promise<number>;
  /** The provider answered that it is too much: nobody asks under this key before `until` (epoch milliseconds). */
  refused(connection: ResolvedConnection, stream: StreamDefinition | undefined, until: number): Promise<void>;
}

export interface LimiterOptions {
  readonly store: LimiterStore;
  /** serves when the shared one doesn't answer: this process alone keeps the pace */
  readonly fallback: LimiterStore;
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onWait?: (provider: string, ms: number) => void;
  /** the turn is too far away to wait for in place */
  readonly onDeferred?: (provider: string) => void;
  readonly onStoreDown?: (error: unknown) => void;
}

export function createLimiter(options: LimiterOptions): Limiter {
  const { now } = options;
  const shared = async <T>(work: (store: LimiterStore) => Promise<T>): Promise<T> => {
    try {
      return await work(options.store);
    } catch (error) {
      options.onStoreDown?.(error);
      return work(options.fallback);
    }
  };
  return {
    async admit(connection, stream, signal) {
      let waited = 0;
      for (const bucket of bucketsOf(connection, stream)) {
        const wait = await shared((store) => store.take(bucket, WAIT_IN_PLACE_MS));
        if (wait > WAIT_IN_PLACE_MS) {
          const seconds = Math.ceil(wait / 1000);
          options.onDeferred?.(connection.provider.id);
          throw new SluiceError(
            'rate_paced',
            `The next request to ${connection.provider.title} under its limit is due in ${seconds} s.`,
            { details: { retryAt: Math.ceil(now() + wait) } },
          );
        }
        if (wait > 0) {
          options.onWait?.(connection.provider.id, wait);
          await options.sleep(wait, signal);
          waited += wait;
        }
      }
      return waited;
    },
    async refused(connection, stream, until) {
      const delay = until - now();
      if (delay <= 0) return;
      for (const bucket of bucketsOf(connection, stream)) await shared((store) => store.block(bucket, delay));
    },
  };
}

/**
 * The buckets that a request takes from, under the keys by which the provider counts. An endpoint with a rate of its
 * own has a bucket of its own; the connection's `requestsPerMinute` takes the place of the provider's general rate,
 * for whoever has agreed on another one.
 */
export function bucketsOf(connection: ResolvedConnection, stream: StreamDefinition | undefined): Bucket[] {
  const own = connection.limits.requestsPerMinute;
  const chosen: Rate | undefined =
    own === undefined ? undefined : { requests: own, perSeconds: 60, burst: Math.ceil(own / 10) };
  const rate = stream?.rate;
  if (rate === undefined && connection.provider.limits.length === 0) {
    return chosen === undefined ? [] : [bucket(`connection:${connection.id}`, chosen)];
  }
  return connection.provider.limits.map((limit) => {
    const key = limit.key(connection);
    return rate === undefined || stream === undefined
      ? bucket(key, chosen ?? limit)
      : bucket(`${key}:${stream.name}`, rate);
  });
}

/**
 * With a stated burst the bucket is the provider's own. Without one the limit is a number per window, whose edges we
 * don't know: a part may come at once and the rest is spread, so that no window of that length ever holds more.
 */
function bucket(key: string, rate: Rate): Bucket {
  const burst = rate.burst ?? Math.max(1, Math.floor(rate.requests * WINDOW_BURST_SHARE));
  const steady = rate.burst === undefined ? Math.max(1, rate.requests - burst) : rate.requests;
  const intervalMs = (rate.perSeconds * 1000) / steady;
  return { key, intervalMs, toleranceMs: (burst - 1) * intervalMs };
}

/** Buckets of this process alone. */
export function createMemoryLimiterStore(now: () => number): LimiterStore {
  const due = new Map<string, number>();
  return {
    take({ key, intervalMs, toleranceMs }, maxWaitMs) {
      const at = now();
      const base = Math.max(due.get(key) ?? 0, at);
      const wait = Math.max(0, base - toleranceMs - at);
      if (wait <= maxWaitMs) due.set(key, base + intervalMs);
      return Promise.resolve(wait);
    },
    block({ key, toleranceMs }, delayMs) {
      due.set(key, Math.max(due.get(key) ?? 0, now() + delayMs + toleranceMs));
      return Promise.resolve();
    },
  };
}
