/** Several token services, each as in a process of its own: own connection, memory and sockets; one shared cache. */
import { randomBytes } from 'node:crypto';
import type { TokenCache } from '../../src/auth/cache.ts';
import type { TokenOptions, TokenService, TokenSubject } from '../../src/auth/contract.ts';
import type { TokenEvent } from '../../src/auth/events.ts';
import { parseKeyring } from '../../src/auth/keyring.ts';
import { createOAuthClient } from '../../src/auth/oauth.ts';
import { createTokenService } from '../../src/auth/tokens.ts';
import { createVault } from '../../src/auth/vault.ts';
import { createGuardedFetch } from '../../src/net/fetch.ts';
import { connectCache, type CachePlace } from '../support/token-cache.ts';

export const SECRET = 'client secret/of-the+application';
export const KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const vault = createVault(parseKeyring(KEYS));

export function subjectAt(url: string, changes: Partial<TokenSubject> = {}): TokenSubject {
  return {
    connectionId: 'acme',
    provider: 'sample',
    grant: 'client',
    policy: 'reuse',
    endpoints: { token: url },
    clientId: 'client-1',
    clientSecrets: [SECRET],
    clientAuth: 'post',
    basicEncoding: 'form',
    scopes: ['read'],
    params: {},
    defaultLifetime: 1800,
    ...changes,
  };
}

export function flow(id = 'flow-1', more: Partial<TokenOptions> = {}): TokenOptions {
  return { flow: id, ...more };
}

/** A clock that a test moves by hand. */
export interface Clock {
  readonly now: () => number;
  readonly advance: (ms: number) => void;
}

export function createClock(start = Date.now()): Clock {
  let time = start;
  return { now: () => time, advance: (ms) => void (time += ms) };
}

export interface Member {
  readonly service: TokenService;
  readonly cache: TokenCache;
  /** Takes its connection to the shared cache away. */
  cut(): Promise<void>;
  readonly events: TokenEvent[];
  close(): Promise<void>;
}

export interface MemberOptions {
  readonly place: CachePlace;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly lockLifeMs?: number;
  readonly coolDownMs?: number;
  readonly cacheTimeoutMs?: number;
  readonly wrapCache?: (cache: TokenCache) => TokenCache;
}

export function createMember(options: MemberOptions): Member {
  const connected = connectCache(options.place, options.cacheTimeoutMs);
  const now = options.now ?? Date.now;
  const fetcher = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
  const cache = options.wrapCache?.(connected.cache) ?? connected.cache;
  const events: TokenEvent[] = [];
  const service = createTokenService({
    cache,
    oauth: createOAuthClient({ fetch: fetcher.fetch, now }),
    vault,
    now,
    random: options.random ?? Math.random,
    ownerId: randomBytes(8).toString('hex'),
    onEvent: (event) => events.push(event),
    ...(options.lockLifeMs === undefined ? {} : { lockLifeMs: options.lockLifeMs }),
    ...(options.coolDownMs === undefined ? {} : { coolDownMs: options.coolDownMs }),
  });
  return {
    service,
    cache,
    cut: () => connected.cut(),
    events,
    async close() {
      await service.close();
      await fetcher.close();
      await connected.close();
    },
  };
}
