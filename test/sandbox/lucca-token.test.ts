/** The token endpoint of the simulated Lucca refuses what the documented one does, each with the answer of its standard. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { get, requestToken, send, tokenOf } from './lucca-client.ts';

let sandbox: Sandbox<'lucca'>;
let lucca: LuccaSandbox;
beforeAll(async () => {
  const limits = { requests: 100_000 };
  sandbox = await startSandbox({ providers: ['lucca'], records: 20, lucca: { limits } });
  lucca = sandbox.providers.lucca;
});
afterAll(() => sandbox.close());

describe('a token request', () => {
  test('that is correct yields an opaque bearer token for 1800 s and nothing else', async () => {
    const { status, headers, body } = await requestToken(lucca);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1800 });
    expect(body.access_token).not.toContain('.');
  });

  test('yields a new token each time', async () => {
    expect(await tokenOf(lucca)).not.toBe(await tokenOf(lucca));
  });

  test.each([
    ['with a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client'],
    ['of an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['without a secret', { client_secret: null }, 401, 'invalid_client'],
    ['without a client id', { client_id: null }, 400, 'invalid_request'],
    [
      'for a scope that does not exist',
      { scope: 'employees.readonly salaries.readonly' },
      400,
      'invalid_scope',
    ],
    ['without a scope', { scope: null }, 400, 'invalid_scope'],
    [
      'with scopes separated by commas',
      { scope: 'employees.readonly,leaves.readonly' },
      400,
      'invalid_scope',
    ],
    ['of another grant type', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['without a grant type', { grant_type: null }, 400, 'invalid_request'],
  ])('%s is refused', async (_name, fields, status, error) => {
    const answer = await requestToken(lucca, fields);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toBe(error);
  });

  test('for a scope that the application was not given is refused', async () => {
    const application = lucca.addApplication({ scopes: ['employees.readonly'] });
    const own = { client_id: application.clientId, client_secret: application.clientSecret };
    expect((await requestToken(lucca, { ...own, scope: 'employees.readonly' })).status).toBe(200);
    const answer = await requestToken(lucca, { ...own, scope: 'employees.readonly leaves.readonly' });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_scope']);
  });

  test('with the secret in the Authorization header is refused', async () => {
    const { clientId, clientSecret } = lucca.credentials;
    const answer = await send(lucca.urls.token, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'employees.readonly' }),
    });
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
  });

  test('with a JSON body is refused', async () => {
    const { clientId, clientSecret } = lucca.credentials;
    const answer = await send(lucca.urls.token, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
        scope: 'employees.readonly',
      }),
    });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
  });

  test('by GET is refused', async () => {
    const { clientId, clientSecret } = lucca.credentials;
    const query = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: 'employees.readonly',
    });
    const answer = await send(`${lucca.urls.token}?${query.toString()}`, {});
    expect(answer.status).toBe(404);
    expect(answer.body?.access_token).toBeUndefined();
  });
});

test('a token with a short life expires', async () => {
  lucca.tokens.lifetimeSeconds = 1;
  try {
    const answer = await requestToken(lucca);
    expect(answer.body.expires_in).toBe(1);
    const use = async (): Promise<number> =>
      (await get(lucca, answer.body.access_token, '/employees')).status;
    expect(await use()).toBe(200);
    await expect.poll(use, { timeout: 5000 }).toBe(401);
  } finally {
    lucca.tokens.lifetimeSeconds = 1800;
  }
});

test('the log tells tokens apart without holding one', async () => {
  lucca.requests.clear();
  const [one, two] = [await tokenOf(lucca), await tokenOf(lucca)];
  await get(lucca, one, '/employees?limit=1', { 'user-agent': 'probe/1' });
  await get(lucca, two, '/employees?limit=1');
  await get(lucca, two, '/nothing');
  const counters = lucca.requests.counters();
  expect(counters).toMatchObject({
    total: 5,
    tokenRequests: 2,
    tokensIssued: 2,
    byStatus: { 200: 4, 404: 1 },
  });
  expect(Object.values(counters.byToken)).toEqual([1, 2]);
  const logged = lucca.requests.list();
  expect(logged[2]).toMatchObject({
    method: 'GET',
    path: '/lucca-api/employees',
    query: { limit: '1' },
    status: 200,
    userAgent: 'probe/1',
    tokenFingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
  });
  expect(JSON.stringify(logged)).not.toContain(one);
  expect(JSON.stringify(logged)).not.toContain(lucca.credentials.clientSecret);
});
