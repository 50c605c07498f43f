/** The provider's answer to the browser, turned into tokens and the person's account. */
import { authorizationCodeGrant, AuthorizationResponseError } from 'openid-client';
import { SluiceError } from '../../errors.ts';
import { fingerprint } from '../fingerprint.ts';
import { normaliseScopes } from '../identity.ts';
import { refreshTokenExpiry, refreshTokenOf } from '../grants/answer.ts';
import type { AuthorizationServers, ExchangeAnswer, ServerEndpoints } from '../grants/server.ts';
import { showable } from '../redact.ts';
import { parseAnswer, readToken, type IssuedToken } from '../token-answer.ts';
import type { Party } from './connector.ts';
import type { ConsentToken } from './contract.ts';

const MAX_USERINFO_BYTES = 256 * 1024;
const USERINFO_TIMEOUT_MS = 15_000;

export interface Granted {
  readonly refreshToken: string | undefined;
  readonly expiresAt: Date | undefined;
  readonly scopes: readonly string[];
  readonly account: { readonly id: string; readonly label: string } | null;
  /** serves the setup, right now; never stored */
  readonly token: ConsentToken;
}

export interface CodeAnswer {
  readonly redirectUri: string;
  /** of the callback */
  readonly query: URLSearchParams;
  readonly verifier?: string;
  readonly nonce?: string;
}

/**
 * @throws SluiceError `connect_denied`, `connect_code_rejected` (auth), `authorization_refused` (config),
 *   `authorization_unavailable` (transient), `authorization_response_invalid` (data), and what a token endpoint brings
 */
export async function exchangeCode(
  servers: AuthorizationServers,
  party: Party,
  given: CodeAnswer,
): Promise<Granted> {
  const { subject } = party;
  const found = await servers.endpoints(subject);
  const server = withIssuer(found, given.query.getAll('iss'), party);
  const url = new URL(given.redirectUri);
  for (const [name, value] of given.query) url.searchParams.append(name, value);
  const state = given.query.get('state') ?? '';
  let refused: unknown;
  let answer: ExchangeAnswer;
  try {
    answer = await servers.exchange(subject, server, {
      secrets: [given.query.get('code') ?? '', given.verifier ?? ''],
      keep: found.issuer === undefined ? [] : ['id_token'],
      call: (config) =>
        authorizationCodeGrant(config, url, {
          expectedState: state,
          ...(given.nonce === undefined ? {} : { expectedNonce: given.nonce }),
          ...(given.verifier === undefined ? {} : { pkceCodeVerifier: given.verifier }),
        }).catch((error: unknown) => {
          refused = error;
          throw error;
        }),
    });
  } catch (error) {
    throw explain(error, refused, party);
  }
  if (answer.flaw !== undefined) {
    const message = `${party.connection.provider.title}'s answer can't be trusted: ${answer.flaw.message}`;
    throw new SluiceError('authorization_response_invalid', message);
  }
  const idClaims = claimsOf(answer.result);
  const token = readToken(answer.json, subject, answer.obtainedAt);
  return {
    refreshToken: refreshTokenOf(answer.json),
    expiresAt: refreshTokenExpiry(answer.json, answer.obtainedAt),
    scopes: normaliseScopes(token.scopes),
    account: await accountOf(servers, party, server, token.value, idClaims),
    token: consentToken(token),
  };
}

export function consentToken({ value, obtainedAt, lifetimeMs, scopes }: IssuedToken): ConsentToken {
  const expiresAt = obtainedAt + lifetimeMs;
  return { value, fingerprint: fingerprint(value), obtainedAt, expiresAt, scopes, requested: false };
}

/**
 * The issuer that the answer must name, if it names one (RFC 9207). Where none is known, one of the same origin as the
 * authorization endpoint is believed: it says no more than that the answer came from there.
 */
function withIssuer(
  server: ServerEndpoints,
  named: readonly string[],
  { connection }: Party,
): ServerEndpoints {
  const [issuer, ...more] = named;
  if (issuer === undefined) return server;
  const origin = new URL(server.authorization ?? server.token).origin;
  const fits =
    server.issuer === undefined
      ? URL.canParse(issuer) && new URL(issuer).origin === origin
      : issuer === server.issuer;
  if (more.length > 0 || !fits) {
    const message = `The answer for ${connection.id} names another issuer than the one that was asked.`;
    throw new SluiceError('authorization_response_invalid', message);
  }
  return { ...server, issuer };
}

