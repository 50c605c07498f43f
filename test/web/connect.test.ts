import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { apiOf } from '../../src/commands/api.ts';
import { connectingAs } from '../../src/commands/audited-api.ts';
import { createWebApp } from '../../src/web/app.ts';
import { startServer, type RunningServer } from '../../src/web/server.ts';
import { checkConnection } from '../../src/sync/check.ts';
import { removeConnectionFully } from '../../src/sync/remove.ts';
import { renewGrants, renewalDue, revokeGrants } from '../../src/sync/grant-upkeep.ts';
import { rotateKeys } from '../../src/sync/rotate-keys.ts';
import { createKeyring } from '../../src/auth/keyring.ts';
import { createVault } from '../../src/auth/vault.ts';
import { createAuthorizationServers } from '../../src/auth/grants/server.ts';
import { createGuardedFetch } from '../../src/net/fetch.ts';
import { listAudit } from '../../src/store/audit.ts';
import { findGrant } from '../../src/store/grants.ts';
import {
  createWalker,
  PUBLIC_CLIENT,
  startAuthorizationServer,
  type AuthorizationServer,
  type Visit,
  type Walker,
} from '../support/authorization-server.ts';
import { startConsentProvider, type ConsentProvider } from '../support/consent-provider.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { createClient, PASSWORD } from './site.ts';

const KEY = 'api-key-of-a-test-0001';

let idp: AuthorizationServer;
let films: ConsentProvider;
let fleet: Fleet;
let web: RunningServer;
const log: string[] = [];
let count = 0;

beforeAll(async () => {
  vi.spyOn(console, 'info').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  idp = await startAuthorizationServer();
  films = await startConsentProvider(idp);
  fleet = await startFleet({ providers: [films.definition, films.setupOnly], log });
  let app: ReturnType<typeof createWebApp> | undefined;
  web = await startServer({
    app: { fetch: (...args) => app?.fetch(...args) ?? new Response(null, { status: 503 }) },
    host: '127.0.0.1',
    port: 0,
  });
  const { runtime } = fleet;
  app = createWebApp({
    ready: async () => ({ ok: true, checks: [] }),
    metrics: runtime.metrics,
    apiKeys: ['other-key-of-a-test-1', KEY],
    metricsOpen: false,
    publicUrl: web.url,
    logger: runtime.logger,
    now: Date.now,
    admin: { password: PASSWORD, sessionSecret: 'session secret' },
    connector: runtime.connector,
    connectorAs: (actor) => connectingAs(runtime, actor),
    api: apiOf(runtime, web.url),
  });
});
afterAll(async () => {
  await web.close();
  await fleet.close();
  await films.close();
  await idp.close();
  vi.restoreAllMocks();
});
afterEach(() => {
  idp.account = 'ada';
  idp.deny = false;
  idp.down = false;
  idp.fault = () => undefined;
});

async function api(method: string, path: string, body?: unknown, key = KEY) {
  const answer = await fetch(web.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as any };
}

async function newConnection(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const id = `acme-${(count += 1)}`;
  await fleet.connect(id, { ...films.connection, ...more });
  return id;
}

async function link(id: string, returnUrl?: string): Promise<string> {
  const { status, json } = await api('POST', `/v1/connections/${id}/connect-link`, { returnUrl });
  expect(status).toBe(200);
  return json.url as string;
}

const atCallback = (url: URL): boolean => url.pathname === '/oauth/callback';

async function connect(id: string, walker: Walker = createWalker()): Promise<Visit> {
  return walker.go(await link(id));
}

async function state(id: string): Promise<any> {
  return (await api('GET', `/v1/connections/${id}`)).json.connection;
}

