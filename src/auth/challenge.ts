/** What a resource server says in WWW-Authenticate about a token that it refuses. */
import {
  Configuration,
  customFetch,
  fetchProtectedResource,
  WWWAuthenticateChallengeError,
} from 'openid-client';

/** The longest header that is looked at: real ones are far shorter. */
const MAX_LENGTH = 8 * 1024;

export interface Challenge {
  /** in lower case */
  readonly scheme: string;
  /** names in lower case; quoted values without their quotes and escapes */
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/** The Bearer challenge of an answer (RFC 6750 section 3). Text of the provider: not made fit to be shown yet. */
export interface BearerChallenge {
  readonly error: string | undefined;
  readonly description: string | undefined;
  /** the scopes that the request needs, as the provider names them */
  readonly scopes: readonly string[];
}

/**
 * The challenges of a WWW-Authenticate header (RFC 9110 section 11.6.1), which may stand on several lines, list
 * several schemes, and hold commas inside of quotes. Empty where it is absent or can't be read.
 *
 * The parser is that of the OAuth library. It has no name of its own there, so it is handed an answer with this
 * header, and what it throws holds the list.
 */
export async function readChallenges(headers: Headers): Promise<readonly Challenge[]> {
  const header = headers.get('www-authenticate');
  if (header === null || header.length > MAX_LENGTH) return [];
  const answer = new Response(null, { status: 401, headers: { 'www-authenticate': header } });
  const config = new Configuration({ issuer: NOWHERE }, 'nobody');
  // 0: nothing is sent, so no timer is needed
  config.timeout = 0;
  config[customFetch] = async () => answer;
  try {
    await fetchProtectedResource(config, 'none', new URL(NOWHERE), 'GET');
  } catch (error) {
    if (error instanceof WWWAuthenticateChallengeError) {
      return error.cause.map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } }));
    }
  }
  return [];
}

/** Reserved for what doesn't exist (RFC 2606); never asked. */
const NOWHERE = 'https://challenge.invalid';

/** The Bearer challenge that says most, where there are several; undefined where there is none. */
export async function bearerChallenge(headers: Headers): Promise<BearerChallenge | undefined> {
  const bearers = (await readChallenges(headers)).filter(({ scheme }) => scheme === 'bearer');
  const chosen = bearers.find(({ parameters }) => parameters['error'] !== undefined) ?? bearers[0];
  if (chosen === undefined) return undefined;
  const { error, error_description: description, scope = '' } = chosen.parameters;
  return { error, description, scopes: scope.split(/\s+/).filter((name) => name !== '') };
}
