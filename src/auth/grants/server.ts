/** The authorization server of a subject: its endpoints, configured or discovered, and exchanges with it. */
import {
  allowInsecureRequests,
  Configuration,
  customFetch,
  type ClientAuth as ApplyClientAuth,
  type ServerMetadata,
} from 'openid-client';
import { SluiceError } from '../../errors.ts';
import type { GuardedFetch } from '../../net/contract.ts';
import { asFetch } from '../../net/web-fetch.ts';
import { clientAuthentication } from '../client-auth.ts';
import type { TokenSubject } from '../contract.ts';
import { createDiscovery, isFitting, type Discovery } from '../discovery.ts';
import { classifyAnswer, invalid, parseAnswer, readToken, type TokenAnswer } from '../token-answer.ts';
import { transportFailure } from '../transport-failure.ts';

const MAX_ANSWER_BYTES = 1024 * 1024;
export const REQUEST_TIMEOUT_MS = 30_000;

/**
 * An id token comes straight from the token endpoint, so its signature isn't checked (OpenID Connect Core 3.1.3.7); without
 * this list the library would refuse whatever isn't signed by its default, RS256.
 */
const ID_TOKEN_ALGORITHMS = ['RS', 'PS', 'ES']
  .flatMap((kind) => [`${kind}256`, `${kind}384`, `${kind}512`])
  .concat('EdDSA', 'Ed25519');

export interface ServerEndpoints {
  /** undefined where neither the provider nor the user names one: then no id token can be checked */
  readonly issuer: string | undefined;
  readonly authorization: string | undefined;
  readonly token: string;
  readonly userinfo: string | undefined;
  readonly revocation: string | undefined;
  /** the answer to the browser must name the issuer (RFC 9207 section 3) */
  readonly namesIssuer: boolean;
}

export interface AuthorizationServers {
  /** Only the token endpoint; asks for metadata only where it isn't configured. */
  tokenEndpoint(subject: TokenSubject, signal?: AbortSignal): Promise<string>;
  /** All endpoints. @throws SluiceError what discovery throws, `token_request_invalid` */
  endpoints(subject: TokenSubject, signal?: AbortSignal): Promise<ServerEndpoints>;
  /**
   * One exchange with the token endpoint; again with the next client secret while it answers `invalid_client`.
   *
   * @throws SluiceError with `details.spent`: `no` where the server certainly issued nothing, `unknown` otherwise
   */
  exchange(
    subject: TokenSubject,
    server: Pick<ServerEndpoints, 'token'> & Partial<ServerEndpoints>,
    request: ExchangeRequest,
  ): Promise<ExchangeAnswer>;
  configuration(
    subject: TokenSubject,
    server: Pick<ServerEndpoints, 'token'> & Partial<ServerEndpoints>,
    auth: ApplyClientAuth,
    send: GuardedFetch,
  ): Configuration;
  readonly fetch: GuardedFetch;
}

interface ExchangeRequest {
  /** of this exchange, besides the client's: never shown, whatever the server repeats of it */
  readonly secrets: readonly string[];
  /** members of the answer that the library is to check, besides the access token */
  readonly keep?: readonly string[];
  /** calls one function of openid-client */
  readonly call: (config: Configuration) => Promise<unknown>;
}

export interface ExchangeAnswer {
  readonly json: Readonly<Record<string, unknown>>;
  /** epoch milliseconds, taken before the request was sent */
  readonly obtainedAt: number;
  /** what `call` resolved to; undefined where the library refused the answer */
  readonly result: unknown;
  /** why the answer holds no access token that can be used, although the exchange took place */
  readonly flaw: SluiceError | undefined;
}

export interface ServersOptions {
  readonly fetch: GuardedFetch;
  /** epoch milliseconds */
  readonly now: () => number;
  /** milliseconds for one exchange [30,000] */
  readonly timeoutMs?: number;
}

export function createAuthorizationServers(options: ServersOptions): AuthorizationServers {
  const limits = { maxBytes: MAX_ANSWER_BYTES, timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS };
  const discovery = createDiscovery({ ...options, ...limits });

  const configuration: AuthorizationServers['configuration'] = (subject, server, auth, send) => {
    const metadata: ServerMetadata = {
      issuer: server.issuer ?? new URL(server.authorization ?? server.token).origin,
      token_endpoint: server.token,
      ...(server.authorization === undefined ? {} : { authorization_endpoint: server.authorization }),
      ...(server.userinfo === undefined ? {} : { userinfo_endpoint: server.userinfo }),
      ...(server.revocation === undefined ? {} : { revocation_endpoint: server.revocation }),
      authorization_response_iss_parameter_supported: server.namesIssuer === true,
      id_token_signing_alg_values_supported: [...ID_TOKEN_ALGORITHMS],
    };
    const config = new Configuration(metadata, subject.clientId, {}, auth);
    // 0: the guarded fetch keeps the time, and its error says more
    config.timeout = 0;
    const fetch = asFetch(send, limits);
    config[customFetch] = (address, init) => fetch(address, init);
    // which hosts may be called without TLS is the guarded fetch's decision
    if (Object.values(metadata).some((value) => typeof value === 'string' && value.startsWith('http:')))
      allowInsecureRequests(config);
    return config;
  };

  return {
    fetch: options.fetch,
    configuration,
    async tokenEndpoint(subject, signal) {
      const { token, issuer } = subject.endpoints;
      const endpoint =
        token ??
        (issuer === undefined ? undefined : (await discovery.metadata(issuer, signal)).token_endpoint);
      return usable(endpoint);
    },
    endpoints: (subject, signal) => resolveEndpoints(subject, discovery, signal),
    async exchange(subject, server, request) {
      const { clientAuth, clientSecrets } = subject;
      const secrets = clientAuth === 'none' ? [''] : clientSecrets.filter((secret) => secret !== '');
      let refusal: SluiceError | undefined;
      for (const secret of secrets) {
        try {
          const auth = clientAuthentication(subject, secret);
          return await exchangeOnce(subject, request, options, (send) =>
            configuration(subject, server, auth, send),
          );
        } catch (error) {
          if (!(error instanceof SluiceError) || error.details['oauthError'] !== 'invalid_client')
            throw error;
          refusal = error;
        }
      }
      throw (
        refusal ?? notSpent(new SluiceError('token_client_rejected', 'The connection has no client secret.'))
      );
    },
  };
}

