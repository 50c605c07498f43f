/** The guarded fetch: every request that Sluice sends goes through here, and ends bounded in time and size. */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { setMaxListeners } from 'node:events';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { Agent } from 'undici';
import { SluiceError } from '../errors.ts';
import type { GuardedFetch, GuardedRequest } from './contract.ts';
import { send } from './exchange.ts';
import {
  inspectUrl,
  readPolicy,
  refusedAddress,
  type HostRules,
  type NetPolicy,
  type Target,
} from './hosts.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const CONNECTIONS_PER_ORIGIN = 32;
const MAX_HEADER_BYTES = 64 * 1024;
/** below the 5 s after which Node and many proxies close an idle connection, so that we don't write to a dying one */
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_MAX_MS = 60_000;
/** Node's 250 ms makes a far provider fail on every address but the last */
const FAMILY_ATTEMPT_MS = 1_000;

/** Headers that belong to the connection; `host` would also change the name that the certificate is checked for. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set(
  'host connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect content-length'.split(
    ' ',
  ),
);

/** Resolves a host name to all its addresses, as `dns.lookup` with `all`. */
export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>;

export interface GuardedFetchOptions {
  /** default the system's resolver, with its hosts file */
  readonly resolve?: ResolveHost;
  /** milliseconds to resolve, connect and shake hands; default 10,000 */
  readonly connectTimeoutMs?: number;
  /** default 32; further requests to the same origin wait their turn, within their own timeout */
  readonly connectionsPerOrigin?: number;
  /** certificate authorities in PEM form that replace Node's own list */
  readonly ca?: readonly string[];
}

export interface GuardedFetcher {
  readonly fetch: GuardedFetch;
  /** Ends every socket at once, also those that are still connecting; requests under way fail with `network_error`. */
  close(): Promise<void>;
}

/**
 * Makes the fetch with its pool of kept-alive connections. The rules for hosts stand in `hosts.ts`. They are checked
 * on the URL before anything is sent, and on the resolved addresses at the moment of connecting: the socket gets the
 * very addresses that were checked, so a name that resolves differently a second later changes nothing.
 *
 * @throws SluiceError `config_invalid` where the policy can't be read
 */
export function createGuardedFetch(policy: NetPolicy, options: GuardedFetchOptions = {}): GuardedFetcher {
  const rules = readPolicy(policy);
  const resolve = options.resolve ?? resolveBySystem;
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);

  let agent: Agent | undefined;
  // loaded with the first request: many commands send none
  const open = async (): Promise<Agent> => {
    const { Agent, Pool } = await import('undici');
    agent ??= new Agent({
      factory: (origin) =>
        new Pool(origin, {
          connections: options.connectionsPerOrigin ?? CONNECTIONS_PER_ORIGIN,
          maxHeaderSize: MAX_HEADER_BYTES,
          keepAliveTimeout: KEEP_ALIVE_MS,
          keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
          // one timer for the whole exchange stands in `exchange.ts`; these two would start anew with every byte
          headersTimeout: 0,
          bodyTimeout: 0,
          connect: {
            lookup: guardedLookup(String(origin), rules, resolve),
            timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
            autoSelectFamily: true,
            autoSelectFamilyAttemptTimeout: FAMILY_ATTEMPT_MS,
            // undici leaves sockets that are still connecting to their timeout when it is destroyed
            signal: closing.signal,
            ...(options.ca === undefined ? {} : { ca: [...options.ca] }),
          },
        }),
    });
    // closed meanwhile
    if (closing.signal.aborted) await agent.destroy();
    return agent;
  };

  return {
    fetch: async (url, request = {}) => {
      const target = inspectUrl(url, rules);
      if (typeof target === 'string') {
        throw new SluiceError('endpoint_refused', `Sluice does not call this address: ${target}.`);
      }
      const headers = requestHeaders(request, policy.userAgent ?? 'sluice', target);
      const opened = agent ?? (await open());
      request.signal?.throwIfAborted();
      return send(opened, target, request, headers);
    },
    async close() {
      const destroyed = agent?.destroy();
      closing.abort();
      await destroyed;
    },
  };
}

/** The lookup of one origin's sockets: hands on the addresses that it has checked, all of them or none. */
function guardedLookup(origin: string, rules: HostRules, resolve: ResolveHost): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const target = inspectUrl(origin, rules);
        const first = addresses[0];
        if (typeof target === 'string' || first === undefined) {
          callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '');
          return;
        }
        const refused = refusedAddress(
          addresses.map(({ address }) => address),
          target,
          rules,
        );
        if (refused !== undefined) {
          const message = `Sluice does not call ${target.host}: it resolves to ${refused}.`;
          callback(new SluiceError('endpoint_refused', message), '');
        } else if (options.all === true) {
          callback(null, [...addresses]);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
    );
  };
}

function resolveBySystem(hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}

function requestHeaders(request: GuardedRequest, userAgent: string, target: Target): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': userAgent, 'accept-encoding': 'gzip, br' };
  for (const [given, value] of Object.entries(request.headers ?? {})) {
    const name = given.toLowerCase();
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw new SluiceError(
        'request_malformed',
        `The header ${JSON.stringify(name)} for ${target.host} holds a character that HTTP does not allow.`,
      );
    }
    if (CONNECTION_HEADERS.has(name)) {
      throw new SluiceError(
        'request_malformed',
        `The header "${name}" for ${target.host} can't be set by a caller.`,
      );
    }
    headers[name] = value;
  }
  return headers;
}
