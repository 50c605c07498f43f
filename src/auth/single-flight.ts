/** Gets one token for the whole fleet: look into the cache, take the lock, look again, request, store. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../errors.ts';
import type { CacheSnapshot, TokenCache, TokenEntry } from './cache.ts';
import type { TokenSubject } from './contract.ts';
import type { RequestCause, TokenEventBody } from './events.ts';
import { nextFailure, rememberedError, timedError } from './failure-memory.ts';
import { fingerprint } from './fingerprint.ts';
import type { Flight } from './flights.ts';
import type { TokenIdentity } from './identity.ts';
import { isUsable, renewalDue } from './lifetime.ts';
import type { OAuthClient } from './oauth.ts';
import type { IssuedToken } from './token-answer.ts';

const FIRST_POLL_MS = 25;
const LAST_POLL_MS = 250;
/** A token with more than this is served while another process renews it. */
const GOOD_ENOUGH_MS = 5_000;
const TRY_AGAIN_MS = 5_000;

/** The shared cache does not answer: the caller falls back to its own process. */
export class CacheDown extends Error {
  override readonly name = 'CacheDown';
}

/** One cache with the way in which tokens lie in it. */
export interface Level {
  readonly name: 'memory' | 'shared';
  /** @throws CacheDown */
  call<T>(work: (cache: TokenCache) => Promise<T>): Promise<T>;
  seal(value: string, key: string): string;
  /** null where the entry can't be read: it counts as absent */
  open(entry: TokenEntry): string | null;
}

export interface Want extends TokenIdentity {
  readonly token: TokenSubject;
  readonly minLifeMs: number | undefined;
  readonly ignoreFailures: boolean;
  /** renews a token that is still good, and leaves it to whoever is at it already */
  readonly ahead: boolean;
  /** the token before this one was rejected */
  readonly wasRejected: boolean;
  readonly voyage: Flight;
}

export interface Obtained {
  /** `sealed` holds the plain token */
  readonly entry: TokenEntry;
  /** this call sent the request */
  readonly fresh: boolean;
}

export interface SingleFlightOptions {
  readonly oauth: OAuthClient;
  readonly now: () => number;
  readonly random: () => number;
  readonly ownerId: string;
  readonly lockLifeMs: number;
  /** ends requests and waits when the service closes */
  readonly closing: AbortSignal;
  /** keeps an opened token in this process */
  readonly remember: (entry: TokenEntry) => void;
  readonly onEvent: (want: Want, event: TokenEventBody) => void;
}

/**
 * A usable token from this level, requested under its lock where it has none.
 *
 * @throws CacheDown where the level does not answer and no request was sent yet; SluiceError otherwise
 */
export async function obtain(level: Level, want: Want, options: SingleFlightOptions): Promise<Obtained> {
  const { now, random, closing } = options;
  const start = now();
  for (let poll = 0; ; poll += 1) {
    closing.throwIfAborted();
    const { entry, usable } = await look(level, want, options);
    if (usable !== null) {
      options.onEvent(want, poll === 0 ? { type: 'hit', level: level.name } : waited(now() - start));
      return { entry: usable, fresh: false };
    }
    const owner = `${options.ownerId}:${poll}`;
    const fence = await level.call((cache) => cache.acquire(want.key, owner, options.lockLifeMs));
    if (fence !== null) {
      if (poll > 0) options.onEvent(want, waited(now() - start));
      return requestUnderLock(level, want, { owner, fence }, options);
    }
    if (entry !== null && isGoodEnough(entry, want, now())) {
      return { entry, fresh: false };
    }
    if (want.voyage.isAbandoned()) {
      options.onEvent(want, waited(now() - start));
      throw tokenWait(now());
    }
    const pause = Math.min(LAST_POLL_MS, FIRST_POLL_MS * 1.5 ** poll) * (0.5 + random() / 2);
    await sleep(pause, undefined, { signal: closing }).catch(() => closing.throwIfAborted());
  }
}

/** Whether a token that is due may be used while another process renews it. */
function isGoodEnough(entry: TokenEntry, want: Want, now: number): boolean {
  return want.ahead || (want.minLifeMs === undefined && entry.expiresAt - now > GOOD_ENOUGH_MS);
}

/** Somebody else requests the token and has not finished in time. */
export function tokenWait(now: number): SluiceError {
  return new SluiceError('token_wait', 'The token is being requested and did not come in time.', {
    details: { retryAt: now + TRY_AGAIN_MS },
  });
}

function waited(ms: number): TokenEventBody {
  return { type: 'lock_wait', ms };
}

interface Look {
  /** the token that lies there and has not expired */
  readonly entry: TokenEntry | null;
  /** the same where it lives long enough */
  readonly usable: TokenEntry | null;
  readonly snapshot: CacheSnapshot;
}