/** What the library or the token endpoint disliked, as an error of the consent. */
function explain(error: unknown, refused: unknown, { connection, subject }: Party): unknown {
  const { title } = connection.provider;
  if (refused instanceof AuthorizationResponseError) {
    const description = showable(refused.error_description, subject);
    return deniedBy(title, showable(refused.error, subject), description);
  }
  if (!(error instanceof SluiceError)) {
    // found before any request was sent: a parameter is missing, doubled or not the expected one
    const message = `${title}'s answer to the browser is not valid: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown reason'}.`;
    return new SluiceError('authorization_response_invalid', message);
  }
  if (error.details['oauthError'] === 'invalid_grant') {
    return new SluiceError('connect_code_rejected', `${title} did not accept its own code: ${error.message}`);
  }
  return error;
}

/** RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6. */
function deniedBy(title: string, code: string, description: string): SluiceError {
  const said = description === '' ? code : `${code}, ${description}`;
  if (code === 'access_denied' || code === 'consent_required') {
    return new SluiceError('connect_denied', `Access was denied at ${title} (${said}).`);
  }
  if (code === 'server_error' || code === 'temporarily_unavailable') {
    return new SluiceError('authorization_unavailable', `${title} is not available (${said}).`);
  }
  return new SluiceError('authorization_refused', `${title} refused the request for access (${said}).`);
}

type Claims = Readonly<Record<string, unknown>>;

function claimsOf(result: unknown): Claims | undefined {
  if (typeof result !== 'object' || result === null || !('claims' in result)) return undefined;
  return typeof result.claims === 'function' ? (result.claims() as Claims | undefined) : undefined;
}

/** Who consented, by the id token and by userinfo where there is one. Null where the provider has no way to say. */
export async function accountOf(
  servers: AuthorizationServers,
  party: Party,
  server: ServerEndpoints,
  accessToken: string,
  idClaims: Claims | undefined,
): Promise<Granted['account']> {
  const { authorization } = party;
  if (authorization.account === undefined) return null;
  const claims = { ...(await userinfo(servers, party, server, accessToken, idClaims)), ...idClaims };
  let account: { readonly id: string; readonly label: string } | undefined;
  try {
    account = authorization.account(claims);
  } catch {
    // claims of another form than documented
    return null;
  }
  if (account === undefined || account.id === '') return null;
  return { id: account.id.slice(0, 500), label: account.label.slice(0, 200) };
}

/**
 * OpenID Connect Core section 5.3. Not by the library: it insists on `sub`, which plain OAuth servers with an endpoint of
 * this name leave out; where an id token names one, the two must be the same.
 */
async function userinfo(
  servers: AuthorizationServers,
  { connection }: Party,
  server: ServerEndpoints,
  accessToken: string,
  idClaims: Claims | undefined,
): Promise<Claims> {
  if (server.userinfo === undefined) return {};
  const { title } = connection.provider;
  let cause: unknown;
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    try {
      const answer = await servers.fetch(server.userinfo, {
        headers: { accept: 'application/json', authorization: `Bearer ${accessToken}` },
        maxBytes: MAX_USERINFO_BYTES,
        timeoutMs: USERINFO_TIMEOUT_MS,
      });
      const { json } = parseAnswer(answer);
      // the token has no right to it: then nobody knows who consented, and that is no failure
      if ([401, 403, 404].includes(answer.status)) return {};
      if (answer.status !== 200 || json === undefined) continue;
      const sub = idClaims?.['sub'];
      if (sub === undefined || json['sub'] === sub) return json;
      const message = `${title} names two different accounts for one consent.`;
      throw new SluiceError('authorization_response_invalid', message);
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'authorization_response_invalid') throw error;
      cause = error;
    }
  }
  throw new SluiceError('authorization_unavailable', `${title} could not say who gave access.`, { cause });
}