async function exchangeOnce(
  subject: TokenSubject,
  request: ExchangeRequest,
  options: ServersOptions,
  configure: (send: GuardedFetch) => Configuration,
): Promise<ExchangeAnswer> {
  let answer: TokenAnswer | undefined;
  let failure: unknown;
  const send: GuardedFetch = async (url, init) => {
    const headers = { ...init?.headers };
    // the guarded fetch names Sluice instead of the library
    delete headers['user-agent'];
    try {
      answer = parseAnswer(await options.fetch(url, { ...init, headers }));
      return { ...answer.response, body: bodyForLibrary(answer, request.keep ?? []) };
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const hidden = { ...subject, clientSecrets: [...subject.clientSecrets, ...request.secrets] };
  const obtainedAt = options.now();
  let result: unknown;
  let refused: unknown;
  try {
    result = await request.call(configure(send));
  } catch (error) {
    refused = error;
  }
  if (answer === undefined) throw withSpent(transportFailure(failure ?? refused), failure);
  const { json, response } = answer;
  if (response.status >= 400 || (response.status === 200 && typeof json?.['error'] === 'string')) {
    throw notSpent(classifyAnswer(answer, hidden, options.now()));
  }
  if (response.status !== 200 || json === undefined) {
    throw unknownSpent(invalid(`it answered ${response.status} without a JSON object`));
  }
  return { json, obtainedAt, result, flaw: flawOf(json, subject, obtainedAt, refused) };
}

function flawOf(
  json: Readonly<Record<string, unknown>>,
  subject: TokenSubject,
  obtainedAt: number,
  refused: unknown,
): SluiceError | undefined {
  try {
    readToken(json, subject, obtainedAt);
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  // The library's error is no cause for ours: it holds the whole answer, with the tokens.
  return refused === undefined ? undefined : invalid(`it is not conform: ${libraryReason(refused)}`);
}

/** The library's own words name members and rules, never values. */
function libraryReason(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'unknown reason';
}

/** A successful answer, cut down to what the library is to check: it would refuse a good token for trifles. */
function bodyForLibrary(answer: TokenAnswer, keep: readonly string[]): Buffer {
  const { response, json } = answer;
  if (response.status !== 200 || json === undefined) return response.body;
  const members = ['access_token', 'token_type', ...keep].filter((name) => json[name] !== undefined);
  return Buffer.from(JSON.stringify(Object.fromEntries(members.map((name) => [name, json[name]]))));
}

const neverLeft: ReadonlySet<string> = new Set([
  'endpoint_refused',
  'request_malformed',
  'tls_error',
  // a redirect is an answer, and none that holds a token
  'redirect_refused',
]);

function withSpent(error: unknown, cause: unknown): unknown {
  if (!(error instanceof SluiceError)) return error;
  const origin = cause instanceof SluiceError ? cause : error;
  const stayed = neverLeft.has(origin.code) || origin.details['sent'] === false;
  return stayed ? notSpent(error) : unknownSpent(error);
}

function notSpent(error: SluiceError): SluiceError {
  return saying(error, 'no');
}

export function unknownSpent(error: SluiceError): SluiceError {
  return saying(error, 'unknown');
}

function saying(error: SluiceError, spent: 'no' | 'unknown'): SluiceError {
  const { code, message, advice, cause, details } = error;
  return new SluiceError(code, message, { advice, cause, details: { ...details, spent } });
}

async function resolveEndpoints(
  subject: TokenSubject,
  discovery: Discovery,
  signal?: AbortSignal,
): Promise<ServerEndpoints> {
  const own = subject.endpoints;
  const complete = own.authorization !== undefined && own.token !== undefined;
  const found =
    own.issuer === undefined || complete ? undefined : await discovery.metadata(own.issuer, signal);
  const from = (name: string): string | undefined => {
    const value = found?.[name];
    return typeof value === 'string' && isFitting(value, own.issuer ?? '') ? value : undefined;
  };
  return {
    issuer: found?.issuer ?? own.issuer,
    authorization: own.authorization ?? from('authorization_endpoint'),
    token: usable(own.token ?? found?.token_endpoint),
    userinfo: own.userinfo ?? from('userinfo_endpoint'),
    revocation: own.revocation ?? from('revocation_endpoint'),
    namesIssuer: found?.['authorization_response_iss_parameter_supported'] === true,
  };
}

function usable(endpoint: string | undefined): string {
  if (endpoint !== undefined && URL.canParse(endpoint)) return endpoint;
  throw notSpent(new SluiceError('token_request_invalid', 'The connection has no usable token endpoint.'));
}