describe('a person who connects', () => {
  test('by a link sees the account, and the connection works from then on', async () => {
    const id = await newConnection();
    expect(await state(id)).toMatchObject({ state: 'needs_reconnect', code: 'not_connected', account: null });
    const page = await connect(id);
    expect(page).toMatchObject({ status: 200 });
    expect(page.page).toContain('<h1>Connected</h1>');
    expect(page.page).toContain('Name of ada');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.page).not.toMatch(/<(?:script|img|link)[^>]+(?:src|href)="(?:https?:|\/\/)/);
    expect(await state(id)).toMatchObject({ state: 'active', code: null, account: 'Name of ada' });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 1 });
    expect(films.asked.at(-1)).toBe('ada');
    const { runtime } = fleet;
    expect(await checkConnection(runtime, id)).toMatchObject({
      steps: [{ ok: true }, { ok: true }, { ok: true }],
    });
  });

  test('as an operator needs no link, but a login', async () => {
    const id = await newConnection();
    const client = createClient(web.url);
    const turnedAway = await client.get(`/connect/${id}`);
    expect(turnedAway.status).toBe(303);
    expect(turnedAway.headers.get('location')).toBe(`/login?next=${encodeURIComponent(`/connect/${id}`)}`);
    await client.login();
    const crossSite = await client.get(`/connect/${id}`, { 'sec-fetch-site': 'cross-site' });
    expect(crossSite.status).toBe(403);
    const begun = await client.get(`/connect/${id}`);
    expect(begun.status).toBe(303);
    const at = new URL(begun.headers.get('location') ?? '');
    expect(at.origin).toBe(idp.issuer);
    expect(Object.fromEntries(at.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      prompt: 'consent',
      scope: 'offline_access openid profile',
      redirect_uri: `${web.url}/oauth/callback`,
    });
    expect(at.searchParams.get('nonce')).toMatch(/^.{20,}$/);
    const back = await createWalker().go(at.href, atCallback);
    const page = await client.get(back.url.pathname + back.url.search);
    expect(page.status).toBe(200);
    expect((await state(id)).state).toBe('active');
  });

  test.each([
    ['HEAD', { method: 'HEAD' }],
    ['a prefetch', { headers: { 'sec-purpose': 'prefetch;prerender' } }],
    ['an older prefetch', { headers: { purpose: 'prefetch' } }],
  ])('as an operator begins nothing by %s, and ends nothing', async (_name, init) => {
    const id = await newConnection();
    const client = createClient(web.url);
    await client.login();
    const { pool } = fleet.runtime.db;
    const flows = async (): Promise<number> =>
      (await pool.query(`select 1 from sluice.connect_flows where connection_id = $1`, [id])).rowCount ?? 0;
    const answer = await client.send(`/connect/${id}`, init);
    expect([answer.status, answer.headers.get('location')]).toEqual([204, null]);
    expect(await flows()).toBe(0);
    expect(await listAudit(fleet.runtime.db, { connection: id, limit: 10 })).toEqual([]);

    const begun = await client.get(`/connect/${id}`);
    expect(await flows()).toBe(1);
    const back = await createWalker().go(begun.headers.get('location') ?? '', atCallback);
    const callback = back.url.pathname + back.url.search;
    expect((await client.send(callback, init)).status).toBe(204);
    expect((await state(id)).state).toBe('needs_reconnect');
    expect((await client.get(callback)).status).toBe(200);
    expect((await state(id)).state).toBe('active');
  });

  describe('as an operator is written down', () => {
    const audit = (connection: string) => listAudit(fleet.runtime.db, { connection, limit: 10 });
    const actor = {
      kind: 'operator',
      name: expect.stringMatching(/^session [0-9a-f]{12}$/),
      source: '127.0.0.1',
    };

    test('when he goes to the provider, and with what he comes back', async () => {
      const id = await newConnection();
      const client = createClient(web.url);
      await client.get(`/connect/${id}`);
      // nobody was sent anywhere
      expect(await audit(id)).toEqual([]);
      await client.login();
      const begun = await client.get(`/connect/${id}`);
      expect(await audit(id)).toMatchObject([
        { actor, action: 'connection.connect', outcome: 'done', code: null },
      ]);
      const back = await createWalker().go(begun.headers.get('location') ?? '', atCallback);
      await client.get(back.url.pathname + back.url.search);
      const [ended, ...before] = await audit(id);
      expect(before).toHaveLength(1);
      expect(ended).toMatchObject({
        actor,
        action: 'connection.consent',
        outcome: 'done',
        details: { ok: true, reconnected: false },
      });
      // the answer once more: it belongs to nothing
      await client.get(back.url.pathname + back.url.search);
      const [again] = await listAudit(fleet.runtime.db, { action: 'connection.consent', limit: 1 });
      expect(again).toMatchObject({ outcome: 'failed', code: 'connect_state_invalid', connection: null });
      expect(JSON.stringify([ended, again])).not.toContain(back.url.searchParams.get('code'));
    });

    test('when the provider says no, and when it can not even begin', async () => {
      const id = await newConnection();
      const client = createClient(web.url);
      await client.login();
      const begun = await client.get(`/connect/${id}`);
      idp.deny = true;
      const back = await createWalker().go(begun.headers.get('location') ?? '', atCallback);
      await client.get(back.url.pathname + back.url.search);
      expect((await audit(id))[0]).toMatchObject({
        actor,
        action: 'connection.consent',
        outcome: 'done',
        details: { ok: false, code: expect.stringMatching(/^[a-z_]+$/) },
      });
      await client.get('/connect/nobody-at-all');
      expect(await audit('nobody-at-all')).toMatchObject([
        { action: 'connection.connect', outcome: 'failed', code: 'not_found' },
      ]);
    });

    test('and whoever comes by a link is nobody whom the log knows', async () => {
      const id = await newConnection();
      expect((await connect(id)).status).toBe(200);
      expect((await audit(id)).map(({ action, actor: by }) => [action, by.kind])).toEqual([
        ['connection.connect_link', 'api_key'],
      ]);
    });
  });

  test('of a public application proves himself by PKCE alone', async () => {
    const id = await newConnection({ credentials: { clientId: PUBLIC_CLIENT }, oauth: { pkce: false } });
    expect((await connect(id)).status).toBe(200);
    expect(await fleet.sync(id)).toMatchObject({ status: 'succeeded' });
  });

  test('without PKCE where the connection says so', async () => {
    const id = await newConnection({ oauth: { pkce: false, prompt: 'login consent' } });
    const walker = createWalker();
    const asked: URL[] = [];
    await walker.go(await link(id), (url) => {
      if (url.origin === idp.issuer) asked.push(url);
      return atCallback(url);
    });
    expect(asked[0]?.searchParams.has('code_challenge')).toBe(false);
    expect(asked[0]?.searchParams.get('prompt')).toBe('login consent');
  });

  test('is sent back to where the application wants him, with the result', async () => {
    const id = await newConnection();
    const walker = createWalker();
    const home = `${web.url}/livez?from=app`;
    const back = await walker.go(await link(id, home), (url) => url.pathname === '/livez');
    expect(Object.fromEntries(back.url.searchParams)).toEqual({
      from: 'app',
      connection: id,
      status: 'connected',
    });
    idp.deny = true;
    const denied = await createWalker().go(await link(id, '/livez'), (url) => url.pathname === '/livez');
    expect(Object.fromEntries(denied.url.searchParams)).toMatchObject({
      status: 'failed',
      code: 'connect_denied',
    });
  });

  test.each([
    'https://evil.example/',
    '//evil.example',
    'http:\\\\evil.example',
    'javascript:alert(1)',
    'http://user:pw@127.0.0.1/',
  ])('is never sent to %s', async (returnUrl) => {
    const id = await newConnection();
    const { status, json } = await api('POST', `/v1/connections/${id}/connect-link`, { returnUrl });
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'request_invalid' });
    expect(json.advice).toContain('SLUICE_RETURN_ORIGINS');
  });

  test('leaves nothing readable behind', async () => {
    const id = await newConnection();
    const walker = createWalker();
    const url = await link(id);
    const asked: URL[] = [];
    const back = await walker.go(url, (at) => {
      asked.push(at);
      return atCallback(at);
    });
    const secrets = [
      new URL(url).searchParams.get('ticket') ?? '',
      back.url.searchParams.get('state') ?? '',
      back.url.searchParams.get('code') ?? '',
    ];
    await walker.go(back.url.href);
    const token = idp.tokenRequests.at(-1);
    secrets.push(token?.get('code_verifier') ?? '');
    await fleet.sync(id);
    secrets.push(idp.tokenRequests.at(-1)?.get('refresh_token') ?? '');
    for (const secret of secrets) expect(secret.length).toBeGreaterThan(20);
    const stored: string[] = [];
    for (const table of [
      'grants',
      'grant_refreshes',
      'connect_tickets',
      'connect_flows',
      'tokens',
      'connections',
    ]) {
      const { rows } = await fleet.runtime.db.pool.query(
        `select row_to_json(t)::text as row from sluice.${table} t`,
      );
      stored.push(...rows.map(({ row }: { row: string }) => row));
    }
    const everything = stored.join('\n') + log.join('\n');
    for (const secret of secrets) expect(everything).not.toContain(secret);
  });
});

