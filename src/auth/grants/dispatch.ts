/** Sends each token request to where its grant is served. */
import type { OAuthClient } from '../oauth.ts';
import type { Refresher } from './refresh.ts';

/** `client` grants as ever; `user` grants by their refresh token. */
export function dispatchGrants(client: OAuthClient, user: Pick<Refresher, 'requestToken'>): OAuthClient {
  return {
    requestToken: (subject, signal) =>
      subject.grant === 'user' ? user.requestToken(subject, signal) : client.requestToken(subject, signal),
  };
}
