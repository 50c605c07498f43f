import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TokenSubject } from '../../src/auth/contract.ts';
import { createOAuthClient, type OAuthClient } from '../../src/auth/oauth.ts';
import { SluiceError } from '../../src/errors.ts';
import { createGuardedFetch, type GuardedFetcher } from '../../src/net/fetch.ts';
import { createClock, SECRET, subjectAt } from './fleet.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

let server: TokenServer;
let fetcher: GuardedFetcher;
let oauth: OAuthClient;
const clock = createClock(1_700_000_000_000);

beforeEach(async () => {
  server = await startTokenServer();
  fetcher = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
  oauth = createOAuthClient({ fetch: fetcher.fetch, now: clock.now, timeoutMs: 2_000 });
});
afterEach(async () => {
  await fetcher.close();
  await server.close();
});

async function failure(subject: TokenSubject): Promise<SluiceError> {
  const error: unknown = await oauth.requestToken(subject).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SluiceError);
  return error as SluiceError;
}

describe('the request', () => {
  test('holds grant, sorted scopes, parameters and the secret in the body', async () => {
    const subject = subjectAt(server.url, {
      scopes: ['write', 'role:app', 'write'],
      params: { audience: 'https://api.example' },
    });
    await oauth.requestToken(subject);
    const [request] = server.requests;
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client-1',
      client_secret: SECRET,
      scope: 'role:app write',
      audience: 'https://api.example',
    });
    expect(request?.headers['content-type']).toContain('application/x-www-form-urlencoded');
    expect(request?.headers['authorization']).toBeUndefined();
    expect(request?.headers['user-agent']).toBe('sluice');
  });

  test('leaves the scope out where there is none', async () => {
    await oauth.requestToken(subjectAt(server.url, { scopes: [] }));
    expect(server.requests[0]?.form.has('scope')).toBe(false);
  });

  test.each([
    ['raw', 'id.a-b', 's-e.c_r~e/t+ :é', 'id.a-b:s-e.c_r~e/t+ :é'],
    ['form', 'id.a-b', "s-e.c_r~e/t+ :é!'()*", 'id.a-b:s-e.c_r~e%2Ft%2B+%3A%C3%A9%21%27%28%29%2A'],
  ] as const)('sends Basic in %s encoding', async (basicEncoding, clientId, secret, pair) => {
    const subject = subjectAt(server.url, {
      clientAuth: 'basic',
      basicEncoding,
      clientId,
      clientSecrets: [secret],
    });
    await oauth.requestToken(subject);
    const [request] = server.requests;
    expect(request?.headers['authorization']).toBe(`Basic ${Buffer.from(pair).toString('base64')}`);
    expect(request?.form.has('client_secret')).toBe(false);
  });

  test('is not made with a raw Basic header that its client id would cut in two', async () => {
    const subject = subjectAt(server.url, { clientAuth: 'basic', basicEncoding: 'raw', clientId: 'a:b' });
    const error = await failure(subject);
    expect(error.code).toBe('token_request_invalid');
    expect(error.advice).toContain('basicEncoding: form');
    expect(server.requests).toHaveLength(0);
    await oauth.requestToken({ ...subject, basicEncoding: 'form' });
    expect(server.requests).toHaveLength(1);
  });

  test('of a public client holds the client id alone', async () => {
    await oauth.requestToken(subjectAt(server.url, { clientAuth: 'none', clientSecrets: [] }));
    expect(server.requests[0]?.form.get('client_id')).toBe('client-1');
    expect(server.requests[0]?.form.has('client_secret')).toBe(false);
  });

  test.each(['grant_type', 'client_id', 'client_secret', 'scope'])(
    'is refused before it is sent where a parameter is called %s',
    async (name) => {
      const error = await failure(subjectAt(server.url, { params: { [name]: 'x' } }));
      expect(error.code).toBe('token_request_invalid');
      expect(server.requests).toHaveLength(0);
    },
  );

  test('is not made without a client secret', async () => {
    expect((await failure(subjectAt(server.url, { clientSecrets: [] }))).code).toBe('token_client_rejected');
    expect(server.requests).toHaveLength(0);
  });

  test('does not reach a host that the guard refuses', async () => {
    const error = await failure(subjectAt('http://10.0.0.1/token'));
    expect([error.code, error.kind]).toEqual(['endpoint_refused', 'config']);
  });
});