describe('a link', () => {
  test('is for the browser that opens it first, which may go back and try again', async () => {
    const id = await newConnection();
    const url = await link(id);
    const walker = createWalker();
    expect((await walker.go(url, atCallback)).url.searchParams.has('code')).toBe(true);
    const other = await createWalker().go(url);
    expect(other.status).toBe(410);
    expect(other.page).toContain('connect_link_expired');
    expect((await walker.go(url)).status).toBe(200);
    // done: now it is of no use to anybody
    expect((await walker.go(url)).status).toBe(410);
  });

  test('is not used up by a preview or a prefetch', async () => {
    const id = await newConnection();
    const url = await link(id);
    await fetch(url, { method: 'HEAD', redirect: 'manual' });
    await fetch(url, { headers: { 'sec-purpose': 'prefetch' }, redirect: 'manual' });
    expect((await createWalker().go(url)).status).toBe(200);
  });

  test('expires', async () => {
    const id = await newConnection();
    const url = await link(id);
    const { db } = fleet.runtime;
    await db.pool.query(
      `update sluice.connect_tickets set expires_at = now() - interval '1 s' where connection_id = $1`,
      [id],
    );
    expect((await createWalker().go(url)).page).toContain('connect_link_expired');
  });

  test('of one connection opens no other, and a made-up one opens none', async () => {
    const [one, two] = [await newConnection(), await newConnection()];
    const ticket = new URL(await link(one)).searchParams.get('ticket') ?? '';
    expect((await createWalker().go(`${web.url}/connect/${two}?ticket=${ticket}`)).status).toBe(410);
    expect((await createWalker().go(`${web.url}/connect/${one}?ticket=made-up`)).status).toBe(410);
  });

  test('lives for 15 minutes and is not made for a connection that needs none', async () => {
    const id = await newConnection();
    const { json } = await api('POST', `/v1/connections/${id}/connect-link`);
    const left = Date.parse(json.expiresAt) - Date.now();
    expect(left).toBeGreaterThan(13 * 60_000);
    expect(left).toBeLessThanOrEqual(15 * 60_000);
    await fleet.connect('by-credentials');
    const refused = await api('POST', '/v1/connections/by-credentials/connect-link');
    expect(refused.status).toBe(409);
    expect(refused.json.code).toBe('connect_not_possible');
  });
});

