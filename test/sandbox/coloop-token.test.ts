/** The authorization server of the simulated CoLoop: private and public applications, as its guide shows; one test for each refusal. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { CoLoopSandbox } from '../../sandbox/coloop/server.ts';
import type { Sandbox } from '../../sandbox/index.ts';
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

let sandbox: Sandbox<'coloop'>;
let coloop: CoLoopSandbox;
let secret: Client;
let open: Client;
const offline = { scope: 'email profile offline_access' };
const noPkce = { code_challenge: null, code_challenge_method: null };
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['coloop'], records: 10 });
  coloop = sandbox.providers.coloop;
  secret = clientOf(coloop, 'post', { scope: 'email profile' });
  open = clientOf(coloop, 'none', { scope: 'email profile' }, coloop.publicCredentials.clientId);
});
afterAll(() => sandbox.close());

test('the discovery document names the documented endpoints', async () => {
  const { body } = await send(`${coloop.urls.issuer}/.well-known/openid-configuration`, {});
  expect(body).toMatchObject({
    issuer: coloop.urls.issuer,
    authorization_endpoint: `${coloop.urls.issuer}/oauth/authorize`,
    token_endpoint: `${coloop.urls.issuer}/oauth/token`,
    userinfo_endpoint: `${coloop.urls.issuer}/oauth/userinfo`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'none'],
  });
});

describe('a private application', () => {
  test('gets a token for 7200 s with the secret in the body, "bearer" in lower case, without PKCE', async () => {
    const consented = await consentTo(secret, noPkce);
    const { status, body } = await exchange(secret, consented, { code_verifier: null });
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      scope: 'email profile',
      token_type: 'bearer',
      expires_in: 7200,
    });
  });

  test('gets a refresh token only with offline_access', async () => {
    expect((await connect(secret)).refresh_token).toBeUndefined();
    expect(await connect(secret, offline)).toMatchObject({
      refresh_token: expect.any(String),
      scope: 'email profile offline_access',
    });
  });

  test.each([
    ['a wrong secret', { client_secret: 'wrong' }],
    ['no secret', { client_secret: null }],
    ['an unknown client', { client_id: 'nobody' }],
  ])('with %s is refused', async (_name, changes) => {
    const consented = await consentTo(secret);
    expect(outcome(await exchange(secret, consented, changes))).toEqual([401, 'invalid_client']);
    // the code was not spent by that
    expect((await exchange(secret, consented)).status).toBe(200);
  });

  test('with the secret in the Authorization header is refused', async () => {
    const consented = await consentTo(secret);
    const header = { authorization: basic(secret.clientId, secret.clientSecret) };
    const fields = {
      grant_type: 'authorization_code',
      code: consented.code,
      redirect_uri: CALLBACK,
      client_secret: null,
      code_verifier: consented.challenge.code_verifier,
    };
    expect(outcome(await post(secret, fields, header))).toEqual([401, 'invalid_client']);
  });

  test('gets no token for client credentials', async () => {
    const answer = await post(secret, { grant_type: 'client_credentials' });
    expect(outcome(answer)).toEqual([400, 'unsupported_grant_type']);
  });
});

describe('a public application', () => {
  test('gets and refreshes a token with PKCE and without a secret', async () => {
    const first = await connect(open, offline);
    expect(first).toMatchObject({ token_type: 'bearer', expires_in: 7200 });
    const second = await refresh(open, first.refresh_token);
    expect(second.status).toBe(200);
    expect((await read(`${coloop.urls.api}/organizations/`, second.body.access_token)).status).toBe(200);
  });

  test('without PKCE is sent back with an error', async () => {
    const back = await returned(authorizationUrl(open, createChallenge(), noPkce));
    expect(back).toMatchObject({ error: 'invalid_request', state: 'state-1' });
  });

  test.each([
    ['no verifier', { code_verifier: null }],
    ['another verifier', { code_verifier: createChallenge().code_verifier }],
  ])('with %s is refused', async (_name, changes) => {
    expect(outcome(await exchange(open, await consentTo(open), changes))).toEqual([400, 'invalid_grant']);
  });

  test('that sends a secret is refused', async () => {
    const answer = await exchange(open, await consentTo(open), { client_secret: 'made-up' });
    expect(outcome(answer)).toEqual([401, 'invalid_client']);
  });
});

describe('an authorization request', () => {
  test('that is denied comes back with access_denied', async () => {
    const back = await returned(authorizationUrl(secret, createChallenge(), offline), { deny: true });
    expect(back).toMatchObject({ error: 'access_denied', state: 'state-1' });
  });

  test('for a scope that does not exist comes back with an error', async () => {
    const back = await returned(authorizationUrl(secret, createChallenge(), { scope: 'email projects' }));
    expect(back).toMatchObject({ error: 'invalid_scope' });
  });

  test('with a redirect_uri that is not registered leads nowhere', async () => {
    const url = authorizationUrl(secret, createChallenge(), { redirect_uri: 'http://127.0.0.1:3000/other' });
    await expect(returned(url)).rejects.toThrow(/answered 400/);
    coloop.allowRedirect('http://127.0.0.1:3000/other');
    expect(await returned(url)).toHaveProperty('code');
  });
});

describe('a refresh token', () => {
  test('is replaced by each use, and a second use ends the whole family', async () => {
    const first = await connect(secret, offline);
    const second = (await refresh(secret, first.refresh_token)).body;
    expect(second).toMatchObject({ token_type: 'bearer', refresh_token: expect.any(String) });
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const { reuses } = coloop.grants;
    expect(outcome(await refresh(secret, first.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(coloop.grants.reuses).toBe(reuses + 1);
    expect(outcome(await refresh(secret, second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect((await read(`${coloop.urls.api}/organizations/`, second.access_token)).status).toBe(401);
  });

  test('lives on and is not returned where rotation is off', async () => {
    coloop.tokens.rotation = false;
    try {
      const first = await connect(secret, offline);
      for (const round of [1, 2]) {
        const { status, body } = await refresh(secret, first.refresh_token);
        expect([round, status, body.refresh_token]).toEqual([round, 200, undefined]);
      }
    } finally {
      coloop.tokens.rotation = true;
    }
  });

  test.each([
    ['without the secret', { client_secret: null }, 401, 'invalid_client'],
    ['by the public application', { client_id: 'public' }, 400, 'invalid_grant'],
    ['when it is made up', { refresh_token: 'made-up' }, 400, 'invalid_grant'],
    ['when it is missing', { refresh_token: null }, 400, 'invalid_request'],
  ])('is refused %s', async (_name, changes, status, error) => {
    const { refresh_token: token } = await connect(secret, offline);
    const who = 'client_id' in changes ? open : secret;
    const own = 'client_id' in changes ? {} : changes;
    expect(outcome(await refresh(who, token, own))).toEqual([status, error]);
  });

  test('is worthless after the consent was revoked', async () => {
    const { refresh_token: token } = await connect(secret, offline);
    expect(coloop.revokeGrants()).toBeGreaterThan(0);
    expect(outcome(await refresh(secret, token))).toEqual([400, 'invalid_grant']);
  });
});

describe('userinfo', () => {
  test('shows what the scopes allow, for the account that consented', async () => {
    const [rosa, theo] = coloop.accounts;
    const { access_token: full } = await connect(secret);
    expect((await read(coloop.urls.userinfo, full)).body).toEqual({
      sub: rosa?.id,
      email: rosa?.email,
      email_verified: true,
      name: rosa?.name,
    });
    const { access_token: other } = await connect(secret, { scope: 'email' }, { account: theo?.email ?? '' });
    const { body } = await read(coloop.urls.userinfo, other);
    expect(body).toEqual({ sub: theo?.id, email: theo?.email, email_verified: true });
  });

  test('is refused with a bad token or an API key', async () => {
    expect((await read(coloop.urls.userinfo, 'made-up')).status).toBe(401);
    const { apiKey } = coloop;
    expect((await send(coloop.urls.userinfo, { headers: { 'x-api-key': apiKey } })).status).toBe(401);
  });
});
