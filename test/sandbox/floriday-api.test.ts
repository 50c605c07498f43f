/** The API side of the simulated Floriday refuses what the documentation says is refused, as ValidationProblemDetails. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { accessOf, get, send, tokenOf } from './floriday-client.ts';
import type { Access, Called } from './floriday-client.ts';

let sandbox: Sandbox<'floriday'>;
let floriday: FloridaySandbox;
let access: Access;
let customer: Access;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['floriday'], records: 40, limits: 'off' });
  floriday = sandbox.providers.floriday;
  access = await accessOf(floriday);
  const { url, apiKey } = floriday.addOrganization({ api: 'customers', records: 40 });
  customer = { url, apiKey, token: access.token };
});
afterAll(() => sandbox.close());

function expectProblem(answer: Called, status: number, domainErrorCode?: string): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer.body).toMatchObject({
    type: expect.stringMatching(/^https:/),
    title: expect.any(String),
    status,
    detail: expect.any(String),
    ...(domainErrorCode === undefined ? {} : { domainErrorCode }),
  });
}

describe('a request is answered by 401', () => {
  test('without a token', async () => {
    expectProblem(await get(access, '/identities', { authorization: null }), 401, 'invalid-access-token');
  });

  test('with a token that nobody issued', async () => {
    const forged = `${access.token.slice(0, -4)}AAAA`;
    expectProblem(await get({ ...access, token: forged }, '/identities'), 401, 'invalid-access-token');
  });

  test('with a token under another scheme', async () => {
    const answer = await get(access, '/identities', { authorization: `Basic ${access.token}` });
    expectProblem(answer, 401, 'invalid-access-token');
  });

  test('with a token that was revoked', async () => {
    const old = access;
    expect(floriday.revokeTokens()).toBeGreaterThan(0);
    expectProblem(await get(old, '/identities'), 401, 'invalid-access-token');
    access = await accessOf(floriday);
    customer = { ...customer, token: access.token };
    expect((await get(access, '/identities')).status).toBe(200);
  });

  test('of a deprecated version, with a message of its own', async () => {
    floriday.release.state = 'deprecated';
    try {
      const answer = await get(access, '/identities');
      expectProblem(answer, 401);
      expect(answer.body.detail).toContain('deprecated');
    } finally {
      floriday.release.state = 'main';
    }
  });
});

describe('a request is answered by 403', () => {
  const invalidKey = 'The specified api key is invalid.';

  test('without an API key, even with a good token', async () => {
    const answer = await get(access, '/identities', { 'x-api-key': null });
    expectProblem(answer, 403);
    expect(answer.body.detail).toBe(invalidKey);
  });

  test('with an API key that nobody was given', async () => {
    const answer = await get({ ...access, apiKey: 'wrong' }, '/identities');
    expectProblem(answer, 403);
    expect(answer.body.detail).toBe(invalidKey);
  });

  test('with an API key of the other API', async () => {
    const answer = await get({ ...access, apiKey: customer.apiKey }, '/identities');
    expectProblem(answer, 403);
    expect(answer.body.detail).toBe(invalidKey);
  });

  test('with an API key whose application was removed', async () => {
    const { url, apiKey } = floriday.addOrganization({ records: 1 });
    const other = { url, apiKey, token: access.token };
    expect((await get(other, '/identities')).status).toBe(200);
    floriday.removeApiKey(apiKey);
    expectProblem(await get(other, '/identities'), 403);
  });

  test('with a token that lacks the scope, and only then', async () => {
    const token = await tokenOf(floriday, { scope: 'role:app catalog:read' });
    const narrow = { ...access, token };
    expect((await get(narrow, '/trade-items/sync/0')).status).toBe(200);
    const answer = await get(narrow, '/sales-orders/sync/0');
    expectProblem(answer, 403);
    expect(answer.body.detail).toContain('sales-order:read');
  });

  test('where the maximum of a resource needs another scope than its records', async () => {
    const token = await tokenOf(floriday, { scope: 'role:app fulfillment:read' });
    const narrow = { ...access, token };
    expect((await get(narrow, '/delivery-orders/sync/0')).status).toBe(200);
    expectProblem(await get(narrow, '/delivery-orders/current-max-sequence'), 403);
  });

  test('of a version that is not the one served', async () => {
    const { origin } = new URL(access.url);
    expectProblem(await get({ ...access, url: `${origin}/suppliers-api-2024v1` }, '/identities'), 403);
  });

  test('of a version that is offline', async () => {
    floriday.release.state = 'offline';
    try {
      expectProblem(await get(access, '/identities'), 403);
    } finally {
      floriday.release.state = 'main';
    }
  });
});

describe('a request is answered by 404', () => {
  test.each([
    '/nothing',
    '/trade-items',
    '/trade-items/sync',
    '/trade-items/sync/0/more',
    '/trade-settings/customer/current-max-sequence',
    '/sales-strategies/current-max-sequence',
    '/fulfillment-orders/inbound/current-max-sequence',
  ])('at %s', async (path) => {
    expectProblem(await get(access, path), 404, 'route-not-found');
  });

  test('for a resource of the other API', async () => {
    expectProblem(await get(access, '/purchase-orders/sync/0'), 404, 'route-not-found');
    expect((await get(customer, '/purchase-orders/sync/0')).status).toBe(200);
  });

  test('outside both APIs', async () => {
    expectProblem(await send(`${new URL(access.url).origin}/apps/organizations`), 404, 'route-not-found');
  });
});

test('a write is answered by 405', async () => {
  const answer = await get(access, '/trade-items/sync/0', {}, 'POST');
  expectProblem(answer, 405);
  expect(answer.headers.get('allow')).toBe('GET');
});

describe('a request is answered by 400', () => {
  test.each([
    ['a page size above the maximum', '/trade-items/sync/0?limitResult=1001', 'limitResult'],
    ['a page size of zero', '/trade-items/sync/0?limitResult=0', 'limitResult'],
    ['a page size that is no number', '/trade-items/sync/0?limitResult=many', 'limitResult'],
    ['a page size above 100 of contracts', '/contracts/sync/0?limitResult=101', 'limitResult'],
    ['no page size where one is required', '/trade-items/availabilities-per-week/sync/0', 'limit'],
    ['a sequence number that is none', '/trade-items/sync/latest', 'sequenceNumber'],
    ['a negative sequence number', '/trade-items/sync/-1', 'sequenceNumber'],
    ['a sequence number beyond 64 bits', '/trade-items/sync/9223372036854775808', 'sequenceNumber'],
  ])('with %s', async (_name, path, parameter) => {
    const answer = await get(access, path);
    expectProblem(answer, 400, 'invalid-parameters');
    expect(Object.keys(answer.body.errors)).toEqual([parameter]);
  });

  test.each([
    ['no supplier where one is required', '/contract-trade-item-groups/sync/0', 'supplierOrganizationId'],
    ['an id that is none', '/trade-items/sync/0?supplierOrganizationId=me', 'supplierOrganizationId'],
    ['a kind that is none', '/organizations/sync/0?organizationType=OTHER', 'organizationType'],
    [
      'a post filter that is neither',
      '/trade-items/sync/0?postFilterSelectedTradeItems=1',
      'postFilterSelectedTradeItems',
    ],
  ])('with %s, of customers', async (_name, path, parameter) => {
    const answer = await get(customer, path);
    expectProblem(answer, 400, 'invalid-parameters');
    expect(Object.keys(answer.body.errors)).toEqual([parameter]);
  });
});

describe('the custom synchronisation', () => {
  test('is answered by 423 while it is rebuilt, and begins anew after that', async () => {
    const before = await get(customer, '/supply-lines/sync/custom/0?limit=5');
    floriday.customSync.startRebuild();
    expectProblem(await get(customer, '/supply-lines/sync/custom/0'), 423);
    expectProblem(await get(customer, '/supply-lines/sync/custom/current-max-sequence'), 423);
    expect((await get(customer, '/supply-lines/sync/0')).status).toBe(200);
    floriday.customSync.finishRebuild();
    const after = await get(customer, '/supply-lines/sync/custom/0?limit=5');
    expect(after.body.results[0].sequenceNumber).toBeLessThan(10);
    expect(after.body.results).toHaveLength(before.body.results.length);
  });
});

test('the identity of an API key names its organization, the client and the version', async () => {
  const supplier = (await get(access, '/identities')).body;
  expect(supplier).toEqual({
    organization: expect.objectContaining({ name: expect.any(String), organizationType: 'SUPPLIER' }),
    clientId: floriday.credentials.clientId,
    apiVersion: '2026v1',
  });
  expect(supplier.clientId).toHaveLength(20);
  const other = (await get(customer, '/identities')).body;
  expect(other.customerOrganization.organizationType).toBe('CUSTOMER');
  expect(other.customerOrganization).not.toHaveProperty('sequenceNumber');
});