describe('a good answer', () => {
  test('gives the token, its life from before the request, and the granted scopes', async () => {
    server.answer = () => {
      clock.advance(5_000);
      return { body: { access_token: 'abc', token_type: 'bEaReR', expires_in: '600', scope: 'b a' } };
    };
    const before = clock.now();
    expect(await oauth.requestToken(subjectAt(server.url))).toEqual({
      value: 'abc',
      obtainedAt: before,
      lifetimeMs: 600_000,
      scopes: ['a', 'b'],
    });
  });

  test.each([
    ['no lifetime', {}, 1_800_000, ['read']],
    ['a lifetime in words', { expires_in: 'an hour' }, 1_800_000, ['read']],
    ['a lifetime of zero', { expires_in: 0 }, 0, ['read']],
    ['a negative lifetime', { expires_in: -10 }, 0, ['read']],
    ['a huge lifetime', { expires_in: 1e18 }, 2_592_000_000, ['read']],
    ['scopes as a list', { expires_in: 60, scope: ['y', 'x'] }, 60_000, ['x', 'y']],
    ['scope null', { expires_in: 60, scope: null }, 60_000, ['read']],
    ['an empty refresh token', { expires_in: 60, refresh_token: '' }, 60_000, ['read']],
    ['an id token that is none', { expires_in: 60, id_token: 'x' }, 60_000, ['read']],
  ])('may have %s', async (_name, extra, lifetimeMs, scopes) => {
    server.answer = () => ({ body: { access_token: 'abc', token_type: 'Bearer', ...extra } });
    expect(await oauth.requestToken(subjectAt(server.url))).toMatchObject({
      value: 'abc',
      lifetimeMs,
      scopes,
    });
  });

  test('may begin with a byte order mark and call itself text', async () => {
    server.answer = () => ({ body: '\uFEFF{"access_token":"abc","token_type":"Bearer"}' });
    expect((await oauth.requestToken(subjectAt(server.url))).value).toBe('abc');
  });
});

const good = { access_token: 'abc', token_type: 'Bearer' };

