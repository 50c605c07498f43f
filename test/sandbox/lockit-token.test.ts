/** The authorization server of the simulated LockitNetwork: the guide's example to the letter, and one test for each refusal. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LockitSandbox } from '../../sandbox/lockit/server.ts';
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

let sandbox: Sandbox<'lockit'>;
let lockit: LockitSandbox;
let client: Client;
/** moved forward by tests of lifetimes */
let ahead = 0;
beforeAll(async () => {
  const now = (): number => Date.now() + ahead;
  sandbox = await startSandbox({ providers: ['lockit'], records: 20, lockit: { now } });
  lockit = sandbox.providers.lockit;
  client = clientOf(lockit, 'basic', {});
});
afterAll(() => sandbox.close());

describe('the guide', () => {
  test('is followed to the letter, without PKCE', async () => {
    const url = `${lockit.urls.authorization}?response_type=code&client_id=${client.clientId}&state=example-state&redirect_uri=${encodeURIComponent(CALLBACK)}`;
    const back = await returned(url);
    expect(back).toEqual({ code: expect.any(String), state: 'example-state' });
    expect(new URL(lockit.urls.token).pathname).toBe('/oauth/access-token');
    const answer = await send(lockit.urls.token, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.clientId}:${client.clientSecret}`)}` },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: back['code'] ?? '',
        redirect_uri: CALLBACK,
      }),
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 604_800,
    });
    const again = await refresh(client, answer.body.refresh_token);
    expect(Object.keys(again.body)).toEqual(Object.keys(answer.body));
  });

  test('knows no scopes: one that is asked for is ignored', async () => {
    const answer = await connect(client, { scope: 'projects.read' });
    expect(answer.scope).toBeUndefined();
  });

  test('names no discovery document', async () => {
    const { origin } = new URL(lockit.urls.api);
    expect((await send(`${origin}/.well-known/openid-configuration`, {})).status).not.toBe(200);
  });
});

describe('an authorization request', () => {
  test.each([
    ['a redirect_uri that is not registered', { redirect_uri: `${CALLBACK}?x=1` }],
    ['no redirect_uri', { redirect_uri: null }],
    ['an unknown client', { client_id: 'nobody' }],
  ])('with %s leads nowhere', async (_name, changes) => {
    const response = await send(authorizationUrl(client, createChallenge(), changes), {});
    expect([response.status, response.headers.get('location')]).toEqual([400, null]);
  });

  test.each([
    ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['the challenge method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a challenge without a method', { code_challenge_method: null }, 'invalid_request'],
    ['a method without a challenge', { code_challenge: null }, 'invalid_request'],
    ['a challenge that is no digest', { code_challenge: 'short' }, 'invalid_request'],
  ])('with %s comes back with an error and the state', async (_name, changes, error) => {
    const back = await returned(authorizationUrl(client, createChallenge(), changes));
    expect(back).toMatchObject({ error, state: 'state-1' });
  });

  test('that is denied comes back with access_denied', async () => {
    const back = await returned(authorizationUrl(client, createChallenge()), { deny: true });
    expect(back).toEqual({ error: 'access_denied', state: 'state-1' });
  });

  test('is answered only by the browser that made it', async () => {
    const begun = await send(authorizationUrl(client, createChallenge()), {});
    const page = new URL(begun.headers.get('location') ?? '', lockit.urls.api).href;
    expect((await send(page, {})).status).toBe(400);
    const cookie = begun.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    expect((await send(page, { headers: { cookie } })).status).toBe(200);
    const body = new URLSearchParams({ decision: 'allow' });
    // nobody has signed in yet
    expect((await send(page, { method: 'POST', headers: { cookie }, body })).status).toBe(400);
  });
});

describe('a code', () => {
  test('works once, and its second use ends what came from it', async () => {
    const consented = await consentTo(client);
    const first = await exchange(client, consented);
    expect(first.status).toBe(200);
    expect(outcome(await exchange(client, consented))).toEqual([400, 'invalid_grant']);
    const list = await read(`${lockit.urls.api}/projects`, first.body.access_token);
    expect(list.status).toBe(401);
    expect(outcome(await refresh(client, first.body.refresh_token))).toEqual([400, 'invalid_grant']);
  });

  test('expires after 60 s', async () => {
    const [one, two] = [await consentTo(client), await consentTo(client)];
    ahead += 55_000;
    expect((await exchange(client, one)).status).toBe(200);
    ahead += 6_000;
    expect(outcome(await exchange(client, two))).toEqual([400, 'invalid_grant']);
  });

  test.each([
    ['another verifier', { code_verifier: createChallenge().code_verifier }, 'invalid_grant'],
    ['no verifier', { code_verifier: null }, 'invalid_grant'],
    ['another redirect_uri', { redirect_uri: 'http://localhost:3000/oauth/callback' }, 'invalid_grant'],
    ['no redirect_uri', { redirect_uri: null }, 'invalid_request'],
    ['no code', { code: null }, 'invalid_request'],
    ['a made-up code', { code: 'example-auth-code' }, 'invalid_grant'],
  ])('is refused with %s', async (_name, changes, error) => {
    expect(outcome(await exchange(client, await consentTo(client), changes))).toEqual([400, error]);
  });

  test('is refused with a verifier that nobody announced', async () => {
    const consented = await consentTo(client, { code_challenge: null, code_challenge_method: null });
    expect(outcome(await exchange(client, consented))).toEqual([400, 'invalid_grant']);
  });

  test('of another client is refused', async () => {
    const consented = await consentTo(client);
    const other = lockit.addApplication();
    const foreign = { ...client, clientId: other.clientId, clientSecret: other.clientSecret ?? '' };
    expect(outcome(await exchange(foreign, consented))).toEqual([400, 'invalid_grant']);
  });
});

