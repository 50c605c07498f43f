/** The one login: who gets in, for how long, and who is kept out. */
import { afterEach, describe, expect, test } from 'vitest';
import { createClient, field, PASSWORD, startSite, type Client, type Site } from './site.ts';

const sites: Site[] = [];
afterEach(async () => {
  for (const one of sites.splice(0)) await one.close();
});
async function site(options: Parameters<typeof startSite>[0] = {}): Promise<Site> {
  const started = await startSite(options);
  sites.push(started);
  return started;
}

const sessionCookie = (answer: Response): string =>
  answer.headers
    .getSetCookie()
    .find((line) => line.includes('sluice_session') && !line.includes('Max-Age=0')) ?? '';
const isIn = async (client: Client): Promise<boolean> => (await client.get('/')).status === 200;

describe('the password', () => {
  test('opens a session', async () => {
    const { client } = await site();
    const me = client();
    expect(await isIn(me)).toBe(false);
    const answer = await me.login();
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
    expect(sessionCookie(answer)).toMatch(/; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(await isIn(me)).toBe(true);
  });

  test('leads on to a consent by a navigation of its own, since a form may not lead to another site', async () => {
    const { client } = await site();
    const answer = await client().login(PASSWORD, { next: '/connect/acme' });
    expect([answer.status, answer.headers.get('refresh')]).toEqual([200, '0; url=/connect/acme']);
    expect(await answer.text()).toContain('href="/connect/acme"');
  });

  test.each(['', 'wrong', PASSWORD.slice(0, -1), `${PASSWORD} `, PASSWORD.toUpperCase()])(
    'must be exact: %j does not',
    async (wrong) => {
      const { client } = await site();
      const me = client();
      const answer = await me.login(wrong);
      expect(answer.status).toBe(401);
      expect(await answer.text()).toContain('role="alert"');
      expect(await isIn(me)).toBe(false);
    },
  );

  test('never stands in the log, nor in a page', async () => {
    const one = await site();
    const me = one.client();
    const wrong = await me.login('almost the password');
    await me.login();
    expect(await wrong.text()).not.toContain('almost the password');
    expect(one.log.join('')).not.toContain('almost the password');
    expect(one.log.join('')).not.toContain(PASSWORD);
    expect(one.log.join('')).toContain('operator logged in');
  });
});

describe('without a password set', () => {
  test('console, login, logout and Bull Board answer as an unknown route does', async () => {
    const { client } = await site({ withoutAdmin: true });
    const unknown = await (await client().get('/unknown', { accept: 'application/json' })).json();
    for (const path of [
      '/',
      '/login',
      '/logout',
      '/queues',
      '/queues/',
      '/queues/api/queues',
      '/queues/static/js',
    ]) {
      for (const method of ['GET', 'POST']) {
        const answer = await client().send(path, { method, headers: { accept: 'application/json' } });
        expect(answer.status, `${method} ${path}`).toBe(404);
        expect(await answer.json()).toEqual({
          ...(unknown as object),
          detail: `Nothing answers ${method} ${path}.`,
        });
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
    }
    expect((await client().get('/livez')).status).toBe(200);
  });
});

describe('a session', () => {
  test('ends after 12 hours', async () => {
    const { client, clock } = await site();
    const me = client();
    await me.login();
    clock.now += 12 * 3600_000 - 1;
    expect(await isIn(me)).toBe(true);
    clock.now += 1;
    expect(await isIn(me)).toBe(false);
  });

  test('ends when the password or the session secret changes, and no other way', async () => {
    const first = await site();
    const me = first.client();
    await me.login();
    const at = async (admin: { password: string; sessionSecret: string }): Promise<boolean> => {
      const other = await site({ admin });
      const there = createClient(other.url);
      // under every name that the other site might use: the signature decides
      const login = await there.get('/login');
      const name = /(sluice_login_[0-9a-f]+)/.exec(login.headers.getSetCookie().join())?.[1] ?? '';
      for (const [own, value] of me.cookies) {
        there.cookies.set(own, value);
        there.cookies.set(name.replace('login', 'session'), value);
      }
      return isIn(there);
    };
    expect(await at({ password: PASSWORD, sessionSecret: 'session secret' })).toBe(true);
    expect(await at({ password: 'another', sessionSecret: 'session secret' })).toBe(false);
    expect(await at({ password: PASSWORD, sessionSecret: 'another' })).toBe(false);
  });

  test('cannot be made up, prolonged, or replaced by another signed cookie', async () => {
    const { client } = await site();
    const me = client();
    await me.get('/login');
    const [loginName = '', loginValue = ''] = [...me.cookies].find(([name]) => name.includes('login')) ?? [];
    await me.login();
    const [name = '', value = ''] = [...me.cookies].find(([one]) => one.includes('session')) ?? [];
    const decoded = decodeURIComponent(value);
    const [id, expires, signature] = decoded.split('.');
    const attempts = [
      `${id}.${Number(expires) + 1}.${signature}`,
      `${id}.${expires}.${'A'.repeat(43)}=`,
      `${id}.${expires}`,
      `..${signature}`,
      decodeURIComponent(loginValue),
    ];
    expect(loginName).not.toBe('');
    for (const attempt of attempts) {
      const thief = client();
      thief.cookies.set(name, encodeURIComponent(attempt));
      expect(await isIn(thief), attempt).toBe(false);
    }
  });

  test('is Secure and bound to the host where the public URL is https', async () => {
    const { client } = await site({ publicUrl: 'https://sluice.example.com' });
    const me = client();
    const answer = await me.login(PASSWORD, { headers: { origin: 'https://sluice.example.com' } });
    expect(sessionCookie(answer)).toMatch(/^__Host-sluice_session_/);
    expect(sessionCookie(answer)).toMatch(/; Secure(?:;|$)/);
    expect(await isIn(me)).toBe(true);
  });

  test('its pages are not stored by browsers', async () => {
    const { client } = await site();
    const me = client();
    expect((await me.get('/login')).headers.get('cache-control')).toBe('no-store');
    expect((await me.login()).headers.get('cache-control')).toBe('no-store');
    expect((await me.get('/')).headers.get('cache-control')).toBe('no-store');
    expect((await me.get('/queues')).headers.get('cache-control')).toBe('no-store');
  });

  test('two instances on one host keep their sessions apart', async () => {
    const one = await site();
    const two = await site({ admin: { password: PASSWORD, sessionSecret: 'of the other' } });
    const me = one.client();
    await me.login();
    const there = createClient(two.url);
    for (const [name, value] of me.cookies) there.cookies.set(name, value);
    await there.login();
    for (const [name, value] of there.cookies) me.cookies.set(name, value);
    expect(await isIn(me)).toBe(true);
    expect(await isIn(there)).toBe(true);
  });
});

describe('without a session', () => {
  test('a person is led to the login and back', async () => {
    const { client } = await site();
    const me = client();
    const away = await me.get('/queues/queue/runs?status=failed');
    expect(away.headers.get('location')).toBe('/login?next=%2Fqueues%2Fqueue%2Fruns%3Fstatus%3Dfailed');
    const form = await (await me.get(away.headers.get('location') ?? '')).text();
    expect(field(form, 'next')).toBe('/queues/queue/runs?status=failed');
    const back = await me.login(PASSWORD, { next: field(form, 'next') });
    expect(back.headers.get('location')).toBe('/queues/queue/runs?status=failed');
    expect((await me.get('/login?next=/queues')).headers.get('location')).toBe('/queues');
  });

  test('a program gets 401', async () => {
    const { client } = await site();
    const answer = await client().get('/', { accept: 'application/json' });
    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'login_required' }]);
  });

  test.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/\t/evil.example',
    '/.//evil.example',
    '/login',
  ])('a login never leads to %j', async (next) => {
    const { client } = await site();
    expect((await client().login(PASSWORD, { next })).headers.get('location')).toBe('/');
    const form = await (await client().get(`/login?next=${encodeURIComponent(next)}`)).text();
    expect(field(form, 'next')).toBe('/');
  });
});

