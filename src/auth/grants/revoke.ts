/** Tells a provider that a refresh token is of no more use (RFC 7009). */
import { tokenRevocation } from 'openid-client';
import { SluiceError } from '../../errors.ts';
import type { GuardedFetch } from '../../net/contract.ts';
import { clientAuthentication } from '../client-auth.ts';
import type { TokenSubject } from '../contract.ts';
import type { AuthorizationServers } from './server.ts';

/** `revoked`; `none` where the provider has no endpoint for it; `failed` with what was answered, worth another try. */
export type Revocation =
  { readonly outcome: 'revoked' | 'none' } | { readonly outcome: 'failed'; readonly error: unknown };

export async function revokeToken(
  servers: AuthorizationServers,
  subject: TokenSubject,
  refreshToken: string,
): Promise<Revocation> {
  try {
    const server = await servers.endpoints(subject);
    if (server.revocation === undefined) return { outcome: 'none' };
    const secrets = subject.clientAuth === 'none' ? [''] : subject.clientSecrets;
    let error: unknown = new SluiceError('token_client_rejected', 'The connection has no client secret.');
    for (const secret of secrets) {
      let status: number | undefined;
      const send: GuardedFetch = async (url, init) => {
        const headers = { ...init?.headers };
        delete headers['user-agent'];
        const answer = await servers.fetch(url, { ...init, headers });
        status = answer.status;
        return answer;
      };
      const config = servers.configuration(subject, server, clientAuthentication(subject, secret), send);
      try {
        await tokenRevocation(config, refreshToken, { token_type_hint: 'refresh_token' });
        return { outcome: 'revoked' };
      } catch (refused) {
        // The library's error may repeat the request: what is kept of it is the status.
        error = refused instanceof SluiceError ? refused : new Error(`answered ${status ?? 'nothing'}`);
        if (status !== 401 && status !== 400) break;
      }
    }
    return { outcome: 'failed', error };
  } catch (error) {
    return { outcome: 'failed', error };
  }
}
