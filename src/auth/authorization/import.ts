/** A refresh token that was obtained elsewhere: spent once, so that what is stored is known to work. */
import { refreshTokenGrant } from 'openid-client';
import { SluiceError } from '../../errors.ts';
import { refreshTokenExpiry, refreshTokenOf } from '../grants/answer.ts';
import type { AuthorizationServers } from '../grants/server.ts';
import { normaliseScopes } from '../identity.ts';
import { readToken } from '../token-answer.ts';
import { accountOf, consentToken, type Granted } from './code.ts';
import type { Party } from './connector.ts';

/** @throws SluiceError `grant_rejected` (auth), and what a token endpoint brings */
export async function importGrant(
  servers: AuthorizationServers,
  party: Party,
  refreshToken: string,
  now: number,
): Promise<Granted> {
  const { subject, connection } = party;
  const server = await servers.endpoints(subject);
  const answer = await servers
    .exchange(subject, server, {
      secrets: [refreshToken],
      call: (config) => refreshTokenGrant(config, refreshToken, { ...subject.params }),
    })
    .catch((error: unknown) => {
      if (!(error instanceof SluiceError) || error.details['oauthError'] !== 'invalid_grant') throw error;
      throw new SluiceError('grant_rejected', `${connection.provider.title} refused this refresh token.`, {
        advice:
          'Check that it was issued to the client id of this connection and was not used since; or connect with `sluice connect`.',
      });
    });
  if (answer.flaw !== undefined) throw answer.flaw;
  const token = readToken(answer.json, subject, answer.obtainedAt);
  return {
    refreshToken: refreshTokenOf(answer.json) ?? refreshToken,
    expiresAt: refreshTokenExpiry(answer.json, now),
    scopes: normaliseScopes(token.scopes),
    account: await accountOf(servers, party, server, token.value, undefined),
    token: consentToken(token),
  };
}
