/** The token cache of one process: the first level of every read, and what is left when the shared cache is down. */
import {
  SWEEP_AFTER_MS,
  type FailureMemory,
  type RejectionOutcome,
  type TokenCache,
  type TokenEntry,
} from './cache.ts';

const DEFAULT_MAX_ENTRIES = 1_000;

export interface MemoryCache extends TokenCache {
  /** Keeps a token that the shared cache holds; no fence is compared, since the shared cache has done so. */
  remember(entry: TokenEntry): void;
  forget(key: string, fingerprint: string): void;
  /** As `read`, but at once. */
  peek(key: string): TokenEntry | null;
}

interface Lock {
  readonly owner: string | null;
  readonly fence: bigint;
  readonly until: number;
}

interface CoolDown {
  readonly from: number;
  readonly until: number;
}

/** @param maxEntries of tokens, of locks and of memories; above it the oldest go */
export function createMemoryCache(now: () => number, maxEntries = DEFAULT_MAX_ENTRIES): MemoryCache {
  const tokens = new Map<string, TokenEntry>();
  const locks = new Map<string, Lock>();
  const failures = new Map<string, FailureMemory>();
  const coolDowns = new Map<string, CoolDown>();

  function keep<T>(map: Map<string, T>, key: string, value: T): void {
    map.delete(key);
    map.set(key, value);
    if (map.size <= maxEntries) return;
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  }

  function isHeld(lock: Lock | undefined, owner: string, fence: bigint): boolean {
    return lock?.owner === owner && lock.fence === fence;
  }

  return {
    peek: (key) => tokens.get(key) ?? null,
    remember: (entry) => keep(tokens, entry.key, entry),
    forget(key, fingerprint) {
      if (tokens.get(key)?.fingerprint === fingerprint) tokens.delete(key);
    },

    async read(key, subject) {
      return { token: tokens.get(key) ?? null, failure: failures.get(subject) ?? null };
    },

    async acquire(key, owner, lifeMs) {
      const lock = locks.get(key);
      if (lock !== undefined && lock.owner !== null && lock.until > now()) return null;
      const previous = lock?.fence ?? tokens.get(key)?.fence ?? 0n;
      const time = BigInt(now()) * 1000n;
      const fence = previous >= time ? previous + 1n : time;
      keep(locks, key, { owner, fence, until: now() + lifeMs });
      return fence;
    },
    async renew(key, owner, fence, lifeMs) {
      if (!isHeld(locks.get(key), owner, fence)) return false;
      locks.set(key, { owner, fence, until: now() + lifeMs });
      return true;
    },
    async release(key, owner, fence) {
      if (isHeld(locks.get(key), owner, fence)) locks.set(key, { owner: null, fence, until: now() });
    },

    async write(entry) {
      const lock = locks.get(entry.key);
      const stored = tokens.get(entry.key);
      if (lock !== undefined && lock.fence > entry.fence) return false;
      if (stored !== undefined && stored.fence >= entry.fence) return false;
      keep(tokens, entry.key, entry);
      return true;
    },

    async reject({ key, subject, fingerprint, now: at, coolDownMs, force }): Promise<RejectionOutcome> {
      const stored = tokens.get(key);
      if (stored === undefined) return 'gone';
      if (stored.fingerprint !== fingerprint) return 'newer';
      const coolDown = coolDowns.get(subject);
      const cooling = coolDown !== undefined && coolDown.until > at;
      if (!force && cooling && stored.obtainedAt >= coolDown.from) return 'cooling';
      tokens.delete(key);
      if (!cooling) keep(coolDowns, subject, { from: at, until: at + coolDownMs });
      return 'replaced';
    },

    async newest(subject, at) {
      let newest: TokenEntry | null = null;
      for (const entry of tokens.values()) {
        if (entry.subject !== subject || entry.expiresAt <= at) continue;
        if (newest === null || entry.obtainedAt > newest.obtainedAt) newest = entry;
      }
      return newest;
    },

    async health(subject) {
      return {
        failure: failures.get(subject) ?? null,
        coolDownUntil: coolDowns.get(subject)?.until ?? null,
      };
    },

    async dropFlow(flow) {
      for (const [key, entry] of tokens) {
        if (entry.flow !== flow) continue;
        tokens.delete(key);
        locks.delete(key);
      }
    },

    async rememberFailure(subject, failure) {
      keep(failures, subject, failure);
    },
    async forgetFailures(subject) {
      failures.delete(subject);
    },

    async sweep(at) {
      return (
        drop(tokens, (entry) => entry.expiresAt <= at) +
        drop(locks, (lock) => lock.until <= at - SWEEP_AFTER_MS) +
        drop(failures, (failure) => failure.retryAt <= at - SWEEP_AFTER_MS) +
        drop(coolDowns, (coolDown) => coolDown.until <= at)
      );
    },
  };
}

function drop<T>(map: Map<string, T>, isOver: (value: T) => boolean): number {
  let dropped = 0;
  for (const [key, value] of map) {
    if (isOver(value) && map.delete(key)) dropped += 1;
  }
  return dropped;
}