describe('a callback', () => {
  /** A consent up to the callback, which isn't fetched. */
  async function upToCallback(id: string): Promise<{ walker: Walker; url: URL }> {
    const walker = createWalker();
    const { url } = await walker.go(await link(id), atCallback);
    return { walker, url };
  }

  const untouched = async (id: string): Promise<void> => {
    expect(await state(id)).toMatchObject({ state: 'needs_reconnect', code: 'not_connected' });
    expect(await findGrant(fleet.runtime.db.pool, id)).toBeUndefined();
  };

  test('with a forged state is refused', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    const forged = new URL(url);
    forged.searchParams.set('state', 'forged');
    const page = await walker.go(forged.href);
    expect(page.status).toBe(400);
    expect(page.page).toContain('connect_state_invalid');
    await untouched(id);
    for (const query of ['', '?code=x', `?code=x&state=a&state=b`])
      expect((await walker.go(`${web.url}/oauth/callback${query}`)).status).toBe(400);
    // and the real one still works
    expect((await walker.go(url.href)).status).toBe(200);
  });

  test('in another browser is refused and spoils nothing', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    expect((await createWalker().go(url.href)).page).toContain('connect_state_invalid');
    const stranger = await upToCallback(await newConnection());
    expect((await stranger.walker.go(url.href)).page).toContain('connect_state_invalid');
    await untouched(id);
    expect((await walker.go(url.href)).status).toBe(200);
  });

  test('a second time is refused', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    expect((await walker.go(url.href)).status).toBe(200);
    const grant = await findGrant(fleet.runtime.db.pool, id);
    const requests = idp.tokenRequests.length;
    expect((await walker.go(url.href)).page).toContain('used before');
    expect(idp.tokenRequests.length).toBe(requests);
    expect(await findGrant(fleet.runtime.db.pool, id)).toEqual(grant);
  });

  test('after 15 minutes is refused', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    await fleet.runtime.db.pool.query(
      `update sluice.connect_flows set expires_at = now() - interval '1 s' where connection_id = $1`,
      [id],
    );
    const page = await walker.go(url.href);
    expect(page.status).toBe(410);
    expect(page.page).toContain('connect_expired');
    await untouched(id);
  });

  test('with the code of another consent is refused', async () => {
    const [one, two] = [await newConnection(), await newConnection()];
    const first = await upToCallback(one);
    const second = await upToCallback(two);
    const crossed = new URL(first.url);
    crossed.searchParams.set('code', second.url.searchParams.get('code') ?? '');
    const page = await first.walker.go(crossed.href);
    expect(page.status).toBe(403);
    expect(page.page).toContain('connect_code_rejected');
    await untouched(one);
  });

  test.each([
    ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['no issuer, of a server that always names it', (url: URL) => url.searchParams.delete('iss')],
    ['two issuers', (url: URL) => url.searchParams.append('iss', 'https://evil.example')],
  ])('that names %s is refused before the code leaves', async (_, change) => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    expect(url.searchParams.get('iss')).toBe(idp.issuer);
    change(url);
    const requests = idp.tokenRequests.length;
    const page = await walker.go(url.href);
    expect(page.page).toContain('authorization_response_invalid');
    expect(idp.tokenRequests.length).toBe(requests);
    await untouched(id);
  });

  test('whose id token belongs to another consent is refused', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    idp.fault = (exchange, response) => {
      const body = JSON.parse(exchange.answer.body) as { id_token: string };
      const [head, payload = '', signature] = body.id_token.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
      const forged = Buffer.from(JSON.stringify({ ...claims, nonce: 'another' })).toString('base64url');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...body, id_token: [head, forged, signature].join('.') }));
      return 'handled';
    };
    expect((await walker.go(url.href)).page).toContain('authorization_response_invalid');
    await untouched(id);
  });

  test('that says no changes nothing, and the page leads to another try', async () => {
    const id = await newConnection();
    idp.deny = true;
    const walker = createWalker();
    const page = await walker.go(await link(id));
    expect(page.status).toBe(403);
    expect(page.page).toContain('Access was not given');
    expect(page.page).toContain('the person said no');
    await untouched(id);
    idp.deny = false;
    const again = /href="([^"]*\/connect\/[^"]*)"/.exec(page.page)?.[1]?.replaceAll('&amp;', '&') ?? '';
    expect((await walker.go(again)).page).toContain('Connected');
  });

  test('while the provider is down says so', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    idp.down = true;
    const page = await walker.go(url.href);
    expect(page.status).toBe(503);
    expect(page.page).toContain('The provider is not available');
    expect(page.page).toContain('Nothing has changed');
    await untouched(id);
  });

  test('with tokens that would not last says so', async () => {
    const id = await newConnection();
    const { walker, url } = await upToCallback(id);
    idp.fault = (exchange, response) => {
      const { refresh_token: _, ...body } = JSON.parse(exchange.answer.body) as Record<string, unknown>;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return 'handled';
    };
    expect((await walker.go(url.href)).page).toContain('connect_no_refresh_token');
    await untouched(id);
  });
});

