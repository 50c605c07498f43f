/** What a failed request is told, and what stays in the log. */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { SluiceError } from '../../src/errors.ts';
import { consoleWith, field, PASSWORD, startSite, type Site } from './site.ts';

let site: Site;
let failure: () => Promise<never> = () => Promise.reject(new Error('unset'));
beforeAll(async () => {
  site = await startSite({ console: consoleWith(() => failure()), pageTimeoutMs: 50 });
});
afterEach(() => site.log.splice(0));
afterAll(() => site.close());

async function loggedIn() {
  const client = site.client();
  await client.login();
  return client;
}

describe('an unknown route', () => {
  test.each(['application/json', 'application/problem+json', 'application/json, text/html;q=0.5'])(
    'is a problem document for %s',
    async (accept) => {
      const answer = await site.client().get('/nothing?secret=1', { accept });
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(await answer.json()).toMatchObject({
        status: 404,
        code: 'route_not_found',
        detail: 'Nothing answers GET /nothing.',
      });
    },
  );

  test.each(['text/html,application/xhtml+xml,*/*;q=0.8', '*/*'])(
    'is a small page for %s',
    async (accept) => {
      const answer = await site.client().get('/<b>x', { accept });
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
      const page = await answer.text();
      expect(page).toContain('<h1>404 Not Found</h1>');
      expect(page).not.toContain('<b>x');
    },
  );

  test.each(['/v1/nothing', '/webhooks', '/v1'])(
    'of a program is a problem document for everybody: %s',
    async (path) => {
      const answer = await site.client().get(path);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
    },
  );
});

test.each([
  '/connections/%00/mappings',
  '/connect/a%00b',
  '/runs/%00/cancel',
  '/connections/a%00/actions/pause',
])('a name that no database can hold is not there: %s', async (path) => {
  const answer = await (await loggedIn()).get(path, { accept: 'application/json' });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ code: 'not_found' });
  expect(site.log.join('')).not.toContain('"level":"error"');
});

describe('an unexpected error', () => {
  test('is a 500 with an id; message and stack are in the log under that id, and nowhere else', async () => {
    failure = () => Promise.reject(new Error('table "secrets" is broken'));
    const answer = await (await loggedIn()).get('/', { accept: 'application/json' });
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).not.toContain('secrets');
    expect(text).not.toContain('.ts:');
    const problem = JSON.parse(text) as { id: string; code: string };
    expect(problem.code).toBe('internal');
    const line = site.log.find((one) => one.includes(problem.id)) ?? '';
    expect(JSON.parse(line)).toMatchObject({ level: 'error', err: { message: 'table "secrets" is broken' } });
    expect(line).toContain('.ts:');
  });

  test('is a page with the same id for a person', async () => {
    failure = () => Promise.reject(new Error('broken'));
    const page = await (await (await loggedIn()).get('/')).text();
    const id = /id <code>([0-9a-f-]{36})<\/code>/.exec(page)?.[1] ?? 'none';
    expect(site.log.join('')).toContain(id);
    expect(page).not.toContain('broken');
  });

  test('of the catalogue keeps its message, code and advice', async () => {
    failure = () => Promise.reject(new SluiceError('database_unreachable', 'No database at db:5432.'));
    const answer = await (await loggedIn()).get('/', { accept: 'application/json' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      code: 'database_unreachable',
      detail: 'No database at db:5432.',
    });
  });

  test('a status that does not come is a 503 in bounded time', async () => {
    failure = () => new Promise<never>(() => {});
    const answer = await (await loggedIn()).get('/');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('status_unavailable');
  });
});

describe('a body', () => {
  test.each(['with a length', 'in chunks'])('that is too large is refused %s', async (how) => {
    const bytes = new Uint8Array(1024 * 1024 + 1);
    const body = how === 'in chunks' ? new Blob([bytes]).stream() : bytes;
    const answer = await site.client().send('/login', {
      method: 'POST',
      headers: { accept: 'application/json', origin: site.url },
      body,
      ...(how === 'in chunks' ? { duplex: 'half' } : {}),
    });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ code: 'body_too_large' });
  });

  test('of unknown length is read like any other', async () => {
    const client = site.client();
    const token = field(await (await client.get('/login')).text(), 'token');
    const answer = await client.send('/login', {
      method: 'POST',
      headers: { origin: site.url, 'content-type': 'application/x-www-form-urlencoded' },
      body: new Blob([new URLSearchParams({ token, password: PASSWORD }).toString()]).stream(),
      duplex: 'half',
    });
    expect(answer.status).toBe(303);
  });

  test('that is no form is refused as the sender’s mistake', async () => {
    const answer = await site.client().send('/login', {
      method: 'POST',
      headers: {
        accept: 'application/json',
        origin: site.url,
        'content-type': 'multipart/form-data; boundary=x',
      },
      body: 'not multipart',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'request_invalid' });
  });
});

describe('the log', () => {
  test('has method, path and status of each request, never the query', async () => {
    await site.client().get('/livez?code=hunter2hunter2');
    const line = site.log.find((one) => one.includes('"/livez"')) ?? '';
    expect(JSON.parse(line)).toMatchObject({ level: 'debug', method: 'GET', path: '/livez', status: 200 });
    expect(site.log.join('')).not.toContain('hunter2');
  });
});

describe('a client that goes away', () => {
  test('in the middle of its body is no error of ours', async () => {
    const socket = connect(site.server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    // the answer to a second request shows that the first one has arrived
    await site.client().get('/livez');
    socket.destroy();
    await vi.waitFor(() => {
      expect(site.log.map((line) => JSON.parse(line) as { msg: string; level: string })).toContainEqual(
        expect.objectContaining({ msg: 'request failed', level: 'debug' }),
      );
    });
  });
});

describe('every answer', () => {
  test.each(['/livez', '/login', '/nothing', '/metrics', '/'])(
    '%s carries the security headers',
    async (path) => {
      const { headers } = await site.client().get(path);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; /);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.has('x-powered-by')).toBe(false);
      expect(headers.has('strict-transport-security')).toBe(false);
    },
  );

  test('has a nonce of its own, and the page’s style carries it', async () => {
    const first = await site.client().get('/login');
    const second = await site.client().get('/login');
    const nonce = (answer: Response) =>
      /style-src 'nonce-([^']+)'/.exec(answer.headers.get('content-security-policy') ?? '')?.[1] ?? 'none';
    expect(nonce(first)).not.toBe(nonce(second));
    expect(await first.text()).toContain(`<style nonce="${nonce(first)}">`);
  });

  test('asks browsers for https where the public URL has it', async () => {
    const secure = await startSite({ publicUrl: 'https://sluice.example.com' });
    try {
      const { headers } = await secure.client().get('/livez');
      expect(headers.get('strict-transport-security')).toBe('max-age=15552000');
    } finally {
      await secure.close();
    }
  });
});
