/** What a provider says when it refuses a token (401) or what the token may do (403), and what to do about it. */
import type { AccessToken } from '../auth/contract.ts';
import { bearerChallenge, type BearerChallenge } from '../auth/challenge.ts';
import { missingScopes } from '../auth/scopes.ts';
import { SluiceError } from '../errors.ts';
import type { GuardedResponse } from '../net/contract.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';

const MAX_SAID = 200;
/** More scopes than this in one sentence help nobody. */
const MAX_SCOPES = 10;

export interface Refusal {
  readonly answer: GuardedResponse;
  readonly request: { readonly connection: ResolvedConnection; readonly stream?: StreamDefinition };
  /** that was sent; undefined where the credentials go in headers alone */
  readonly token: AccessToken | undefined;
  readonly path: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The error of a 401: `provider_unauthorized`, with what the Bearer challenge says (RFC 6750 section 3.1). */
export async function unauthorized(refusal: Refusal): Promise<SluiceError> {
  const { answer, request, path, token } = refusal;
  const challenge = readable(await bearerChallenge(answer.headers), sentIn(refusal));
  const title = request.connection.provider.title;
  return new SluiceError(
    'provider_unauthorized',
    `${title} refused the ${token === undefined ? 'API key' : 'token'} (401) on ${path}${saying(challenge)}.`,
    {
      details: withChallenge(refusal.details, challenge),
      ...(challenge?.error === 'insufficient_scope' && challenge.scopes.length > 0
        ? { advice: giveScopes(challenge.scopes, title) }
        : {}),
    },
  );
}

/**
 * The error of a 403: `provider_forbidden`. The scope that is missing is named by the first that knows it: the provider
 * in its challenge, then the token endpoint, which granted less than was asked; then the provider's definition.
 */
export async function forbidden(refusal: Refusal): Promise<SluiceError> {
  const { answer, request, token, path } = refusal;
  const { connection, stream } = request;
  const { title } = connection.provider;
  const challenge = readable(await bearerChallenge(answer.headers), sentIn(refusal));
  const withheld = token === undefined ? [] : missingScopes(connection.scopes, token.scopes);
  const own = withheld.filter((scope) => stream?.scopes.includes(scope) ?? true);
  const explained = connection.provider.explainForbidden?.(bodyOf(answer), stream);
  const why = [
    saying(challenge),
    withheld.length === 0 ? '' : `: the token was granted without ${list(withheld)}`,
    explained === undefined ? '' : `: ${explained}`,
  ].join('');
  const needed = challenge !== undefined && challenge.scopes.length > 0 ? challenge.scopes : own;
  return new SluiceError('provider_forbidden', `${title} forbids ${path} (403)${why}.`, {
    details: {
      ...withChallenge(refusal.details, challenge),
      ...(withheld.length === 0 ? {} : { missingScopes: withheld }),
    },
    ...(needed.length === 0 ? {} : { advice: giveScopes(needed, title, stream) }),
  });
}

function giveScopes(scopes: readonly string[], title: string, stream?: StreamDefinition): string {
  const what = scopes.length === 1 ? 'the scope' : 'the scopes';
  const otherwise = stream === undefined ? '' : `, or leave the stream ${stream.name} out`;
  return `Give the application ${what} ${list(scopes)} at ${title} and list ${scopes.length === 1 ? 'it' : 'them'} under \`scopes\` where the connection has any${otherwise}.`;
}

function list(scopes: readonly string[]): string {
  const shown = scopes.slice(0, MAX_SCOPES).join(', ');
  return scopes.length > MAX_SCOPES ? `${shown}, …` : shown;
}

function saying(challenge: BearerChallenge | undefined): string {
  const words = [challenge?.error, challenge?.description].filter(
    (word) => word !== undefined && word !== '',
  );
  return words.length === 0 ? '' : `: ${words.join(', ')}`;
}

function withChallenge(
  details: Refusal['details'],
  challenge: BearerChallenge | undefined,
): Readonly<Record<string, unknown>> {
  if (challenge?.error === undefined) return details;
  const { error, scopes } = challenge;
  return { ...details, oauthError: error, ...(scopes.length === 0 ? {} : { scopes }) };
}

/** What a provider must not say back to us in an error that people see. */
function sentIn({ token, request }: Refusal): readonly string[] {
  return [token?.value, request.connection.credentials.apiKey].filter((secret) => secret !== undefined);
}

/** A challenge fit to be shown: without the secrets in it, control characters, or more than a sentence of it. */
function readable(
  challenge: BearerChallenge | undefined,
  secrets: readonly string[],
): BearerChallenge | undefined {
  if (challenge === undefined) return undefined;
  const clean = (text: string): string =>
    secrets
      .reduce((said, secret) => said.replaceAll(secret, '[redacted]'), text)
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
      .trim()
      .replace(/\.$/, '')
      .slice(0, MAX_SAID);
  const { error, description, scopes } = challenge;
  return {
    error: error === undefined ? undefined : clean(error),
    description: description === undefined ? undefined : clean(description),
    scopes: scopes.map(clean).filter((scope) => /^[\x21-\x7e]+$/.test(scope)),
  };
}

/** The JSON of an answer; undefined where it is none. */
export function bodyOf(answer: GuardedResponse): unknown {
  try {
    return JSON.parse(answer.body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