describe('a bad answer', () => {
  test.each<[string, { status?: number; headers?: Record<string, string>; body: unknown }, string]>([
    ['a login page', { body: '<html>please log in</html>' }, 'token_response_invalid'],
    ['no body', { body: '' }, 'token_response_invalid'],
    ['a list', { body: [good] }, 'token_response_invalid'],
    ['no token', { body: { token_type: 'Bearer' } }, 'token_response_invalid'],
    ['an empty token', { body: { ...good, access_token: '' } }, 'token_response_invalid'],
    ['a number as token', { body: { ...good, access_token: 7 } }, 'token_response_invalid'],
    ['a line break', { body: { ...good, access_token: 'a\r\nX-Evil: 1' } }, 'token_response_invalid'],
    ['a space', { body: { ...good, access_token: 'a b' } }, 'token_response_invalid'],
    ['a control character', { body: { ...good, access_token: 'a\u0000b' } }, 'token_response_invalid'],
    ['letters beyond ASCII', { body: { ...good, access_token: 'clé' } }, 'token_response_invalid'],
    ['a giant token', { body: { ...good, access_token: 'a'.repeat(16_385) } }, 'token_response_invalid'],
    ['no token type', { body: { access_token: 'abc' } }, 'token_response_invalid'],
    ['a DPoP token', { body: { ...good, token_type: 'DPoP' } }, 'token_response_invalid'],
    ['a MAC token', { body: { ...good, token_type: 'mac' } }, 'token_response_invalid'],
    ['more than 1 MiB', { body: { ...good, x: 'x'.repeat(1_100_000) } }, 'token_response_invalid'],
    ['201', { status: 201, body: good }, 'token_response_invalid'],
    ['204', { status: 204, body: '' }, 'token_response_invalid'],
    ['999', { status: 999, body: good }, 'token_response_invalid'],
    [
      'a redirect',
      { status: 302, headers: { location: 'https://x.example/' }, body: '' },
      'token_response_invalid',
    ],
    ['a firewall page', { status: 403, body: '<html>blocked</html>' }, 'token_response_invalid'],
    ['400 in HTML', { status: 400, body: '<html>bad</html>' }, 'token_response_invalid'],
    ['404', { status: 404, body: '<html>not here</html>' }, 'token_request_invalid'],
    ['invalid_client', { status: 401, body: { error: 'invalid_client' } }, 'token_client_rejected'],
    [
      'invalid_client with a challenge',
      {
        status: 401,
        headers: { 'www-authenticate': 'Basic realm="x"' },
        body: { error: 'invalid_client', error_description: 'unknown client' },
      },
      'token_client_rejected',
    ],
    ['invalid_client as 400', { status: 400, body: { error: 'invalid_client' } }, 'token_client_rejected'],
    ['invalid_client as 200', { status: 200, body: { error: 'invalid_client' } }, 'token_client_rejected'],
    ['a bare 401', { status: 401, body: '' }, 'token_client_rejected'],
    ['unauthorized_client', { status: 400, body: { error: 'unauthorized_client' } }, 'token_client_rejected'],
    ['invalid_scope', { status: 400, body: { error: 'invalid_scope' } }, 'token_scope_rejected'],
    ['invalid_request', { status: 400, body: { error: 'invalid_request' } }, 'token_request_invalid'],
    ['invalid_grant', { status: 400, body: { error: 'invalid_grant' } }, 'token_request_invalid'],
    [
      'temporarily_unavailable',
      { status: 400, body: { error: 'temporarily_unavailable' } },
      'token_endpoint_unavailable',
    ],
    ['429', { status: 429, body: { error: 'invalid_client' } }, 'token_endpoint_rate_limited'],
    ['408', { status: 408, body: '' }, 'token_endpoint_unavailable'],
    ['500', { status: 500, body: { error: 'invalid_client' } }, 'token_endpoint_unavailable'],
    ['503', { status: 503, body: '<html>maintenance</html>' }, 'token_endpoint_unavailable'],
  ])('%s is told apart', async (_name, reply, code) => {
    server.answer = () => reply;
    expect((await failure(subjectAt(server.url))).code).toBe(code);
  });

  test('names the scopes that were refused', async () => {
    server.answer = () => ({ status: 400, body: { error: 'invalid_scope' } });
    const error = await failure(subjectAt(server.url, { scopes: ['payroll', 'admin'] }));
    expect(error.message).toContain('admin, payroll');
    expect([error.kind, error.details['scopes']]).toEqual(['config', ['admin', 'payroll']]);
  });

  test.each([
    ['seconds', '90'],
    ['a date', new Date(1_700_000_000_000 + 3_600_000 * 24).toUTCString()],
  ])('hands on Retry-After in %s', async (_name, value) => {
    server.answer = () => ({ status: 429, headers: { 'retry-after': value }, body: '' });
    const error = await failure(subjectAt(server.url));
    const expected = value === '90' ? clock.now() + 90_000 : clock.now() + 3_600_000;
    expect(error.details['retryAt']).toBe(expected);
  });

  test.each<[string, { status: number; headers?: Record<string, string>; body: unknown }]>([
    [
      'the header of a 401',
      { status: 401, headers: { 'retry-after': '90' }, body: { error: 'invalid_client' } },
    ],
    [
      'the header of a 401 with a challenge',
      {
        status: 401,
        headers: { 'retry-after': '90', 'www-authenticate': 'Basic realm="x"' },
        body: { error: 'invalid_client' },
      },
    ],
    ['the header of a 503 in HTML', { status: 503, headers: { 'retry-after': '90' }, body: '<html></html>' }],
    ['the header of a 200 without a token', { status: 200, headers: { 'retry-after': '90' }, body: {} }],
    ['the header of a 200 that is no JSON', { status: 200, headers: { 'retry-after': '90' }, body: 'x' }],
    ['the body', { status: 429, body: { error: 'slow_down', retry_after: 90 } }],
    ['the body, as text', { status: 503, body: { retry_after: '90' } }],
  ])('hands on the moment of the next request from %s', async (_name, reply) => {
    server.answer = () => reply;
    expect((await failure(subjectAt(server.url))).details['retryAt']).toBe(clock.now() + 90_000);
  });

  test('says that an endpoint is silent, or not there', async () => {
    let finish!: (reply: { body: unknown }) => void;
    server.answer = () => new Promise((resolve) => (finish = resolve));
    const quick = createOAuthClient({ fetch: fetcher.fetch, now: clock.now, timeoutMs: 100 });
    const silent = quick.requestToken(subjectAt(server.url));
    await expect(silent).rejects.toMatchObject({ code: 'token_endpoint_unavailable', kind: 'transient' });
    finish({ body: good });
    const gone = await startTokenServer();
    await gone.close();
    expect((await failure(subjectAt(gone.url))).code).toBe('token_endpoint_unavailable');
  });

  test('ends with the reason of the caller who aborts', async () => {
    let finish!: (reply: { body: unknown }) => void;
    server.answer = () => new Promise((resolve) => (finish = resolve));
    const abort = new AbortController();
    const request = oauth.requestToken(subjectAt(server.url), abort.signal);
    await expect.poll(() => server.requests.length).toBe(1);
    abort.abort(new Error('enough'));
    await expect(request).rejects.toThrow('enough');
    finish({ body: good });
  });

  test('never repeats a secret, a token or control characters, and not more than a few lines', async () => {
    const token = 'tok-should-not-show';
    const basic = Buffer.from(`client-1:${SECRET}`).toString('base64');
    const said = `bad ${SECRET}\r\n\u001b[31m ${encodeURIComponent(SECRET)} ${basic} assertion-7 ${'x'.repeat(900)}`;
    const subject = subjectAt(server.url, { params: { api_key: 'assertion-7', audience: 'shown' } });
    for (const reply of [
      { status: 401, body: { error: 'invalid_client', error_description: said } },
      { status: 400, body: { error: said, error_description: said } },
      { status: 500, body: { error: 'x', error_description: said } },
      { status: 200, body: { access_token: `${token}\n`, token_type: 'Bearer' } },
      { status: 200, body: { access_token: token, token_type: 'mac' } },
      { status: 200, body: { access_token: token, token_type: 'Bearer', error: said } },
      { status: 200, body: `${said} ${token}` },
    ]) {
      server.answer = () => reply;
      const error = await oauth.requestToken(subject).catch((reason: unknown) => reason);
      if (!(error instanceof SluiceError)) continue;
      const shown = everythingIn(error);
      for (const hidden of [SECRET, encodeURIComponent(SECRET), basic, token, 'assertion-7', '\u001b']) {
        expect(shown).not.toContain(hidden);
      }
      expect(error.message.length).toBeLessThan(800);
    }
  });
});

