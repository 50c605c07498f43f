/** Every fault that can be injected, seen from a client; they are the same for all simulated providers. */

import { get as httpGet } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { get, requestToken, tokenOf, walk } from './lucca-client.ts';

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
afterEach(() => lucca.faults.clear());
afterAll(() => sandbox.close());

const statusOf = async (path: string): Promise<number> => (await get(lucca, token, path)).status;

describe('a fault', () => {
  test('hits as many matching requests as it says, and no others', async () => {
    const fault = lucca.faults.add({ kind: 'status', status: 503, path: '/lucca-api/employees*', times: 2 });
    expect(await statusOf('/departments')).toBe(200);
    expect(await statusOf('/employees')).toBe(503);
    expect(await statusOf('/employees/101')).toBe(503);
    expect(await statusOf('/employees')).toBe(200);
    expect(fault.hits).toBe(2);
    expect(lucca.faults.list()).toEqual([]);
  });

  test('can let requests pass first', async () => {
    lucca.faults.add({ kind: 'status', status: 500, skip: 2 });
    const seen = [await statusOf('/leaves'), await statusOf('/leaves'), await statusOf('/leaves')];
    expect([...seen, await statusOf('/leaves')]).toEqual([200, 200, 500, 200]);
  });

  test('can match an expression and a method', async () => {
    lucca.faults.add({
      kind: 'status',
      status: 500,
      path: /\/(leaves|departments)$/,
      method: 'get',
      times: Infinity,
    });
    expect(await statusOf('/leaves')).toBe(500);
    expect(await statusOf('/departments')).toBe(500);
    expect(await statusOf('/leave-requests')).toBe(200);
    expect((await requestToken(lucca)).status).toBe(200);
  });

  test('without a path hits the token endpoint too', async () => {
    lucca.faults.add({ kind: 'status', status: 500 });
    expect((await requestToken(lucca)).status).toBe(500);
  });

  test('of an unknown kind is refused', () => {
    expect(() => lucca.faults.add({ kind: 'earthquake' } as never)).toThrow('no such fault');
  });
});

describe('an answer', () => {
  test.each([401, 403, 404, 408, 423, 429, 500, 502, 503])('can be a %i with any headers', async (status) => {
    lucca.faults.add({ kind: 'status', status, headers: { 'retry-after': '7' } });
    const answer = await get(lucca, token, '/employees');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '7']);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body.status).toBe(status);
  });

  test('can have any body', async () => {
    lucca.faults.add({ kind: 'status', status: 400, body: { message: 'no' } });
    expect((await get(lucca, token, '/employees')).body).toEqual({ message: 'no' });
    lucca.faults.add({ kind: 'status', status: 502, body: 'Bad gateway' });
    expect((await get(lucca, token, '/employees')).text).toBe('Bad gateway');
  });

  test.each([200, 502])('can be HTML with status %i', async (status) => {
    lucca.faults.add({ kind: 'html', status });
    const answer = await get(lucca, token, '/employees');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8']);
    expect(answer.text).toContain('<html>');
  });

  test('can be cut in the middle of its JSON', async () => {
    lucca.faults.add({ kind: 'truncate' });
    await expect(get(lucca, token, '/employees')).rejects.toThrow(SyntaxError);
  });

  test('can come late', async () => {
    lucca.faults.add({ kind: 'slow', delayMs: 150 });
    const began = performance.now();
    expect(await statusOf('/employees')).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(140);
  });

  test('can redirect to another host', async () => {
    lucca.faults.add({ kind: 'redirect', location: 'http://127.0.0.2:9/steal' });
    const answer = await get(lucca, token, '/employees');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'http://127.0.0.2:9/steal']);
  });
});

describe('a connection', () => {
  const codeOf = (path: string): Promise<string | undefined> =>
    new Promise((resolve) => {
      const headers = { authorization: `Bearer ${token}`, 'api-version': '2024-11-01' };
      const sent = httpGet(`${lucca.urls.api}${path}`, { headers }, (response) => {
        response.on('error', (error: NodeJS.ErrnoException) => resolve(`in body: ${error.code}`));
        response.on('end', () => resolve('complete'));
        response.resume();
      });
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });

  test('can be reset before the headers', async () => {
    lucca.faults.add({ kind: 'reset', when: 'before-headers' });
    expect(await codeOf('/employees')).toBe('ECONNRESET');
    expect(await codeOf('/employees')).toBe('complete');
  });

  test('can be reset in the body', async () => {
    lucca.faults.add({ kind: 'reset', when: 'in-body' });
    expect(await codeOf('/employees')).toBe('in body: ECONNRESET');
  });

  test('can hang until the client gives up, or until the sandbox closes', async () => {
    lucca.faults.add({ kind: 'hang', times: 2 });
    const headers = { authorization: `Bearer ${token}` };
    const signal = AbortSignal.timeout(100);
    await expect(fetch(`${lucca.urls.api}/employees`, { headers, signal })).rejects.toThrow('timeout');
    const own = await startSandbox({ providers: ['lucca'], records: 1 });
    own.providers.lucca.faults.add({ kind: 'hang' });
    const hanging = fetch(own.providers.lucca.urls.api);
    await expect.poll(() => own.providers.lucca.requests.counters().total).toBe(1);
    await Promise.all([expect(hanging).rejects.toThrow('fetch failed'), own.close()]);
  });
});