/** @throws SluiceError the remembered one, where no request is welcome yet */
async function look(level: Level, want: Want, options: SingleFlightOptions): Promise<Look> {
  const snapshot = await level.call((cache) => cache.read(want.key, want.subject));
  const now = options.now();
  let entry: TokenEntry | null = null;
  if (snapshot.token !== null && snapshot.token.expiresAt > now) {
    const value = level.open(snapshot.token);
    if (value !== null) {
      entry = { ...snapshot.token, sealed: value };
      if (!want.voyage.isDetached()) options.remember(entry);
      const usable = want.ahead ? now < renewalDue(entry) : isUsable(entry, now, want.minLifeMs);
      if (usable) return { entry, usable: entry, snapshot };
    }
  }
  const { failure } = snapshot;
  if (failure !== null && failure.retryAt > now && !want.ignoreFailures) throw rememberedError(failure);
  return { entry, usable: null, snapshot };
}

interface HeldLock {
  readonly owner: string;
  readonly fence: bigint;
}

async function requestUnderLock(
  level: Level,
  want: Want,
  lock: HeldLock,
  options: SingleFlightOptions,
): Promise<Obtained> {
  const stopRenewing = keepLock(level, want, lock, options);
  try {
    // the previous holder may have stored one between our look and our lock
    const { usable, entry: old, snapshot } = await look(level, want, options);
    if (usable !== null) return { entry: usable, fresh: false };
    const cause = causeOf(want, old, snapshot, options.now());
    const issued = await request(level, want, { snapshot, cause }, options);
    const entry: TokenEntry = {
      key: want.key,
      subject: want.subject,
      flow: want.flow,
      sealed: issued.value,
      fingerprint: fingerprint(issued.value),
      scopes: issued.scopes,
      obtainedAt: issued.obtainedAt,
      expiresAt: issued.obtainedAt + issued.lifetimeMs,
      fence: lock.fence,
    };
    await store(level, want, entry, snapshot, options);
    return { entry, fresh: true };
  } finally {
    stopRenewing();
    await whereItAnswers(level.call((cache) => cache.release(want.key, lock.owner, lock.fence)));
  }
}

function causeOf(want: Want, old: TokenEntry | null, snapshot: CacheSnapshot, now: number): RequestCause {
  if (want.wasRejected) return 'rejected';
  if (want.ahead) return 'ahead';
  if (old !== null && isUsable(old, now)) return 'min_life';
  return snapshot.token === null ? 'first' : 'expired';
}

async function request(
  level: Level,
  want: Want,
  { snapshot, cause }: { readonly snapshot: CacheSnapshot; readonly cause: RequestCause },
  options: SingleFlightOptions,
): Promise<IssuedToken> {
  const start = options.now();
  const ended = (outcome: string): void =>
    options.onEvent(want, { type: 'request', outcome, ms: options.now() - start, cause });
  try {
    const issued = await options.oauth.requestToken(want.token, options.closing);
    ended('ok');
    return issued;
  } catch (error) {
    options.closing.throwIfAborted();
    if (!(error instanceof SluiceError)) throw error;
    ended(error.code);
    const failure = nextFailure(error, snapshot.failure, options.now(), options.random);
    await whereItAnswers(level.call((cache) => cache.rememberFailure(want.subject, failure)));
    options.onEvent(want, { type: 'failure_remembered', error: error.code, retryAt: failure.retryAt });
    throw timedError(error, failure.retryAt);
  }
}

async function store(
  level: Level,
  want: Want,
  entry: TokenEntry,
  snapshot: CacheSnapshot,
  options: SingleFlightOptions,
): Promise<void> {
  if (entry.expiresAt > entry.obtainedAt) {
    const sealed = { ...entry, sealed: level.seal(entry.sealed, want.key) };
    const stored = await whereItAnswers(level.call((cache) => cache.write(sealed)));
    // overtaken: this token serves its callers, the cache keeps the newer one
    if (stored !== false && !want.voyage.isDetached()) options.remember(entry);
  }
  if (snapshot.failure !== null) {
    await whereItAnswers(level.call((cache) => cache.forgetFailures(want.subject)));
  }
}

/** Prolongs the lock three times per life while the request runs; a lock that was lost is not fought for. */
function keepLock(level: Level, want: Want, lock: HeldLock, options: SingleFlightOptions): () => void {
  const timer = setInterval(() => {
    void whereItAnswers(
      level.call((cache) => cache.renew(want.key, lock.owner, lock.fence, options.lockLifeMs)),
    ).then((held) => {
      if (held === false) clearInterval(timer);
    });
  }, options.lockLifeMs / 3);
  return () => clearInterval(timer);
}

/** What happens after a request was sent must not lose its token because the cache has gone. */
async function whereItAnswers<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CacheDown) return undefined;
    throw error;
  }
}
