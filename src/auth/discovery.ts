/** Reads the metadata that an issuer publishes: which of its endpoints is where. */
import { SluiceError } from '../errors.ts';
import type { GuardedFetch } from '../net/contract.ts';
import { invalid, parseAnswer, type TokenAnswer } from './token-answer.ts';
import { transportFailure } from './transport-failure.ts';
import { readTokenRetryAfter } from './retry-after.ts';

const METADATA_LIFETIME_MS = 60 * 60 * 1000;
const MAX_ISSUERS = 1000;

/** What an issuer publishes of itself: OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2. */
export interface IssuerMetadata {
  /** as the issuer writes it, which may differ by a slash at its end from what was configured */
  readonly issuer: string;
  readonly token_endpoint: string;
  /** all else, unchecked but that it came as JSON */
  readonly [name: string]: unknown;
}

export interface Discovery {
  /**
   * The metadata of an issuer; kept for an hour, and longer while it can't be read anew.
   *
   * @throws SluiceError `issuer_metadata_invalid` (config), `token_endpoint_unavailable`, `token_response_invalid`,
   *   `token_endpoint_rate_limited`
   */
  metadata(issuer: string, signal?: AbortSignal): Promise<IssuerMetadata>;
  /** The next call reads anew: what was found has turned out to be wrong. */
  forget(issuer: string): void;
}

export interface DiscoveryOptions {
  readonly fetch: GuardedFetch;
  readonly now: () => number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

interface Found {
  readonly metadata: IssuerMetadata;
  readonly until: number;
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const found = new Map<string, Found>();

  return {
    async metadata(issuer, signal) {
      const known = found.get(issuer);
      if (known !== undefined && known.until > options.now()) return known.metadata;
      try {
        const metadata = await discover(issuer, options, signal);
        if (found.size >= MAX_ISSUERS) found.clear();
        found.set(issuer, { metadata, until: options.now() + METADATA_LIFETIME_MS });
        return metadata;
      } catch (error) {
        if (known !== undefined && error instanceof SluiceError) return known.metadata;
        throw error;
      }
    },
    forget: (issuer) => void found.delete(issuer),
  };
}

/**
 * Where an issuer's metadata may stand. An issuer may be given as the metadata's own address. Otherwise the
 * well-known path is appended, as OpenID Connect Discovery 1.0 section 4 has it and as servers with several
 * issuers on one host document it, and last inserted before the path (RFC 8414 section 3.1).
 */
function metadataUrls(issuer: string): { issuer: string; urls: string[] } {
  const given = new URL(issuer);
  const wellKnown = /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)/;
  if (wellKnown.test(given.pathname)) {
    const path = given.pathname.replace(wellKnown, '');
    return { issuer: given.origin + path, urls: [given.href] };
  }
  const base = issuer.replace(/\/+$/, '');
  const path = given.pathname.replace(/\/+$/, '');
  const openid = `${base}/.well-known/openid-configuration`;
  const oauth = `${base}/.well-known/oauth-authorization-server`;
  if (path === '') return { issuer, urls: [openid, oauth] };
  return { issuer, urls: [oauth, openid, `${given.origin}/.well-known/oauth-authorization-server${path}`] };
}

async function discover(
  issuer: string,
  options: DiscoveryOptions,
  signal?: AbortSignal,
): Promise<IssuerMetadata> {
  if (!URL.canParse(issuer)) {
    throw new SluiceError('issuer_metadata_invalid', 'The issuer is no URL.');
  }
  const expected = metadataUrls(issuer);
  let reason = 'no metadata was found';
  for (const url of expected.urls) {
    const answer = await fetchMetadata(url, options, signal);
    if (answer.response.status >= 400) {
      reason = `${url} answered ${answer.response.status}`;
      continue;
    }
    if (answer.json === undefined) throw invalid(`${url} is no JSON object`);
    const { issuer: stated, token_endpoint: endpoint } = answer.json;
    if (typeof stated !== 'string' || withoutSlash(stated) !== withoutSlash(expected.issuer)) {
      reason = `${url} belongs to another issuer`;
      continue;
    }
    if (typeof endpoint !== 'string' || !isFitting(endpoint, issuer)) {
      reason = `${url} names no token endpoint that can be used`;
      continue;
    }
    return { ...answer.json, issuer: stated, token_endpoint: endpoint };
  }
  throw new SluiceError('issuer_metadata_invalid', `The issuer ${expected.issuer} can't be used: ${reason}.`);
}

async function fetchMetadata(
  url: string,
  options: DiscoveryOptions,
  signal?: AbortSignal,
): Promise<TokenAnswer> {
  const { fetch, maxBytes, timeoutMs } = options;
  let answer: TokenAnswer;
  try {
    answer = parseAnswer(
      await fetch(url, {
        headers: { accept: 'application/json' },
        maxBytes,
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw transportFailure(error);
  }
  const { status, headers } = answer.response;
  if (status !== 408 && status !== 425 && status !== 429 && status < 500) return answer;
  const retryAt = readTokenRetryAfter(headers, answer.json, options.now());
  throw new SluiceError(
    status === 429 ? 'token_endpoint_rate_limited' : 'token_endpoint_unavailable',
    `The issuer's metadata is not available: ${url} answered ${status}.`,
    { details: { status, ...(retryAt === undefined ? {} : { retryAt }) } },
  );
}

function withoutSlash(issuer: string): string {
  return issuer.replace(/\/+$/, '');
}

/** Metadata read over TLS must not lead the secret to a place without. */
export function isFitting(endpoint: string, issuer: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol } = new URL(endpoint);
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
}