describe('an endless body', () => {
  test.each([false, true])('goes on for as long as the client reads (gzip: %s)', async (gzip) => {
    lucca.faults.add({ kind: 'flood', gzip });
    const response = await fetch(`${lucca.urls.api}/employees`);
    expect(response.headers.get('content-encoding')).toBe(gzip ? 'gzip' : null);
    let read = 0;
    const before = process.memoryUsage().rss;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      if (read === 0) expect(Buffer.from(chunk).toString('utf8', 0, 11)).toBe('{"items":["');
      read += chunk.length;
      if (read > 64 * 1024 ** 2) break;
    }
    expect(read).toBeGreaterThan(64 * 1024 ** 2);
    // generated as it is read, never held
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
    expect(await statusOf('/employees')).toBe(200);
  });

  test('is as long as asked for', async () => {
    lucca.faults.add({ kind: 'flood', bytes: 1024 ** 2 });
    const { text } = await get(lucca, token, '/employees').catch((error: unknown) => ({
      text: String(error),
    }));
    expect(text).toContain('SyntaxError');
    lucca.faults.add({ kind: 'flood', bytes: 20 * 1024 ** 2, gzip: true });
    const body = await (await fetch(lucca.urls.api)).text();
    expect(body.length).toBe(24 * 1024 ** 2 + 11);
  });
});

describe('a page', () => {
  const path = '/employees?limit=10&include=links';

  test('can point to another origin', async () => {
    lucca.faults.add({ kind: 'next-link', href: 'https://evil.example/lucca-api/employees?page=2' });
    const { body } = await get(lucca, token, path);
    expect(body.links.next.href).toBe('https://evil.example/lucca-api/employees?page=2');
    expect(body.items).toHaveLength(10);
  });

  test('can be empty although more follow', async () => {
    lucca.faults.add({ kind: 'empty-page', skip: 1 });
    const pages = await walk(lucca, token, path);
    expect(pages.map(({ body }) => body.items.length)).toEqual([10, 0, 10, 10, 10, 10]);
  });

  test('can hold a record with a field of another type, or without one', async () => {
    lucca.faults.add({ kind: 'bad-record', index: 2, field: 'birthDay.day', value: 'Tuesday' });
    const wrong = await get(lucca, token, path);
    expect(wrong.body.items[2].birthDay.day).toBe('Tuesday');
    lucca.faults.add({ kind: 'bad-record', field: 'id' });
    const missing = await get(lucca, token, path);
    expect(missing.body.items[0]).not.toHaveProperty('id');
    expect(missing.body.items[1]).toHaveProperty('id');
  });

  test('can hold U+0000', async () => {
    lucca.faults.add({ kind: 'nul', index: 1, field: 'familyName' });
    const answer = await get(lucca, token, path);
    expect(answer.text).toContain(String.raw`a\u0000b`);
    expect(answer.body.items[1].familyName).toBe('a\u0000b');
  });

  test('can repeat the last record of the page before', async () => {
    lucca.faults.add({ kind: 'duplicate', times: Infinity });
    const pages = await walk(lucca, token, path);
    expect(pages.map(({ body }) => body.items.length)).toEqual([10, 11, 11, 11, 11, 11]);
    expect(pages[1]?.body.items[0]).toEqual(pages[0]?.body.items.at(-1));
    const ids = new Set(pages.flatMap(({ body }) => body.items.map(({ id }: { id: string }) => id)));
    expect(ids.size).toBe(60);
  });
});

describe('the token endpoint', () => {
  const path = '/connect/token';

  test.each(['invalid_client', 'invalid_scope', 'unauthorized_client'])(
    'can refuse with %s',
    async (error) => {
      lucca.faults.add({ kind: 'oauth-error', error, path });
      const answer = await requestToken(lucca);
      expect([answer.status, answer.body]).toEqual([error === 'invalid_client' ? 401 : 400, { error }]);
    },
  );

  test('can be overloaded, down, or slow', async () => {
    lucca.faults.add({ kind: 'status', status: 429, headers: { 'retry-after': '3' }, path });
    expect((await requestToken(lucca)).headers.get('retry-after')).toBe('3');
    lucca.faults.add({ kind: 'status', status: 500, path });
    expect((await requestToken(lucca)).status).toBe(500);
    lucca.faults.add({ kind: 'slow', delayMs: 100, path });
    expect((await requestToken(lucca)).status).toBe(200);
  });

  test.each([0, -5, 1e18, 'soon', null])('can say that a token expires in %j', async (lifetime) => {
    lucca.faults.add({ kind: 'patch', set: { expires_in: lifetime }, path });
    const { body } = await requestToken(lucca);
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: lifetime });
    expect((await get(lucca, body.access_token, '/employees')).status).toBe(200);
  });

  test('can leave the lifetime out', async () => {
    lucca.faults.add({ kind: 'patch', remove: ['expires_in'], path });
    expect((await requestToken(lucca)).body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
    });
  });
});