describe('a connection that is connected again', () => {
  test('keeps its data, and never serves a token of the older consent', async () => {
    const id = await newConnection();
    await connect(id);
    await fleet.sync(id);
    const before = await fleet.mirror(id, 'sites');
    expect(before.size).toBe(2);
    const first = await fleet.runtime.tokens.inspect(await subject(id));
    const page = await connect(id);
    expect(page.page).toContain('Connected again');
    expect(await fleet.runtime.tokens.inspect(await subject(id))).toBeNull();
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 1 });
    expect(run.streams[0]).toMatchObject({ added: 0, unchanged: 2 });
    expect((await fleet.runtime.tokens.inspect(await subject(id)))?.fingerprint).not.toBe(first?.fingerprint);
  });

  test('after its consent was taken back: the run ends at once, a person is asked, a consent mends it', async () => {
    const id = await newConnection();
    await connect(id);
    await fleet.runtime.db.pool.query(
      `update sluice.grants set refresh_token = $2 where connection_id = $1`,
      [id, fleet.runtime.vault.encrypt('taken-back', `grant:${id}`)],
    );
    const run = await fleet.sync(id);
    expect(run.status).toBe('failed');
    expect(run.streams[0]?.error).toMatchObject({ code: 'grant_rejected' });
    expect(await state(id)).toMatchObject({ state: 'needs_reconnect', code: 'grant_rejected' });
    await connect(id);
    expect(await state(id)).toMatchObject({ state: 'active' });
    expect((await fleet.sync(id)).status).toBe('succeeded');
  });

  test('with another account is refused until a person says that it is meant', async () => {
    const id = await newConnection();
    await connect(id);
    const grant = await findGrant(fleet.runtime.db.pool, id);
    idp.account = 'bob';
    const walker = createWalker();
    const page = await walker.go(await link(id));
    expect(page.status).toBe(409);
    expect(page.page).toContain('Name of ada');
    expect(page.page).toContain('Name of bob');
    expect(await findGrant(fleet.runtime.db.pool, id)).toEqual(grant);
    const links = [...page.page.matchAll(/href="([^"]*\/connect\/[^"]*)"/g)].map(
      ([, url]) => url?.replaceAll('&amp;', '&') ?? '',
    );
    expect(links).toHaveLength(2);
    // the links are this browser's
    expect((await createWalker().go(links[1] ?? '')).status).toBe(410);
    expect((await walker.go(links[0] ?? '')).status).toBe(409);
    expect((await walker.go(links[1] ?? '')).status).toBe(200);
    expect(await state(id)).toMatchObject({ state: 'active', account: 'Name of bob' });
    await fleet.sync(id);
    expect(films.asked.at(-1)).toBe('bob');
  });
});

