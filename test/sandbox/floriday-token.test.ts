/** The authorization server of the simulated Floriday: where its metadata stand, and what its token endpoint refuses. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { accessOf, get, READ_SCOPES, requestToken, send, tokenOf } from './floriday-client.ts';

let sandbox: Sandbox<'floriday'>;
let floriday: FloridaySandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['floriday'], records: 20 });
  floriday = sandbox.providers.floriday;
});
afterAll(() => sandbox.close());

describe('the metadata', () => {
  test('stand below the path of the issuer', async () => {
    const { status, body } = await send(`${floriday.urls.issuer}/.well-known/oauth-authorization-server`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issuer: floriday.urls.issuer,
      token_endpoint: floriday.urls.token,
      token_endpoint_auth_methods_supported: ['client_secret_post'],
      grant_types_supported: ['client_credentials'],
      scopes_supported: expect.arrayContaining(['role:app', 'catalog:read']),
    });
    expect(new URL(body.issuer).pathname).toBe('/oauth2/ausmw6b47z1BnlHkw0h7');
    expect(body.token_endpoint).toBe(`${body.issuer}/v1/token`);
  });

  test('are not where RFC 8414 would insert the well-known part', async () => {
    const { origin, pathname } = new URL(floriday.urls.issuer);
    expect((await send(`${origin}/.well-known/oauth-authorization-server${pathname}`)).status).toBe(404);
  });

  test('are neither at the issuer itself nor an OpenID configuration', async () => {
    expect((await send(floriday.urls.issuer)).status).toBe(404);
    expect((await send(`${floriday.urls.issuer}/.well-known/openid-configuration`)).status).toBe(404);
  });

  test('of the live environment have its issuer', async () => {
    const live = await startSandbox({
      providers: ['floriday'],
      records: 1,
      floriday: { environment: 'live' },
    });
    try {
      const { urls } = live.providers.floriday;
      expect(new URL(urls.issuer).pathname).toBe('/oauth2/aus3testdcf2vyfs70i7');
      expect((await send(`${urls.issuer}/.well-known/oauth-authorization-server`)).body.issuer).toBe(
        urls.issuer,
      );
    } finally {
      await live.close();
    }
  });
});

describe('a token request', () => {
  test('that is correct yields a JWT for 3600 s', async () => {
    const { status, headers, body } = await requestToken(floriday);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 3600,
      scope: READ_SCOPES,
    });
    const payload = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
    expect(payload).toMatchObject({
      iss: floriday.urls.issuer,
      client_id: floriday.credentials.clientId,
      scope: READ_SCOPES,
    });
    expect(payload.exp - payload.iat).toBe(3600);
  });

  test('yields a new token each time', async () => {
    expect(await tokenOf(floriday)).not.toBe(await tokenOf(floriday));
  });

  test.each([
    ['with a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client'],
    ['of an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['without a secret', { client_secret: null }, 401, 'invalid_client'],
    ['without a client id', { client_id: null }, 400, 'invalid_request'],
    ['without a scope', { scope: null }, 400, 'invalid_scope'],
    ['without role:app among its scopes', { scope: 'catalog:read' }, 400, 'invalid_scope'],
    ['for a scope that does not exist', { scope: 'role:app payroll:read' }, 400, 'invalid_scope'],
    ['with scopes separated by commas', { scope: 'role:app,catalog:read' }, 400, 'invalid_scope'],
    ['of another grant type', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['without a grant type', { grant_type: null }, 400, 'invalid_request'],
  ])('%s is refused', async (_name, fields, status, error) => {
    const answer = await requestToken(floriday, fields);
    expect([answer.status, answer.body.error]).toEqual([status, error]);
  });

  test('for a scope that the application was not given is refused', async () => {
    const { clientId, clientSecret } = floriday.addApplication({ scopes: ['role:app', 'catalog:read'] });
    const own = { client_id: clientId, client_secret: clientSecret };
    expect((await requestToken(floriday, { ...own, scope: 'role:app catalog:read' })).status).toBe(200);
    const answer = await requestToken(floriday, { ...own, scope: 'role:app supply:read' });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_scope']);
  });

  test('with the secret in the Authorization header is refused', async () => {
    const { clientId, clientSecret } = floriday.credentials;
    const answer = await send(floriday.urls.token, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'role:app' }),
    });
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
  });

  test('with a JSON body is refused', async () => {
    const answer = await send(floriday.urls.token, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ grant_type: 'client_credentials', ...floriday.credentials, scope: 'role:app' }),
    });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
  });
});

test('a token with a short life expires', async () => {
  floriday.tokens.lifetimeSeconds = 1;
  try {
    const access = await accessOf(floriday);
    const use = async (): Promise<number> => (await get(access, '/identities')).status;
    expect(await use()).toBe(200);
    await expect.poll(use, { timeout: 5000 }).toBe(401);
  } finally {
    floriday.tokens.lifetimeSeconds = 3600;
  }
});
