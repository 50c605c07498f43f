/** The authorization server of the simulated LOKE gives tokens as its guide shows, and refuses the rest. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LokeSandbox } from '../../sandbox/loke/server.ts';
import { send } from './lucca-client.ts';
import {
  authorizationUrl,
  basic,
  CALLBACK,
  clientOf,
  connect,
  consentTo,
  createChallenge,
  exchange,
  outcome,
  post,
  read,
  refresh,
  returned,
} from './oauth-client.ts';
import type { Client } from './oauth-client.ts';

let sandbox: Sandbox<'loke'>;
let loke: LokeSandbox;
let client: Client;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['loke'], records: 20 });
  loke = sandbox.providers.loke;
  client = clientOf(loke, 'basic', { scope: 'openid', prompt: 'consent' });
});
afterAll(() => sandbox.close());

const clientCredentials = { grant_type: 'client_credentials' };

test('the discovery document stands at the issuer and names the documented endpoints', async () => {
  const { status, body } = await send(`${loke.urls.issuer}/.well-known/openid-configuration`, {});
  expect(status).toBe(200);
  expect(body).toMatchObject({
    issuer: loke.urls.issuer,
    authorization_endpoint: `${loke.urls.issuer}/authorize`,
    token_endpoint: `${loke.urls.issuer}/token`,
    jwks_uri: `${loke.urls.issuer}/jwks`,
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    code_challenge_methods_supported: ['S256'],
    scopes_supported: ['openid', 'offline'],
  });
  expect((await send(loke.urls.jwks, {})).body.keys).toHaveLength(1);
});

describe('client credentials', () => {
  test('yield a bearer token without a scope, the credentials raw in the header as the guide shows', async () => {
    const { clientId, clientSecret } = loke.credentials;
    expect(encodeURIComponent(clientSecret)).not.toBe(clientSecret);
    const answer = await send(loke.urls.token, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      body: new URLSearchParams(clientCredentials),
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3600,
    });
  });

  test('form-encoded in the header are refused, or the only ones taken where the simulator is told so', async () => {
    const { clientId, clientSecret } = loke.credentials;
    const encoded = {
      authorization: basic(encodeURIComponent(clientId), encodeURIComponent(clientSecret)),
    };
    expect(outcome(await post(client, clientCredentials, encoded))).toEqual([401, 'invalid_client']);
    loke.tokens.basicEncoding = 'form';
    try {
      expect((await post(client, clientCredentials, encoded)).status).toBe(200);
      expect((await post(client, clientCredentials)).status).not.toBe(200);
    } finally {
      loke.tokens.basicEncoding = 'raw';
    }
  });

  test.each([
    ['a wrong secret', () => ({ authorization: basic(loke.credentials.clientId, 'wrong') })],
    ['an unknown client', () => ({ authorization: basic('nobody', 'x') })],
  ])('with %s are refused', async (_name, headers) => {
    expect(outcome(await post(client, clientCredentials, headers()))).toEqual([401, 'invalid_client']);
  });

  test('in the body are refused', async () => {
    const inBody: Client = { ...client, proof: 'post' };
    expect(outcome(await post(inBody, clientCredentials))).toEqual([401, 'invalid_client']);
  });

  test.each([
    ['another grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['no grant type', {}, 'invalid_request'],
  ])('with %s are refused', async (_name, fields, error) => {
    expect(outcome(await post(client, fields))).toEqual([400, error]);
  });

  test('as JSON are refused', async () => {
    const answer = await send(loke.urls.token, {
      method: 'POST',
      headers: {
        authorization: basic(client.clientId, client.clientSecret),
        'content-type': 'application/json',
      },
      body: JSON.stringify(clientCredentials),
    });
    expect(outcome(answer)).toEqual([400, 'invalid_request']);
  });
});

describe('a user', () => {
  test('who consents sends back a code and the state, and the code yields an id token but no refresh token', async () => {
    const challenge = createChallenge();
    const back = await returned(authorizationUrl(client, challenge));
    expect(back).toMatchObject({ code: expect.any(String), state: 'state-1', iss: loke.urls.issuer });
    const { status, body } = await exchange(client, { code: back['code'] ?? '', challenge });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid' });
    expect(body.refresh_token).toBeUndefined();
    const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1], 'base64url').toString());
    expect(claims).toMatchObject({
      iss: loke.urls.issuer,
      aud: loke.credentials.clientId,
      sub: loke.accounts[0]?.id,
    });
  });

  test('may be another one', async () => {
    const other = loke.accounts[1];
    const { id_token: token } = await connect(client, {}, { account: other?.email ?? '' });
    expect(Buffer.from(token.split('.')[1], 'base64url').toString()).toContain(`"${other?.id}"`);
  });

  test('who denies sends back access_denied and the state', async () => {
    const before = loke.grants.denials;
    const back = await returned(authorizationUrl(client, createChallenge()), { deny: true });
    expect(back).toMatchObject({ error: 'access_denied', state: 'state-1' });
    expect(back['code']).toBeUndefined();
    expect(loke.grants.denials).toBe(before + 1);
  });

  test('can consent without PKCE, as in the guide', async () => {
    const consented = await consentTo(client, { code_challenge: null, code_challenge_method: null });
    expect((await exchange(client, consented, { code_verifier: null })).status).toBe(200);
  });

  test.each([
    ['a redirect_uri that is not registered', { redirect_uri: `${CALLBACK}/other` }],
    ['an unknown client', { client_id: 'nobody' }],
  ])('is not sent anywhere with %s', async (_name, changes) => {
    const url = authorizationUrl(client, createChallenge(), changes);
    await expect(returned(url)).rejects.toThrow(/answered 400/);
  });

  test.each([
    ['a response type that is not code', { response_type: 'token' }, 'unsupported_response_type'],
    ['the challenge method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a scope that does not exist', { scope: 'openid offline_access' }, 'invalid_scope'],
  ])('is sent back with an error for %s', async (_name, changes, error) => {
    const back = await returned(authorizationUrl(client, createChallenge(), changes));
    expect(back).toMatchObject({ error, state: 'state-1' });
  });
});

describe('a code', () => {
  test('works once, and its second use ends what came from it', async () => {
    const consented = await consentTo(client);
    const first = await exchange(client, consented);
    const list = `${loke.urls.api}/organizations`;
    expect((await read(list, first.body.access_token)).status).toBe(200);
    expect(outcome(await exchange(client, consented))).toEqual([400, 'invalid_grant']);
    expect((await read(list, first.body.access_token)).status).toBe(401);
  });

  test.each([
    ['another verifier', { code_verifier: createChallenge().code_verifier }],
    ['no verifier', { code_verifier: null }],
    ['another redirect_uri', { redirect_uri: 'http://localhost:3000/oauth/callback' }],
  ])('is refused with %s', async (_name, changes) => {
    const consented = await consentTo(client);
    expect(outcome(await exchange(client, consented, changes))).toEqual([400, 'invalid_grant']);
  });

  test('of another client is refused', async () => {
    const consented = await consentTo(client);
    const other = loke.addApplication();
    const foreign = { ...client, clientId: other.clientId, clientSecret: other.clientSecret ?? '' };
    expect(outcome(await exchange(foreign, consented))).toEqual([400, 'invalid_grant']);
  });

  test('expires', async () => {
    loke.tokens.codeLifetimeSeconds = 1;
    try {
      const consented = await consentTo(client);
      // trying again and again would use it up
      const issued = Date.now();
      await expect.poll(() => Date.now() - issued).toBeGreaterThan(2000);
      expect(outcome(await exchange(client, consented))).toEqual([400, 'invalid_grant']);
    } finally {
      loke.tokens.codeLifetimeSeconds = 60;
    }
  });
});

describe('a refresh token', () => {
  const offline = { scope: 'openid offline' };

  test('comes with the scope offline, is replaced by each use, and a second use ends the family', async () => {
    const first = await connect(client, offline);
    const second = await refresh(client, first.refresh_token);
    expect(second.status).toBe(200);
    expect(second.body.refresh_token).not.toBe(first.refresh_token);
    const { reuses } = loke.grants;
    expect(outcome(await refresh(client, first.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(loke.grants.reuses).toBe(reuses + 1);
    expect(outcome(await refresh(client, second.body.refresh_token))).toEqual([400, 'invalid_grant']);
    expect((await read(`${loke.urls.api}/organizations`, second.body.access_token)).status).toBe(401);
  });

  test('of another client is refused, and stays good for its own', async () => {
    const { refresh_token: token } = await connect(client, offline);
    const other = loke.addApplication();
    const foreign = { ...client, clientId: other.clientId, clientSecret: other.clientSecret ?? '' };
    expect(outcome(await refresh(foreign, token))).toEqual([400, 'invalid_grant']);
    expect((await refresh(client, token)).status).toBe(200);
  });

  test('is worthless after the consent was revoked, and unknown ones always are', async () => {
    const { refresh_token: token } = await connect(client, offline);
    expect(loke.revokeGrants()).toBeGreaterThan(0);
    expect(outcome(await refresh(client, token))).toEqual([400, 'invalid_grant']);
    expect(outcome(await refresh(client, 'made-up'))).toEqual([400, 'invalid_grant']);
  });
});

test('the server counts what it gave and what it refused', async () => {
  const { clientTokens, codes, refreshes, refused } = structuredClone(loke.grants);
  await post(client, clientCredentials);
  const { refresh_token: token } = await connect(client, { scope: 'openid offline' });
  await refresh(client, token);
  await refresh(client, 'made-up');
  expect(loke.grants).toMatchObject({
    clientTokens: clientTokens + 1,
    codes: codes + 1,
    refreshes: refreshes + 1,
    refused: { invalid_grant: (refused['invalid_grant'] ?? 0) + 1 },
  });
});