describe('a token request', () => {
  const asked = { grant_type: 'refresh_token', refresh_token: 'x' };

  test.each([
    ['a wrong secret', () => basic(client.clientId, 'wrong')],
    // the header of the guide's example, which doesn't fit its own credentials
    ['the header of the guide', () => 'Basic ZXhhbXBsZS1jbGllbnQ6dG9wc2VjcmV0'],
    ['form-encoded credentials', () => basic(client.clientId, encodeURIComponent(client.clientSecret))],
    ['another scheme', () => 'Bearer x'],
  ])('with %s is 401', async (_name, header) => {
    const answer = await post(client, asked, { authorization: header() });
    expect(outcome(answer)).toEqual([401, 'invalid_client']);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic/);
  });

  test('with the secret in the body is 401', async () => {
    expect(outcome(await post({ ...client, proof: 'post' }, asked))).toEqual([401, 'invalid_client']);
  });

  test.each([
    ['the secret in the body as well', { client_secret: 'x' }, 'invalid_request'],
    ['another client in the body', { client_id: 'nobody' }, 'invalid_request'],
    ['client credentials', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['no grant type', { grant_type: null }, 'invalid_request'],
    ['no refresh token', { refresh_token: null }, 'invalid_request'],
  ])('with %s is refused', async (_name, changes, error) => {
    expect(outcome(await post(client, { ...asked, ...changes }))).toEqual([400, error]);
  });

  test('as JSON, by GET, or with a repeated parameter is refused', async () => {
    const authorization = basic(client.clientId, client.clientSecret);
    const headers = { authorization, 'content-type': 'application/json' };
    const asJson = await send(lockit.urls.token, { method: 'POST', headers, body: JSON.stringify(asked) });
    expect(outcome(asJson)).toEqual([400, 'invalid_request']);
    const query = new URLSearchParams(asked).toString();
    expect((await send(`${lockit.urls.token}?${query}`, { headers: { authorization } })).status).toBe(405);
    const body = new URLSearchParams(`${query}&grant_type=refresh_token`);
    const twice = await send(lockit.urls.token, { method: 'POST', headers: { authorization }, body });
    expect(outcome(twice)).toEqual([400, 'invalid_request']);
  });
});

describe('a refresh token', () => {
  test('is replaced by each use, and a second use ends the whole family', async () => {
    const first = await connect(client);
    const second = (await refresh(client, first.refresh_token)).body;
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const { reuses } = lockit.grants;
    expect(outcome(await refresh(client, first.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(lockit.grants.reuses).toBe(reuses + 1);
    expect(outcome(await refresh(client, second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect((await read(`${lockit.urls.api}/projects`, second.access_token)).status).toBe(401);
  });

  test('lives on and is returned again where rotation is off', async () => {
    lockit.tokens.rotation = false;
    try {
      const first = await connect(client);
      const second = (await refresh(client, first.refresh_token)).body;
      expect(second.refresh_token).toBe(first.refresh_token);
      expect((await refresh(client, first.refresh_token)).status).toBe(200);
    } finally {
      lockit.tokens.rotation = true;
    }
  });

  test('of another client is refused, and stays good for its own', async () => {
    const { refresh_token: token } = await connect(client);
    const other = lockit.addApplication();
    const foreign = { ...client, clientId: other.clientId, clientSecret: other.clientSecret ?? '' };
    expect(outcome(await refresh(foreign, token))).toEqual([400, 'invalid_grant']);
    expect((await refresh(client, token)).status).toBe(200);
  });

  test('outlives the access token, and ends in its own time or when the consent is revoked', async () => {
    const one = await connect(client);
    ahead += 604_801_000;
    expect((await read(`${lockit.urls.api}/projects`, one.access_token)).status).toBe(401);
    const two = (await refresh(client, one.refresh_token)).body;
    expect((await read(`${lockit.urls.api}/projects`, two.access_token)).status).toBe(200);
    ahead += 91 * 86_400_000;
    expect(outcome(await refresh(client, two.refresh_token))).toEqual([400, 'invalid_grant']);
    const three = await connect(client);
    expect(lockit.revokeGrants()).toBeGreaterThan(0);
    expect(outcome(await refresh(client, three.refresh_token))).toEqual([400, 'invalid_grant']);
  });
});
