/** The answer of a token endpoint, read strictly where it matters and tolerantly where servers differ. */
import type { GuardedResponse } from '../net/contract.ts';
import { SluiceError } from '../errors.ts';
import type { TokenSubject } from './contract.ts';
import { normaliseScopes } from './identity.ts';
import { lifetimeOf } from './lifetime.ts';
import { showable } from './redact.ts';
import { readTokenRetryAfter } from './retry-after.ts';

/** Far above any token in use, far below what servers refuse as a header. */
const MAX_TOKEN_LENGTH = 16 * 1024;

export interface IssuedToken {
  readonly value: string;
  /** epoch milliseconds, taken before the request was sent */
  readonly obtainedAt: number;
  /** milliseconds; 0: good for the callers that wait for it, not for a cache */
  readonly lifetimeMs: number;
  readonly scopes: readonly string[];
}

/** An answer with its body parsed as JSON; `json` is undefined where the body is none, or no object. */
export interface TokenAnswer {
  readonly response: GuardedResponse;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export function parseAnswer(response: GuardedResponse): TokenAnswer {
  try {
    // unlike Buffer's toString, this drops a byte order mark
    const json: unknown = JSON.parse(new TextDecoder().decode(response.body));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
      return { response, json: json as Record<string, unknown> };
    }
  } catch {
    // told apart by the missing `json`
  }
  return { response, json: undefined };
}

/**
 * The token of a successful answer.
 *
 * @throws SluiceError `token_response_invalid` where it can't be sent in a header or is no bearer token
 */
export function readToken(
  json: Readonly<Record<string, unknown>>,
  subject: TokenSubject,
  obtainedAt: number,
): IssuedToken {
  const { access_token: value, token_type: type, scope } = json;
  if (typeof value !== 'string' || value === '') throw invalid('it names no access_token');
  if (value.length > MAX_TOKEN_LENGTH)
    throw invalid(`its token is longer than ${MAX_TOKEN_LENGTH} characters`);
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw invalid('its token holds white space, line breaks or other characters that no header can carry');
  }
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw invalid('its token_type is not Bearer (RFC 6750)');
  }
  return {
    value,
    obtainedAt,
    lifetimeMs: lifetimeOf(json['expires_in'], subject.defaultLifetime),
    scopes: grantedScopes(scope) ?? normaliseScopes(subject.scopes),
  };
}

/** As the answer says them: text by RFC 6749, a list by some servers. Undefined where it says nothing. */
function grantedScopes(scope: unknown): string[] | undefined {
  const list: unknown[] = Array.isArray(scope) ? scope : [scope];
  const names = normaliseScopes(list.filter((name) => typeof name === 'string'));
  return names.length === 0 ? undefined : names.filter((name) => /^[\x21-\x7e]+$/.test(name));
}

export function invalid(reason: string): SluiceError {
  return new SluiceError('token_response_invalid', `The token endpoint's answer can't be used: ${reason}.`);
}

/**
 * What an answer without a usable token means (RFC 6749 section 5.2). Never holds anything of the body but the
 * error code and its description, both without secrets.
 */
export function classifyAnswer(answer: TokenAnswer, subject: TokenSubject, now: number): SluiceError {
  const { response, json } = answer;
  const { status } = response;
  const oauthError = errorCode(json?.['error'], subject);
  const description = showable(json?.['error_description'], subject);
  const retryAt = readTokenRetryAfter(response.headers, json, now);
  const said = saying(status, oauthError, description);
  const details = {
    status,
    ...(oauthError === '' ? {} : { oauthError }),
    ...(retryAt === undefined ? {} : { retryAt }),
  };

  if (status === 429 || oauthError === 'slow_down') {
    return new SluiceError('token_endpoint_rate_limited', `The token endpoint limits requests: ${said}.`, {
      details,
    });
  }
  if (status === 408 || status === 425 || (status >= 500 && status <= 599) || outages.has(oauthError)) {
    return new SluiceError('token_endpoint_unavailable', `The token endpoint is not available: ${said}.`, {
      details,
    });
  }
  if (clientErrors.has(oauthError) || (status === 401 && oauthError === '')) {
    return new SluiceError('token_client_rejected', `The token endpoint refused the client: ${said}.`, {
      details,
    });
  }
  if (oauthError === 'invalid_scope') {
    const scopes = normaliseScopes(subject.scopes);
    return new SluiceError(
      'token_scope_rejected',
      `The token endpoint refused the scopes ${scopes.length === 0 ? '(none)' : scopes.join(', ')}: ${said}.`,
      { details: { ...details, scopes } },
    );
  }
  if (oauthError !== '' || wrongAddress.has(status)) {
    return new SluiceError('token_request_invalid', `The token endpoint refused the request: ${said}.`, {
      details,
    });
  }
  const reason = json === undefined ? `${said}, and the body is no JSON object` : `${said}, without a token`;
  return new SluiceError('token_response_invalid', `The token endpoint's answer can't be used: ${reason}.`, {
    details,
  });
}

const clientErrors: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client']);
const outages: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable']);
const knownErrors: ReadonlySet<unknown> = new Set([
  ...clientErrors,
  ...outages,
  'invalid_request',
  'invalid_grant',
  'invalid_scope',
  'unsupported_grant_type',
  'slow_down',
]);

/** Known codes as they are: a client secret as short as `id` must not make them unknown. */
function errorCode(error: unknown, subject: TokenSubject): string {
  return knownErrors.has(error) ? String(error) : showable(error, subject);
}
/** Statuses that mean another address rather than another request. */
const wrongAddress: ReadonlySet<number> = new Set([404, 405, 410]);

function saying(status: number, oauthError: string, description: string): string {
  const words = [oauthError, description].filter((word) => word !== '').join(', ');
  return words === '' ? `it answered ${status}` : `it answered ${status} (${words})`;
}
