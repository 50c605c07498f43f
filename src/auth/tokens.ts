/** The token service: memory, then the shared cache, then one request for the whole fleet. */
import { setMaxListeners } from 'node:events';
import { SluiceError } from '../errors.ts';
import type { Rejection, RejectionOutcome, SubjectHealth, TokenCache, TokenEntry } from './cache.ts';
import type { AccessToken, TokenOptions, TokenService, TokenSubject } from './contract.ts';
import type { TokenEvent, TokenEventBody } from './events.ts';
import { createFlights, type Flight } from './flights.ts';
import { identify, type TokenIdentity } from './identity.ts';
import { isUsable } from './lifetime.ts';
import { createMemoryCache } from './memory-cache.ts';
import type { OAuthClient } from './oauth.ts';
import { createRenewals } from './renewals.ts';
import {
  CacheDown,
  obtain,
  tokenWait,
  type Level,
  type Obtained,
  type SingleFlightOptions,
} from './single-flight.ts';
import { tokenInfo, tokenStatus } from './token-view.ts';
import type { Vault } from './vault.ts';

const LOCK_LIFE_MS = 15_000;
const COOL_DOWN_MS = 60_000;
const MAX_WAIT_MS = 10_000;
/** How long a cache that did not answer is left alone. */
const CACHE_PAUSE_MS = 5_000;
/** A caller who wants a longer life than the token it shared gets a second chance, not an endless one. */
const MAX_JOINS = 3;
/** A renewal ahead of time has nobody who waits for it: it takes what its request takes. */
const RENEWAL_WAIT_MS = 60_000;
/** Requests that no call has been told of yet, and rejections that no request has followed: more are forgotten. */
const MAX_NOTES = 1_000;

export interface TokenServiceOptions {
  /** shared by the fleet */
  readonly cache: TokenCache;
  readonly oauth: OAuthClient;
  readonly vault: Pick<Vault, 'encrypt' | 'decrypt'>;
  /** epoch milliseconds */
  readonly now: () => number;
  /** 0 (included) to 1 (excluded) */
  readonly random: () => number;
  /** names this process in the cache's locks; unique in the fleet */
  readonly ownerId: string;
  readonly logger?: { warn(details: object, message: string): void };
  readonly onEvent?: (event: TokenEvent) => void;
  /** milliseconds after which the lock of a dead process is free; default 15,000 */
  readonly lockLifeMs?: number;
  /** milliseconds after a rejected token in which its replacement is not replaced again; default 60,000 */
  readonly coolDownMs?: number;
}

