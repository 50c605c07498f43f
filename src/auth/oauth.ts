/** One token request by the client credentials grant (RFC 6749 section 4.4); openid-client speaks the protocol. */
import {
  allowInsecureRequests,
  clientCredentialsGrant,
  Configuration,
  customFetch,
  type ClientAuth as ApplyClientAuth,
} from 'openid-client';
import { SluiceError } from '../errors.ts';
import type { GuardedFetch } from '../net/contract.ts';
import { asFetch } from '../net/web-fetch.ts';
import { clientAuthentication } from './client-auth.ts';
import type { TokenSubject } from './contract.ts';
import { createDiscovery, type Discovery } from './discovery.ts';
import { identify, normaliseScopes } from './identity.ts';
import { readTokenRetryAfter } from './retry-after.ts';
import {
  classifyAnswer,
  invalid,
  parseAnswer,
  readToken,
  type IssuedToken,
  type TokenAnswer,
} from './token-answer.ts';
import { transportFailure } from './transport-failure.ts';

const MAX_ANSWER_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_REMEMBERED_SECRETS = 1000;

/** Parameters that Sluice sets itself. */
const reservedParams: ReadonlySet<string> = new Set(['grant_type', 'client_id', 'client_secret', 'scope']);

export interface OAuthOptions {
  readonly fetch: GuardedFetch;
  /** epoch milliseconds */
  readonly now: () => number;
  /** milliseconds for one exchange; default 30,000 */
  readonly timeoutMs?: number;
}

/** How much of an answer is read, and how long it is waited for. */
export interface ExchangeLimits {
  readonly maxBytes: number;
  /** milliseconds */
  readonly timeoutMs: number;
}

export interface OAuthClient {
  /**
   * Asks the token endpoint once, and once more for each further client secret while it answers `invalid_client`.
   * The secret that worked comes first the next time.
   *
   * @throws SluiceError `token_client_rejected`, `token_scope_rejected`, `token_request_invalid`,
   *   `issuer_metadata_invalid`, `endpoint_refused`, `request_invalid`, `tls_error` (config);
   *   `token_endpoint_unavailable`, `token_response_invalid` (transient);
   *   `token_endpoint_rate_limited` (rate_limited). `details.retryAt` (epoch ms) where the answer names it.
   *   An abort rejects with the signal's reason.
   */
  requestToken(subject: TokenSubject, signal?: AbortSignal): Promise<IssuedToken>;
}

export function createOAuthClient(options: OAuthOptions): OAuthClient {
  const limits: ExchangeLimits = {
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS,
  };
  const discovery = createDiscovery({ ...options, ...limits });
  /** subject hash -> the position of the secret that worked last */
  const working = new Map<string, number>();

  return {
    async requestToken(subject, signal) {
      checkParams(subject);
      const endpoint = await tokenEndpoint(subject, discovery, signal);
      const secrets = secretsOf(subject);
      const subjectHash = identify(subject, '').subject;
      const first = working.get(subjectHash) ?? 0;
      const order = [...secrets.keys()].toSorted((a, b) => Number(b === first) - Number(a === first));

      let refusal: SluiceError | undefined;
      for (const position of order) {
        try {
          const auth = clientAuthentication(subject, secrets[position] ?? '');
          const issued = await exchange(subject, endpoint, auth, options, limits, signal);
          if (working.size >= MAX_REMEMBERED_SECRETS) working.clear();
          working.set(subjectHash, position);
          return issued;
        } catch (error) {
          // an issuer that has moved its token endpoint says so in its metadata
          if (isWrongPlace(error)) discovery.forget(subject.endpoints.issuer ?? '');
          if (!isWrongSecret(error)) throw error;
          refusal = error;
        }
      }
      throw refusal ?? new SluiceError('token_client_rejected', 'The connection has no client secret.');
    },
  };
}

/**
 * Where the tokens of a subject are asked for: `endpoints.token`, else what its issuer publishes.
 *
 * @throws SluiceError `token_request_invalid` where it has neither, and what `Discovery.metadata` throws
 */
export async function tokenEndpoint(
  { endpoints }: Pick<TokenSubject, 'endpoints'>,
  discovery: Discovery,
  signal?: AbortSignal,
): Promise<string> {
  const { token, issuer } = endpoints;
  const endpoint =
    token ?? (issuer === undefined ? undefined : (await discovery.metadata(issuer, signal)).token_endpoint);
  if (endpoint === undefined || !URL.canParse(endpoint)) {
    throw new SluiceError('token_request_invalid', 'The connection has no usable token endpoint.');
  }
  return endpoint;
}

/**
 * The library's view of a client at one token endpoint. It sends by the guarded fetch, within `limits`, and has no
 * timer of its own. Further metadata (`authorization_endpoint`, `revocation_endpoint`, …) may be added.
 */