/** Message, details, stack and the same of every cause. */
function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? '';
  const own = Object.getOwnPropertyNames(error).map((name) => {
    const value: unknown = Reflect.get(error, name);
    return value instanceof Error ? everythingIn(value) : JSON.stringify(value);
  });
  return `${error.message} ${error.stack ?? ''} ${own.join(' ')}`;
}

describe('several client secrets', () => {
  const accept = (secret: string) => {
    server.answer = ({ form }) =>
      form.get('client_secret') === secret
        ? server.grant()
        : { status: 401, body: { error: 'invalid_client' } };
  };

  test('are tried in order, and the one that worked comes first the next time', async () => {
    const subject = subjectAt(server.url, { clientSecrets: ['old', 'new', 'newest'] });
    accept('new');
    await oauth.requestToken(subject);
    expect(server.requests.map(({ form }) => form.get('client_secret'))).toEqual(['old', 'new']);
    await oauth.requestToken(subject);
    expect(server.requests).toHaveLength(3);
    accept('old');
    await oauth.requestToken(subject);
    expect(server.requests.slice(3).map(({ form }) => form.get('client_secret'))).toEqual(['new', 'old']);
  });

  test('end in one error when all are wrong', async () => {
    accept('none of them');
    const error = await failure(subjectAt(server.url, { clientSecrets: ['a', 'b'] }));
    expect([error.code, error.kind, server.requests.length]).toEqual(['token_client_rejected', 'config', 2]);
  });

  test('are not tried where the client itself may not', async () => {
    server.answer = () => ({ status: 400, body: { error: 'unauthorized_client' } });
    await failure(subjectAt(server.url, { clientSecrets: ['a', 'b'] }));
    expect(server.requests).toHaveLength(1);
  });
});