export function createTokenService(options: TokenServiceOptions): TokenService {
  const { now } = options;
  const coolDownMs = options.coolDownMs ?? COOL_DOWN_MS;
  const memory = createMemoryCache(now);
  const flights = createFlights<Obtained>();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  let cachePausedUntil = -Infinity;
  /** keys whose last request no call has been told of */
  const untold = new Set<string>();
  /** keys whose token was rejected, until the request that follows */
  const rejected = new Set<string>();

  const shared: Level = {
    name: 'shared',
    async call(work) {
      const pause = cachePausedUntil - now();
      // a clock that was set back must not make a pause of hours of it
      if (pause > 0 && pause <= CACHE_PAUSE_MS)
        throw new CacheDown('the shared token cache is left alone for a while');
      try {
        return await work(options.cache);
      } catch (cause) {
        cachePausedUntil = now() + CACHE_PAUSE_MS;
        const reason = cause instanceof Error ? cause.message : String(cause);
        options.logger?.warn(
          { reason },
          'the shared token cache does not answer; this process goes on alone',
        );
        throw new CacheDown('the shared token cache does not answer', { cause });
      }
    },
    seal: (value, key) => options.vault.encrypt(value, rowIdentity(key)),
    open(entry) {
      try {
        const value = options.vault.decrypt(entry.sealed, rowIdentity(entry.key));
        return /^[\x21-\x7e]+$/.test(value) ? value : null;
      } catch {
        // written with a key that is gone, or damaged: a new token is cheaper than an error
        return null;
      }
    },
  };
  const alone: Level = {
    name: 'memory',
    call: (work) => work(memory),
    seal: (value) => value,
    open: (entry) => entry.sealed,
  };
  const flightOptions: SingleFlightOptions = {
    oauth: options.oauth,
    now,
    random: options.random,
    ownerId: options.ownerId,
    lockLifeMs: options.lockLifeMs ?? LOCK_LIFE_MS,
    closing: stop.signal,
    remember: (entry) => memory.remember(entry),
    onEvent: (want, event) => tell(want.token, event),
  };

  function tell(subject: TokenSubject, event: TokenEventBody): void {
    options.onEvent?.({ ...event, provider: subject.provider, connectionId: subject.connectionId });
  }

  /** Joins the request under way in this process, or starts one. */
  function board(
    subject: TokenSubject,
    id: TokenIdentity,
    wish: Pick<TokenOptions, 'minLifeMs' | 'ignoreFailures' | 'signal'> & { readonly ahead?: boolean },
    timeoutMs: number,
  ): Promise<Obtained> {
    const { minLifeMs, ignoreFailures = false, ahead = false } = wish;
    const start = async (voyage: Flight): Promise<Obtained> => {
      const wasRejected = rejected.has(id.key);
      const want = { ...id, token: subject, minLifeMs, ignoreFailures, ahead, wasRejected, voyage };
      const obtained = await obtain(shared, want, flightOptions).catch((error: unknown) => {
        if (!(error instanceof CacheDown)) throw error;
        tell(subject, { type: 'cache_down' });
        return obtain(alone, want, flightOptions);
      });
      if (obtained.fresh) {
        rejected.delete(id.key);
        note(untold, id.key);
      }
      return obtained;
    };
    return flights.join(flightKey(id, ignoreFailures), start, {
      tag: id.flow,
      signal: wish.signal,
      timeoutMs,
      onTimeout: () => tokenWait(now()),
    });
  }

  async function fetchToken(
    subject: TokenSubject,
    id: TokenIdentity,
    wish: TokenOptions,
  ): Promise<TokenEntry> {
    const deadline = performance.now() + (wish.maxWaitMs ?? MAX_WAIT_MS);
    for (let join = 1; ; join += 1) {
      const { entry, fresh } = await board(subject, id, wish, Math.max(0, deadline - performance.now()));
      if (fresh || join === MAX_JOINS || isUsable(entry, now(), wish.minLifeMs)) return entry;
    }
  }

  const renewals = createRenewals({
    now,
    random: options.random,
    async renew(id, subject) {
      const { entry } = await board(subject, id, { ahead: true }, RENEWAL_WAIT_MS);
      return entry;
    },
  });

  /** What a call gets. One call of each request hears that it was sent, whoever waited for it. */
  function handOut(subject: TokenSubject, id: TokenIdentity, entry: TokenEntry): AccessToken {
    renewals.used(id, subject, entry);
    const { sealed: value, fingerprint, obtainedAt, expiresAt, scopes } = entry;
    const requested = untold.size > 0 && untold.delete(id.key);
    return { value, fingerprint, obtainedAt, expiresAt, scopes, requested };
  }

  async function lastOf(hash: string): Promise<[TokenEntry | null, SubjectHealth]> {
    const ask = (level: Level): Promise<[TokenEntry | null, SubjectHealth]> =>
      level.call(async (cache) => [await cache.newest(hash, now()), await cache.health(hash)]);
    try {
      return await ask(shared);
    } catch (error) {
      if (!(error instanceof CacheDown)) throw error;
      return ask(alone);
    }
  }

  return {
    async get(subject, wish) {
      wish.signal?.throwIfAborted();
      stop.signal.throwIfAborted();
      const id = identify(subject, wish.flow);
      const known = memory.peek(id.key);
      if (known !== null && isUsable(known, now(), wish.minLifeMs)) {
        tell(subject, { type: 'hit', level: 'memory' });
        return handOut(subject, id, known);
      }
      try {
        return handOut(subject, id, await fetchToken(subject, id, wish));
      } catch (error) {
        if (!(error instanceof SluiceError) || wish.signal?.aborted === true) throw error;
        const old = memory.peek(id.key);
        if (old === null || old.expiresAt <= now() || stop.signal.aborted) {
          tell(subject, { type: 'failure', error: error.code });
          throw error;
        }
        options.logger?.warn(
          { connectionId: subject.connectionId, code: error.code },
          'the token could not be renewed; the old one still lives and is used',
        );
        tell(subject, { type: 'served_old', error: error.code });
        return handOut(subject, id, old);
      }
    },

    async reject(subject, wish, used) {
      const id = identify(subject, wish.flow);
      const rejection: Rejection = {
        key: id.key,
        subject: id.subject,
        fingerprint: used.fingerprint,
        now: now(),
        coolDownMs,
        force: wish.ignoreFailures === true,
      };
      // in memory too, so that the cool-down is known here when the shared cache goes down
      const here = await memory.reject(rejection);
      let outcome: RejectionOutcome = here;
      try {
        outcome = await shared.call((cache) => cache.reject(rejection));
        // an emptied cache has forgotten the cool-down, and this process has not
        if (outcome === 'gone' && here === 'cooling') outcome = 'cooling';
      } catch (error) {
        if (!(error instanceof CacheDown)) throw error;
        tell(subject, { type: 'cache_down' });
      }
      tell(subject, { type: 'rejection', outcome });
      if (outcome === 'cooling') return false;
      note(rejected, id.key);
      renewals.forget(id.key);
      memory.forget(id.key, used.fingerprint);
      // a look into the cache that began before the rejection may still bring the rejected token
      flights.detach(flightKey(id, false));
      flights.detach(flightKey(id, true));
      return true;
    },

    async endFlow(flow) {
      flights.detachTagged(flow);
      renewals.forgetFlow(flow);
      await memory.dropFlow(flow);
      try {
        await shared.call((cache) => cache.dropFlow(flow));
      } catch (error) {
        // the row goes with the next sweep after its expiry
        if (!(error instanceof CacheDown)) throw error;
      }
    },

    async inspect(subject) {
      const [entry] = await lastOf(identify(subject, '').subject);
      return entry === null ? null : tokenInfo(subject, entry, now());
    },

    async status(subject) {
      const [entry, health] = await lastOf(identify(subject, '').subject);
      return tokenStatus(subject, entry, health, { now: now(), coolDownMs });
    },

    async close() {
      stop.abort(new SluiceError('shutdown', 'The token service is closed.'));
      renewals.close();
      await flights.settled();
    },
  };
}

function rowIdentity(key: string): string {
  return `token:${key}`;
}

/** Callers who bypass the failure memory don't share a flight with those who may be turned away by it. */
function flightKey(id: TokenIdentity, ignoreFailures: boolean): string {
  return `${id.key}${ignoreFailures ? ' check' : ''}`;
}

function note(keys: Set<string>, key: string): void {
  if (keys.size >= MAX_NOTES) keys.clear();
  keys.add(key);
}