async function subject(id: string) {
  const { tokenSubject } = await import('../../src/outbound/client.ts');
  return tokenSubject(await fleet.runtime.loadConnection(id, { requireUsable: false }));
}

describe('other ways to work', () => {
  test('an API key takes the place of a grant', async () => {
    const id = await newConnection({ credentials: { apiKey: 'the-key' } });
    expect((await state(id)).state).toBe('active');
    expect(await fleet.sync(id)).toMatchObject({ status: 'succeeded', tokenRequests: 0 });
    expect(films.asked.at(-1)).toBe('key:the-key');
    const { status, json } = await api('POST', `/v1/connections/${id}/connect-link`);
    expect([status, json.code]).toEqual([409, 'connect_not_possible']);
  });

  test('a consent for the setup alone keeps no refresh token', async () => {
    const id = await newConnection({ provider: 'setup' });
    expect((await state(id)).state).toBe('active');
    const page = await connect(id);
    expect(page.page).toContain('nothing of it is kept');
    expect(await findGrant(fleet.runtime.db.pool, id)).toMatchObject({
      refresh_token: null,
      account_id: 'ada',
    });
  });
});

describe('upkeep', () => {
  const DAY = 86_400_000;
  const grantOf = (more: object) =>
    ({ obtained_at: new Date(0), last_refreshed_at: new Date(10 * DAY), expires_at: null, ...more }) as any;

  test('renews after half of the life that is known, and weekly where none is', () => {
    expect(renewalDue(grantOf({}), undefined)).toEqual(new Date(17 * DAY));
    expect(renewalDue(grantOf({}), (4 * DAY) / 1000)).toEqual(new Date(12 * DAY));
    expect(renewalDue(grantOf({ expires_at: new Date(16 * DAY) }), 1)).toEqual(new Date(13 * DAY));
    expect(renewalDue(grantOf({ last_refreshed_at: null }), 1)).toEqual(new Date(3_600_000));
  });

  test('refreshes a grant that nothing has used for long, also while its access token still lives', async () => {
    const id = await newConnection();
    await connect(id);
    await fleet.sync(id);
    const before = await findGrant(fleet.runtime.db.pool, id);
    const { runtime } = fleet;
    const net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
    const servers = createAuthorizationServers({ fetch: net.fetch, now: Date.now });
    expect(await renewGrants({ ...runtime, servers })).toBe(0);
    await runtime.db.pool.query(
      `update sluice.grants set last_refreshed_at = now() - interval '8 days' where connection_id = $1`,
      [id],
    );
    expect(await renewGrants({ ...runtime, servers })).toBe(1);
    const after = await findGrant(runtime.db.pool, id);
    expect(after?.refresh_token).not.toBe(before?.refresh_token);
    expect(after?.last_used_at).toEqual(before?.last_used_at);
    await net.close();
  });

  test('revokes the grant of a connection that is removed, and goes on trying where that fails', async () => {
    const id = await newConnection();
    await connect(id);
    const { runtime } = fleet;
    const { rows } = await runtime.db.pool.query(
      `select refresh_token from sluice.grants where connection_id = $1`,
      [id],
    );
    const token = runtime.vault.decrypt(rows[0].refresh_token, `grant:${id}`);
    // another connection on the consent of the same account would lose it too: none of those here
    await runtime.db.pool.query(
      `update sluice.grants set account_id = 'only-here' where connection_id = $1`,
      [id],
    );
    idp.down = true;
    await removeConnectionFully(runtime.db, id, { purge: false });
    expect(await runtime.sayGoodbye()).toBe(0);
    idp.down = false;
    expect(idp.revocations).not.toContain(token);
    await runtime.db.pool.query(`update sluice.grant_revocations set next_attempt_at = now()`);
    expect(await runtime.sayGoodbye()).toBe(1);
    expect(idp.revocations).toContain(token);
    const left = await runtime.db.pool.query(`select 1 from sluice.grant_revocations`);
    expect(left.rowCount).toBe(0);
  });

  test('needs only the new key after a rotation: for what waits to be revoked, and for a consent that is under way', async () => {
    const { runtime } = fleet;
    const { pool } = runtime.db;
    const [id, under] = [await newConnection(), await newConnection()];
    await connect(id);
    const { rows } = await pool.query(`select refresh_token from sluice.grants where connection_id = $1`, [
      id,
    ]);
    const token = runtime.vault.decrypt(rows[0].refresh_token, `grant:${id}`);
    await pool.query(`update sluice.grants set account_id = 'also-here' where connection_id = $1`, [id]);
    idp.down = true;
    await removeConnectionFully(runtime.db, id, { purge: false });
    expect(await runtime.sayGoodbye()).toBe(0);
    idp.down = false;
    const state = 'a'.repeat(64);
    const sealed = runtime.vault.encrypt('a verifier', `connect:${state}`);
    await pool.query(
      `insert into sluice.connect_flows (state, connection_id, browser, sealed, redirect_uri, expires_at)
       values ($1, $2, 'x', $3, 'http://127.0.0.1/oauth/callback', now() + interval '15 minutes')`,
      [state, under, sealed],
    );
    const [old = ''] = fleet.env.SLUICE_ENCRYPTION_KEYS?.split(':').slice(1) ?? [];
    const keys = [
      { id: 'next', key: Buffer.alloc(32, 9) },
      { id: 'test', key: Buffer.from(old, 'base64') },
    ];
    await rotateKeys(runtime.db, createVault(createKeyring(keys)));
    const vault = createVault(createKeyring(keys.slice(0, 1)));
    try {
      const flow = await pool.query(`select sealed from sluice.connect_flows where state = $1`, [state]);
      expect(vault.decrypt(flow.rows[0].sealed, `connect:${state}`)).toBe('a verifier');
      await pool.query(`update sluice.grant_revocations set next_attempt_at = now()`);
      const net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
      const servers = createAuthorizationServers({ fetch: net.fetch, now: Date.now });
      expect(await revokeGrants({ ...runtime, servers, vault })).toBe(1);
      expect(idp.revocations).toContain(token);
      await net.close();
    } finally {
      await pool.query(`delete from sluice.connect_flows where state = $1`, [state]);
      await rotateKeys(runtime.db, createVault(createKeyring(keys.toReversed())));
    }
  });
});

