/** The API side of the simulated Lucca refuses what the documentation says is refused, as a problem document. */

import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { get, send, tokenOf } from './lucca-client.ts';
import type { Called } from './lucca-client.ts';

let sandbox: Sandbox<'lucca'>;
let lucca: LuccaSandbox;
let token: string;
beforeAll(async () => {
  sandbox = await startSandbox({
    providers: ['lucca'],
    records: 60,
    lucca: { limits: { requests: 100_000 } },
  });
  lucca = sandbox.providers.lucca;
  token = await tokenOf(lucca);
});
afterAll(() => sandbox.close());

function expectProblem(answer: Called, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('api-version')).toBe('2024-11-01');
  expect(answer.body).toMatchObject({
    type: expect.stringMatching(/^https:/),
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: expect.stringMatching(/^http:/),
  });
}

describe('a request is answered by 401', () => {
  test('without a token', async () => {
    expectProblem(
      await send(`${lucca.urls.api}/employees`, { headers: { 'api-version': '2024-11-01' } }),
      401,
    );
  });

  test('with a token that nobody issued', async () => {
    expectProblem(await get(lucca, 'x'.repeat(43), '/employees'), 401);
  });

  test('with a token under another scheme', async () => {
    expectProblem(await get(lucca, token, '/employees', { authorization: `Basic ${token}` }), 401);
    expectProblem(await get(lucca, token, '/employees', { authorization: token }), 401);
    expectProblem(
      await get(lucca, token, '/employees', { authorization: `lucca application=${token}` }),
      401,
    );
  });

  test('with a token in the query', async () => {
    const headers = { 'api-version': '2024-11-01' };
    expectProblem(await send(`${lucca.urls.api}/employees?access_token=${token}`, { headers }), 401);
  });

  test('with a token that was revoked', async () => {
    const old = await tokenOf(lucca);
    expect((await get(lucca, old, '/employees')).status).toBe(200);
    expect(lucca.revokeTokens()).toBeGreaterThan(0);
    expectProblem(await get(lucca, old, '/employees'), 401);
    token = await tokenOf(lucca);
    expect((await get(lucca, token, '/employees')).status).toBe(200);
  });

  test('with a token of another account', async () => {
    const other = lucca.addApplication({ account: 'other.ilucca.net' });
    const foreign = await tokenOf(lucca, { client_id: other.clientId, client_secret: other.clientSecret });
    expectProblem(await get(lucca, foreign, '/employees'), 401);
  });
});

describe('a scope', () => {
  test('opens its own resource and answers 403 for every other', async () => {
    for (const resource of lucca.source.resources) {
      const narrow = await tokenOf(lucca, { scope: `${resource}.readonly` });
      for (const asked of lucca.source.resources) {
        const answer = await get(lucca, narrow, `/${asked}?limit=1`);
        if (asked === resource) expect(answer.status).toBe(200);
        else expectProblem(answer, 403);
      }
    }
  });

  test('for reading and writing lets read', async () => {
    const wide = await tokenOf(lucca, { scope: 'leaves.readwrite' });
    expect((await get(lucca, wide, '/leaves')).status).toBe(200);
  });

  test('is needed for a single record as well', async () => {
    const [leave] = lucca.source.list('leaves');
    const narrow = await tokenOf(lucca, { scope: 'employees.readonly' });
    expectProblem(await get(lucca, narrow, `/leaves/${leave?.id}`), 403);
  });
});

describe('the Api-Version', () => {
  test('is required', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await send(`${lucca.urls.api}/employees`, { headers });
    expectProblem(answer, 400);
    expect(answer.body.errors).toHaveProperty('Api-Version');
  });

  test.each(['latest', '2024-11', '2024-13-01', '2024-02-30', '20241101', ''])(
    '%j is refused',
    async (version) => {
      expectProblem(await get(lucca, token, '/employees', { 'api-version': version }), 400);
    },
  );

  test('older than the first one is refused', async () => {
    expectProblem(await get(lucca, token, '/employees', { 'api-version': '2023-01-01' }), 400);
  });

  test('newer than the last one falls back to the closest before, which the answer names', async () => {
    const answer = await get(lucca, token, '/employees', { 'api-version': '2026-01-01' });
    expect([answer.status, answer.headers.get('api-version')]).toEqual([200, '2024-11-01']);
  });
});