describe('discovery', () => {
  const paths = () => server.requests.map(({ path }) => path);
  const publish = (at: string, issuer: string, extra: Record<string, unknown> = {}) => {
    server.answer = ({ path }) => {
      if (path === '/found') return server.grant();
      if (path !== at) return { status: 404, body: 'nothing here' };
      return { body: { issuer, token_endpoint: `${server.origin}/found`, ...extra } };
    };
  };

  test.each([
    ['OpenID metadata of a host', '', '/.well-known/openid-configuration'],
    ['OAuth metadata of a host', '', '/.well-known/oauth-authorization-server'],
    ['OAuth metadata behind a path', '/oauth2/aus1', '/oauth2/aus1/.well-known/oauth-authorization-server'],
    ['OpenID metadata behind a path', '/oauth2/aus1', '/oauth2/aus1/.well-known/openid-configuration'],
    ['metadata as RFC 8414 places it', '/oauth2/aus1', '/.well-known/oauth-authorization-server/oauth2/aus1'],
  ])('finds %s, and reads it once', async (_name, path, at) => {
    const issuer = server.origin + path;
    publish(at, issuer);
    const subject = subjectAt('', { endpoints: { issuer } });
    await oauth.requestToken(subject);
    await oauth.requestToken(subject);
    expect(paths().filter((requested) => requested === at)).toHaveLength(1);
    expect(paths().filter((requested) => requested === '/found')).toHaveLength(2);
  });

  test('takes the address of the metadata itself for an issuer', async () => {
    const at = '/oauth2/aus1/.well-known/oauth-authorization-server';
    publish(at, `${server.origin}/oauth2/aus1`);
    await oauth.requestToken(subjectAt('', { endpoints: { issuer: server.origin + at } }));
    expect(paths()).toEqual([at, '/found']);
  });

  test('accepts an issuer that differs by a slash at its end alone', async () => {
    publish('/.well-known/openid-configuration', `${server.origin}/`);
    await oauth.requestToken(subjectAt('', { endpoints: { issuer: server.origin } }));
    expect(paths().at(-1)).toBe('/found');
  });

  test('reads the metadata again after an hour, and goes on with the old while that fails', async () => {
    publish('/.well-known/openid-configuration', server.origin);
    const subject = subjectAt('', { endpoints: { issuer: server.origin } });
    await oauth.requestToken(subject);
    clock.advance(3_600_001);
    server.answer = ({ path }) => (path === '/found' ? server.grant() : { status: 503, body: '' });
    await oauth.requestToken(subject);
    expect(paths().slice(-2)).toEqual(['/.well-known/openid-configuration', '/found']);
  });

  test('reads the metadata again at once where the token endpoint is no longer there', async () => {
    publish('/.well-known/openid-configuration', server.origin);
    const subject = subjectAt('', { endpoints: { issuer: server.origin } });
    await oauth.requestToken(subject);
    const before = server.answer;
    server.answer = (request, count) =>
      request.path === '/found' ? { status: 404, body: 'gone' } : before(request, count);
    expect((await failure(subject)).code).toBe('token_request_invalid');
    publish('/.well-known/openid-configuration', server.origin, { token_endpoint: `${server.origin}/moved` });
    await oauth.requestToken(subject).catch(() => undefined);
    expect(paths().slice(-2)).toEqual(['/.well-known/openid-configuration', '/moved']);
  });

  test.each<[string, () => void, string, string]>([
    [
      'another issuer',
      () => publish('/.well-known/openid-configuration', 'https://evil.example'),
      'issuer_metadata_invalid',
      'config',
    ],
    [
      'no token endpoint',
      () => publish('/.well-known/openid-configuration', server.origin, { token_endpoint: undefined }),
      'issuer_metadata_invalid',
      'config',
    ],
    [
      'a token endpoint that is no URL',
      () => publish('/.well-known/openid-configuration', server.origin, { token_endpoint: '/found' }),
      'issuer_metadata_invalid',
      'config',
    ],
    ['nothing at all', () => publish('/elsewhere', server.origin), 'issuer_metadata_invalid', 'config'],
    [
      'a maintenance page',
      () => (server.answer = () => ({ body: '<html></html>' })),
      'token_response_invalid',
      'transient',
    ],
    [
      'an outage',
      () => (server.answer = () => ({ status: 502, body: '' })),
      'token_endpoint_unavailable',
      'transient',
    ],
    [
      'a rate limit',
      () => (server.answer = () => ({ status: 429, body: '' })),
      'token_endpoint_rate_limited',
      'rate_limited',
    ],
  ])('refuses %s', async (_name, prepare, code, kind) => {
    prepare();
    const error = await failure(subjectAt('', { endpoints: { issuer: server.origin } }));
    expect([error.code, error.kind]).toEqual([code, kind]);
    expect(paths()).not.toContain('/found');
  });
});