describe('a form of another site', () => {
  test.each([
    ['by its origin', { origin: 'https://evil.example' }],
    ['by a sibling origin', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
    ['by a hidden origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
  ])('cannot log in or out: it is known %s', async (_how, headers) => {
    const { client } = await site();
    const me = client();
    const refused = await me.login(PASSWORD, { headers });
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('cross_site_request');
    await me.login();
    const csrf = field(await (await me.get('/')).text(), 'csrf');
    expect((await me.post('/logout', { csrf }, headers)).status).toBe(403);
    expect(await isIn(me)).toBe(true);
  });

  test('cannot bring its own token', async () => {
    const { client } = await site();
    const foreign = field(await (await client().get('/login')).text(), 'token');
    const me = client();
    expect((await me.post('/login', { token: foreign, password: PASSWORD })).status).toBe(403);
    await me.get('/login');
    expect((await me.post('/login', { token: foreign, password: PASSWORD })).status).toBe(403);
    expect((await me.post('/login', { password: PASSWORD })).status).toBe(403);
    expect(await isIn(me)).toBe(false);
  });

  test('is accepted through a proxy that ends TLS, by the public origin', async () => {
    const { client } = await site({ publicUrl: 'https://sluice.example.com' });
    const answer = await client().login(PASSWORD, { headers: { origin: 'https://sluice.example.com' } });
    expect(answer.status).toBe(303);
  });
});

describe('logging out', () => {
  test('removes the session', async () => {
    const { client } = await site();
    const me = client();
    await me.login();
    const csrf = field(await (await me.get('/')).text(), 'csrf');
    const answer = await me.post('/logout', { csrf });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login']);
    expect([...me.cookies.keys()].filter((name) => name.includes('session'))).toEqual([]);
    expect(await isIn(me)).toBe(false);
  });

  test('needs this session’s own token, and POST', async () => {
    const { client } = await site();
    const [me, other] = [client(), client()];
    await me.login();
    await other.login();
    const csrf = field(await (await other.get('/')).text(), 'csrf');
    expect((await me.post('/logout', { csrf })).status).toBe(403);
    expect((await me.post('/logout', {})).status).toBe(403);
    expect((await me.get('/logout')).status).toBe(404);
    expect(await isIn(me)).toBe(true);
  });
});

describe('too many attempts', () => {
  /** As a proxy in front of us reports its clients. */
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

  test('of one client are refused for a while, even with the right password; others still get in', async () => {
    const { client, clock } = await site();
    const me = client();
    for (let n = 0; n < 10; n += 1) expect((await me.login('wrong', from('203.0.113.7'))).status).toBe(401);
    const refused = await me.login(PASSWORD, from('203.0.113.7'));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('900');
    expect(await refused.text()).toContain('Try again in 15 minutes');
    expect(await isIn(me)).toBe(false);
    expect((await client().login(PASSWORD, from('203.0.113.8'))).status).toBe(303);
    // a made-up first hop does not help
    expect((await client().login(PASSWORD, from('198.51.100.1, 203.0.113.7'))).status).toBe(429);
    clock.now += 900_000;
    expect((await me.login(PASSWORD, from('203.0.113.7'))).status).toBe(303);
  });

  test('from one IPv6 network count as one client', async () => {
    const { client } = await site();
    for (let n = 0; n < 10; n += 1) await client().login('wrong', from(`2001:db8:1:2::${n}`));
    expect((await client().login(PASSWORD, from('2001:db8:1:2:ffff::1'))).status).toBe(429);
    expect((await client().login(PASSWORD, from('2001:db8:1:3::1'))).status).toBe(303);
  });

  test('of all clients together are refused for a minute', async () => {
    const { client, clock } = await site();
    for (let n = 0; n < 60; n += 1) await client().login('wrong', from(`198.51.100.${n}`));
    const refused = await client().login(PASSWORD, from('203.0.113.9'));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    clock.now += 60_000;
    expect((await client().login(PASSWORD, from('203.0.113.9'))).status).toBe(303);
  });

  test('a correct password wipes the slate', async () => {
    const { client } = await site();
    const me = client();
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 6; n += 1) await me.login('wrong', from('203.0.113.7'));
      me.cookies.clear();
      expect((await me.login(PASSWORD, from('203.0.113.7'))).status).toBe(303);
      me.cookies.clear();
    }
  });
});