describe('a path', () => {
  test.each([
    '/employees/999999999',
    '/employees/abc',
    '/employees/',
    '/salaries',
    '/employees/101/leaves',
    '',
  ])('%j that leads nowhere is answered by 404', async (path) => {
    expectProblem(await get(lucca, token, path), 404);
  });

  test('outside the API is answered by 404', async () => {
    const { origin } = new URL(lucca.urls.api);
    expectProblem(await get(lucca, token, `${origin}/api/v3/users`), 404);
    expectProblem(await get(lucca, token, `${origin}/lucca-apiemployees`), 404);
  });

  test('of a removed record is answered by 404', async () => {
    const row = lucca.source.insert('employees');
    expect((await get(lucca, token, `/employees/${row.id}`)).status).toBe(200);
    lucca.source.remove('employees', row.id);
    expectProblem(await get(lucca, token, `/employees/${row.id}`), 404);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('is answered by 405 for %s', async (method) => {
    const answer = await get(lucca, token, '/employees', {}, method);
    expectProblem(answer, 405);
    expect(answer.headers.get('allow')).toBe('GET');
  });

  test('is answered by 405 without a body for HEAD', async () => {
    const answer = await get(lucca, token, '/employees', {}, 'HEAD');
    expect([answer.status, answer.text]).toEqual([405, '']);
  });
});

test('request headers beyond 8 KB are answered by 431', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const url = `${lucca.urls.api}/employees`;
    const sent = httpRequest(url, { headers: { 'x-long': 'x'.repeat(9000) } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', reject);
    sent.end();
  });
  expect(status).toBe(431);
});

describe('an ETag', () => {
  test('saves the body of a list and of a record that did not change', async () => {
    const [row] = lucca.source.list('employees');
    for (const path of ['/employees?limit=3', `/employees/${row?.id}`]) {
      const etag = (await get(lucca, token, path)).headers.get('etag') ?? '';
      expect(etag).toMatch(/^W\/".+"$/);
      const again = await get(lucca, token, path, { 'if-none-match': etag });
      expect([again.status, again.text]).toEqual([304, '']);
    }
  });

  test('of an older state gets the new one', async () => {
    const [row] = lucca.source.list('employees');
    const path = `/employees/${row?.id}`;
    const etag = (await get(lucca, token, path)).headers.get('etag') ?? '';
    lucca.source.update('employees', row?.id ?? '', { familyName: "D'Après" });
    const again = await get(lucca, token, path, { 'if-none-match': etag });
    expect([again.status, again.body.familyName]).toEqual([200, "D'Après"]);
  });
});

describe('the rate limit', () => {
  async function limited(
    retryAfter: 'seconds' | 'date' | 'none',
    work: (own: LuccaSandbox, own_token: string, clock: { at: number }) => Promise<void>,
  ): Promise<void> {
    const clock = { at: Date.UTC(2025, 5, 1, 12) };
    const limits = { retryAfter };
    const own = await startSandbox({
      providers: ['lucca'],
      records: 5,
      lucca: { limits, now: () => clock.at },
    });
    try {
      await work(own.providers.lucca, await tokenOf(own.providers.lucca), clock);
    } finally {
      await own.close();
    }
  }

  test('takes 50 requests in 60 s of all applications together, and frees each after 60 s', async () => {
    await limited('seconds', async (own, first, clock) => {
      const second = await tokenOf(own);
      for (let sent = 0; sent < 50; sent++) {
        expect((await get(own, sent % 2 === 0 ? first : second, '/departments')).status).toBe(200);
        clock.at += 100;
      }
      const refused = await get(own, first, '/departments');
      expectProblem(refused, 429);
      expect(refused.headers.get('retry-after')).toBe('55');
      clock.at += 54_900;
      expect((await get(own, first, '/departments')).status).toBe(429);
      clock.at += 200;
      expect((await get(own, first, '/departments')).status).toBe(200);
      // the other 49 are still in the window, less the second and third that left it too
      expect((await get(own, first, '/departments')).status).toBe(200);
      expect((await get(own, first, '/departments')).status).toBe(429);
    });
  });

  test('leaves token requests uncounted', async () => {
    await limited('seconds', async (own) => {
      for (let sent = 0; sent < 60; sent++) await tokenOf(own);
      expect((await get(own, await tokenOf(own), '/departments')).status).toBe(200);
    });
  });

  test('can tell the time as a date, or not at all', async () => {
    await limited('date', async (own, first, clock) => {
      own.limits.requests = 1;
      await get(own, first, '/departments');
      const refused = await get(own, first, '/departments');
      expect(Date.parse(refused.headers.get('retry-after') ?? '')).toBe(clock.at + 60_000);
      own.limits.retryAfter = 'none';
      expect((await get(own, first, '/departments')).headers.get('retry-after')).toBeNull();
    });
  });
});