export function clientConfiguration(
  client: {
    readonly clientId: string;
    readonly auth: ApplyClientAuth;
    readonly metadata: { readonly issuer?: string; readonly token_endpoint: string } & Readonly<
      Record<string, unknown>
    >;
  },
  send: GuardedFetch,
  limits: ExchangeLimits,
): Configuration {
  const url = new URL(client.metadata.token_endpoint);
  const config = new Configuration(
    { issuer: url.origin, ...client.metadata },
    client.clientId,
    {},
    client.auth,
  );
  // 0: the guarded fetch keeps the time, and its error says more
  config.timeout = 0;
  const fetch = asFetch(send, limits);
  config[customFetch] = (address, init) => fetch(address, init);
  // which hosts may be called without TLS is the guarded fetch's decision
  if (url.protocol === 'http:') allowInsecureRequests(config);
  return config;
}

async function exchange(
  subject: TokenSubject,
  endpoint: string,
  auth: ApplyClientAuth,
  options: OAuthOptions,
  limits: ExchangeLimits,
  signal?: AbortSignal,
): Promise<IssuedToken> {
  let answer: TokenAnswer | undefined;
  let failure: unknown;
  const send: GuardedFetch = async (url, request) => {
    try {
      const headers = { ...request?.headers };
      // the guarded fetch names Sluice instead of the library
      delete headers['user-agent'];
      const response = await options.fetch(url, {
        ...request,
        headers,
        ...(signal === undefined ? {} : { signal }),
      });
      answer = parseAnswer(response);
      return { ...response, body: bodyForLibrary(answer) };
    } catch (error) {
      failure = error;
      throw error;
    }
  };

  const config = clientConfiguration(
    { clientId: subject.clientId, auth, metadata: { token_endpoint: endpoint } },
    send,
    limits,
  );
  const scope = normaliseScopes(subject.scopes).join(' ');
  const obtainedAt = options.now();
  try {
    await clientCredentialsGrant(config, { ...subject.params, ...(scope === '' ? {} : { scope }) });
  } catch (error) {
    signal?.throwIfAborted();
    // The library's error is no cause for ours: it holds the whole answer, with the token.
    if (answer !== undefined && answer.response.status !== 200)
      throw classifyAnswer(answer, subject, options.now());
    if (answer === undefined) throw transportFailure(failure ?? error);
    if (answer.json === undefined || typeof answer.json['error'] === 'string') {
      throw classifyAnswer(answer, subject, options.now());
    }
    // the library found fault with it: say what, in our words
    issuedToken(answer, subject, obtainedAt, options.now());
    throw invalid('it is not conform to RFC 6749');
  }
  return issuedToken(answer, subject, obtainedAt, options.now());
}

/** @throws SluiceError `token_response_invalid`, with the moment that the answer names where it names one */
function issuedToken(
  answer: TokenAnswer | undefined,
  subject: TokenSubject,
  obtainedAt: number,
  now: number,
): IssuedToken {
  try {
    return readToken(answer?.json ?? {}, subject, obtainedAt);
  } catch (error) {
    const retryAt =
      answer === undefined ? undefined : readTokenRetryAfter(answer.response.headers, answer.json, now);
    if (!(error instanceof SluiceError) || retryAt === undefined) throw error;
    throw new SluiceError(error.code, error.message, { details: { ...error.details, retryAt } });
  }
}

/**
 * A successful answer, cut down to what the library checks for this grant. It would refuse a good token for an
 * `expires_in` that is no number, and has no use for the refresh or id token that some servers add.
 */
function bodyForLibrary(answer: TokenAnswer): Buffer {
  const { response, json } = answer;
  if (response.status !== 200 || json === undefined) return response.body;
  const { access_token, token_type } = json;
  return Buffer.from(JSON.stringify({ access_token, token_type }));
}

function secretsOf(subject: TokenSubject): string[] {
  if (subject.clientAuth === 'none') return [''];
  return subject.clientSecrets.filter((secret) => secret !== '');
}

/** `unauthorized_client` is about the application's rights: another secret would change nothing. */
function isWrongSecret(error: unknown): error is SluiceError {
  return (
    error instanceof SluiceError &&
    error.code === 'token_client_rejected' &&
    error.details['oauthError'] !== 'unauthorized_client'
  );
}

function isWrongPlace(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'token_request_invalid';
}

function checkParams(subject: TokenSubject): void {
  if (subject.clientId === '')
    throw new SluiceError('token_request_invalid', 'The connection has no client id.');
  if (subject.clientAuth === 'basic' && subject.basicEncoding === 'raw' && subject.clientId.includes(':')) {
    throw new SluiceError(
      'token_request_invalid',
      'The client id holds a colon, at which a Basic header in raw encoding would be cut (RFC 7617 section 2).',
      { advice: 'Set `oauth.basicEncoding: form` for this connection, or correct its client id.' },
    );
  }
  const reserved = Object.keys(subject.params).find((name) => reservedParams.has(name));
  if (reserved === undefined) return;
  throw new SluiceError('token_request_invalid', `The parameter "${reserved}" is set by Sluice itself.`, {
    advice: 'Remove it from `oauth.params`; scopes stand under `scopes`, the client under `credentials`.',
  });
}