describe('/v1', () => {
  test('takes one of the keys, and answers problem documents', async () => {
    const id = await newConnection();
    for (const key of [KEY, 'other-key-of-a-test-1'])
      expect((await api('GET', `/v1/connections/${id}`, undefined, key)).status).toBe(200);
    const refused = await api('GET', `/v1/connections/${id}`, undefined, 'wrong');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.headers.get('www-authenticate')).toContain('Bearer');
    expect(refused.json).toMatchObject({ status: 401, code: 'api_key_required' });
    const unknown = await api('GET', '/v1/connections/nobody');
    expect(unknown.json).toMatchObject({ status: 404, code: 'not_found', advice: expect.any(String) });
    expect((await api('GET', '/v1/nothing')).json).toMatchObject({ status: 404, code: 'route_not_found' });
  });

  test.each([
    ['an unknown member', '{"returnTo":"/"}', 'application/json', /unknown "returnTo"/],
    ['a wrong type', '{"returnUrl":5}', 'application/json', /body.returnUrl/],
    ['no JSON', '{', 'application/json', /not valid JSON/],
    ['another type', 'returnUrl=%2F', 'application/x-www-form-urlencoded', /not sent as JSON/],
    ['a list', '[]', 'application/json', /body/],
  ])('refuses a body with %s', async (_, body, type, message) => {
    const id = await newConnection();
    const answer = await fetch(`${web.url}/v1/connections/${id}/connect-link`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': type },
      body,
    });
    const problem = (await answer.json()) as { code: string; detail: string };
    const other = type !== 'application/json';
    expect([answer.status, problem.code]).toEqual(
      other ? [415, 'media_type_unsupported'] : [400, 'request_invalid'],
    );
    expect(problem.detail).toMatch(message);
  });

  test('keeps mappings of the records that can be mapped', async () => {
    const id = await newConnection({ credentials: { apiKey: 'k' } });
    const path = `/v1/connections/${id}/mappings`;
    expect((await api('GET', path)).json).toEqual({ data: [], next: null });
    await fleet.sync(id);
    expect((await api('GET', path)).json.data).toEqual([
      { external: 's1', own: null, stream: 'sites', name: 'Studio one' },
      { external: 's2', own: null, stream: 'sites', name: 'Studio two' },
    ]);
    const put = await api('PUT', path, { data: [{ external: 's2', own: 'shop-2', name: 'ignored' }] });
    expect(put.status).toBe(200);
    expect(put.json.data).toMatchObject([{ own: null }, { own: 'shop-2', name: 'Studio two' }]);
    const page = (await api('GET', `${path}?limit=1`)).json;
    expect(page).toMatchObject({ data: [{ external: 's1' }], next: expect.any(String) });
    expect((await api('GET', `${path}?limit=1&cursor=${page.next}`)).json).toMatchObject({
      data: [{ external: 's2' }],
      next: null,
    });
    // what GET answers may be sent back
    expect((await api('PUT', path, (await api('GET', path)).json)).status).toBe(200);
    for (const data of [
      [{ external: 'nobody', own: 'x' }],
      [
        { external: 's1', own: 'x' },
        { external: 's1', own: 'y' },
      ],
      [{ external: 's1', own: ' ' }],
      [{ external: 's1', own: 'a\u0000b' }],
      [{ external: 's1', own: '' }],
    ])
      expect((await api('PUT', path, { data })).json).toMatchObject({ status: 400, code: 'request_invalid' });
    expect((await api('GET', path)).json.data[1].own).toBe('shop-2');
    expect((await api('GET', `${path}?limit=0`)).status).toBe(400);
    expect((await api('PUT', path, { data: [] })).json.data).toMatchObject([{ own: null }, { own: null }]);
    await fleet.connect('unmappable');
    expect((await api('GET', '/v1/connections/unmappable/mappings')).json.code).toBe('request_invalid');
  });
});
