/**
 * The token cache that a fleet shares: tokens, the locks of the single flight, and the memory of failures.
 * Each method is atomic in the cache and ends within a bounded time, by a throw where the cache doesn't answer.
 *
 * A *fence* numbers the holders of a lock: it grows with every holder, so a writer that was overtaken can be told
 * from the current one. It is at least the cache server's time in microseconds, so that an emptied cache doesn't
 * turn it back.
 */

export interface TokenEntry {
  /** see `TokenIdentity` */
  readonly key: string;
  readonly subject: string;
  readonly flow: string | null;
  /** the token, encrypted wherever it leaves the process */
  readonly sealed: string;
  readonly fingerprint: string;
  readonly scopes: readonly string[];
  /** epoch milliseconds, as all moments here, by the clock of the process that asked */
  readonly obtainedAt: number;
  readonly expiresAt: number;
  /** of the lock under which it was requested */
  readonly fence: bigint;
}

/** What is remembered of the last failed token request of a subject. */
export interface FailureMemory {
  /** failures in a row */
  readonly failures: number;
  /** of the first of them */
  readonly since: number;
  /** no request before this moment */
  readonly retryAt: number;
  readonly error: RememberedError;
}

interface RememberedError {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface CacheSnapshot {
  readonly token: TokenEntry | null;
  readonly failure: FailureMemory | null;
}

/** How a subject fares, whichever flow asked. */
export interface SubjectHealth {
  readonly failure: FailureMemory | null;
  /** end of the cool-down after a rejected token; null where none is known */
  readonly coolDownUntil: number | null;
}

export interface Rejection {
  readonly key: string;
  readonly subject: string;
  /** of the token that the provider answered with 401 */
  readonly fingerprint: string;
  readonly now: number;
  readonly coolDownMs: number;
  /** replaces the token even during the cool-down */
  readonly force: boolean;
}

/**
 * `replaced`: the cache held that token and dropped it, and the cool-down began unless one was running.
 * `newer`: it holds another one. `gone`: it holds none, so a replacement is due or on its way.
 * `cooling`: it holds that token, which was obtained during the cool-down, and keeps it.
 */
export type RejectionOutcome = 'replaced' | 'newer' | 'gone' | 'cooling';

export interface TokenCache {
  read(key: string, subject: string): Promise<CacheSnapshot>;

  /** Takes the lock for `lifeMs` where nobody holds it; returns the fence, or null. */
  acquire(key: string, owner: string, lifeMs: number): Promise<bigint | null>;
  /** Prolongs the lock to `lifeMs` from now; false where it is no longer the owner's. */
  renew(key: string, owner: string, fence: bigint, lifeMs: number): Promise<boolean>;
  /** Gives the lock back; does nothing where it is no longer the owner's. */
  release(key: string, owner: string, fence: bigint): Promise<void>;

  /** Stores a token; false where a later holder of the lock has come since. */
  write(entry: TokenEntry): Promise<boolean>;
  reject(rejection: Rejection): Promise<RejectionOutcome>;
  /** The token of a subject that was obtained last, of any flow, and lives at `now`. */
  newest(subject: string, now: number): Promise<TokenEntry | null>;
  health(subject: string): Promise<SubjectHealth>;
  dropFlow(flow: string): Promise<void>;

  rememberFailure(subject: string, failure: FailureMemory): Promise<void>;
  /** Forgets the failures of a subject; a cool-down goes on. */
  forgetFailures(subject: string): Promise<void>;

  /** Removes what has expired; returns the number of tokens, locks and memories removed. */
  sweep(now: number): Promise<number>;
}

/** Locks and memories are kept this long after they have lost their meaning, for late writers and for a look. */
export const SWEEP_AFTER_MS = 60 * 60 * 1000;
