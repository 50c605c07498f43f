import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { giveConsent } from '../../sandbox/consent.ts';
import { startLoke, type LokeSandbox } from '../../sandbox/loke/server.ts';
import { connectingAs } from '../../src/commands/audited-api.ts';
import { mappingsPagesOf } from '../../src/commands/mappings-pages.ts';
import { findGrant } from '../../src/store/grants.ts';
import { createWebApp } from '../../src/web/app.ts';
import { startServer, type RunningServer } from '../../src/web/server.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { createClient, field, PASSWORD, type Client } from './site.ts';

let loke: LokeSandbox;
let fleet: Fleet;
let web: RunningServer;
/** in front of the simulated API: a test may change what the organizations' list says */
let gate: Server;
let answerOrganizations: (rows: { id: string; name: string }[]) => { status: number; body: unknown };
let log: string[];

beforeAll(async () => {
  log = [];
  loke = await startLoke({ records: { organizations: 3, customers: 6 } });
  gate = createServer((request, response) => {
    const headers = { authorization: request.headers.authorization ?? '' };
    void fetch(loke.urls.api + (request.url ?? ''), { headers }).then(async (answer) => {
      const rows = (await answer.json()) as { id: string; name: string }[];
      const isList = answer.ok && request.url === '/organizations';
      const { status, body } = isList ? answerOrganizations(rows) : { status: answer.status, body: rows };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => void gate.listen(0, '127.0.0.1', resolve));
  fleet = await startFleet({ log });
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
    apiKeys: [],
    metricsOpen: false,
    publicUrl: web.url,
    logger: runtime.logger,
    now: Date.now,
    admin: { password: PASSWORD, sessionSecret: 'session secret' },
    connector: runtime.connector,
    connectorAs: (actor) => connectingAs(runtime, actor),
    mappings: mappingsPagesOf(runtime),
  });
  loke.allowRedirect(`${web.url}/oauth/callback`);
  await fleet.connect('venues', {
    provider: 'loke',
    settings: {},
    credentials: loke.credentials,
    endpoints: {
      issuer: loke.urls.issuer,
      api: `http://127.0.0.1:${(gate.address() as AddressInfo).port}`,
    },
    streams: ['organizations', 'locations'],
  });
  passThrough();
  expect((await fleet.sync('venues')).status).toBe('succeeded');
});
afterAll(async () => {
  await web?.close();
  await fleet?.close();
  gate?.closeAllConnections();
  gate?.close();
  await loke?.close();
});
afterEach(() => passThrough());

function passThrough(): void {
  answerOrganizations = (rows) => ({ status: 200, body: rows });
}

const PATH = '/connections/venues/mappings';

async function consent(account: string): Promise<{ status: number; text: string }> {
  const { url } = await fleet.runtime.connector.createLink('venues', { publicUrl: web.url });
  return giveConsent(url, { account });
}

async function loggedIn(): Promise<Client> {
  const client = createClient(web.url);
  await client.login();
  return client;
}

async function open(client: Client, path = PATH): Promise<string> {
  const answer = await client.get(path);
  expect(answer.status).toBe(200);
  return answer.text();
}

/** The text of each row of the table below a heading, tags taken out. */
function rows(page: string, heading: string): string[] {
  const section = new RegExp(`<h2 id="${heading}">.*?</section>`, 's').exec(page)?.[0] ?? '';
  const body = /<tbody.*?<\/tbody>/s.exec(section)?.[0] ?? '';
  return Array.from(body.matchAll(/<tr.*?<\/tr>/gs), ([row]) => row.replaceAll(/<[^>]*>/g, ' ').trim());
}

/** The mirror's organizations, by name. */
function organizations(): { id: string; name: string }[] {
  return loke.source.list('organizations').map(({ id, name }) => ({ id: String(id), name: String(name) }));
}

describe('the look around after a consent', () => {
  test('shows an operator what the person reaches and what the application does', async () => {
    const client = await loggedIn();
    expect(await open(client)).toContain('Nobody has looked yet');
    const done = await consent('loke-user-2');
    expect(done.status).toBe(200);
    const page = await open(client);
    const seen = rows(page, 'setup');
    expect(seen).toHaveLength(3);
    expect(seen.filter((row) => row.includes('application and loke-user-2'))).toHaveLength(1);
    expect(seen.filter((row) => row.includes('application only'))).toHaveLength(2);
    expect(page).toContain(`href="${loke.installLink}"`);
  });

  test('tells the person who consented of his own organizations alone', async () => {
    const { text } = await consent('loke-user-2');
    const own = loke.accounts.find(({ id }) => id === 'loke-user-2')?.organizations ?? new Set();
    const [mine, others] = [
      organizations().filter(({ id }) => own.has(id)),
      organizations().filter(({ id }) => !own.has(id)),
    ];
    expect([mine.length, others.length]).toEqual([1, 2]);
    for (const { name } of mine) expect(text).toContain(name);
    for (const { id, name } of others) {
      expect(text).not.toContain(name);
      expect(text).not.toContain(id);
    }
    expect(text).toContain(loke.installLink);
    expect(text).toContain(`href="${PATH}"`);
  });

  test('gives the install link for what the person reaches and the application does not', async () => {
    const [missing = ''] = loke.uninstalled();
    // the application sees three organizations, this person one of them
    answerOrganizations = (list) =>
      list.length === 1
        ? { status: 200, body: [...list, { id: missing, name: 'Without the add-on' }] }
        : { status: 200, body: list };
    const { text } = await consent('loke-user-2');
    expect(text).toMatch(/Without the add-on <span class="state warn">not connected yet/);
    const seen = rows(await open(await loggedIn()), 'setup');
    expect(seen[0]).toMatch(/Without the add-on.*loke-user-2 only.*Install it there/s);
    expect(seen.slice(1).join()).not.toContain('Install it there');
  });

  test('that fails says so, and leaves the consent as it is', async () => {
    answerOrganizations = () => ({ status: 400, body: { message: 'not today' } });
    const { status, text } = await consent('loke-user-2');
    expect(status).toBe(200);
    expect(text).toContain('<h1>Connected again</h1>');
    expect(text).toContain('provider_refused');
    const page = await open(await loggedIn());
    expect(page).toContain('provider_refused');
    expect(await findGrant(fleet.runtime.db.pool, 'venues')).toMatchObject({
      account_label: 'loke-user-2',
      refresh_token: null,
    });
  });

  test('keeps no token of the person anywhere', async () => {
    const tokens: string[] = [];
    const remember = (request: { headers: { authorization?: string } }): void => {
      tokens.push((request.headers.authorization ?? '').replace('Bearer ', ''));
    };
    gate.on('request', remember);
    await consent('loke-user-2');
    gate.off('request', remember);
    expect(new Set(tokens).size).toBe(2);
    const { pool } = fleet.runtime.db;
    const tables = await pool.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    let everything = log.join('\n');
    for (const { name } of tables.rows) {
      const { rows: stored } = await pool.query<{ row: string }>(
        `select row_to_json(t)::text as row from ${name} t`,
      );
      everything += stored.map(({ row }) => row).join('\n');
    }
    expect(everything).toContain('loke-user-2');
    for (const token of tokens) {
      expect(token.length).toBeGreaterThan(20);
      expect(everything).not.toContain(token);
    }
  });
});

describe('the page of mappings', () => {
  test('is for operators, and says where a connection is unknown or has nothing to map', async () => {
    const stranger = await createClient(web.url).get(PATH);
    expect(stranger.headers.get('location')).toBe(`/login?next=${encodeURIComponent(PATH)}`);
    const client = await loggedIn();
    expect((await client.get('/connections/nobody/mappings')).status).toBe(404);
    await fleet.connect('people');
    const nothing = await client.get('/connections/people/mappings');
    expect(nothing.status).toBe(400);
    expect(await nothing.text()).toContain('no organizations or locations');
  });

  test('saves what was typed and shows it again, and leaves alone what was not touched', async () => {
    const client = await loggedIn();
    const page = await open(client);
    expect(rows(page, 'mappings')).toHaveLength(3 + 6);
    const [one, two, three] = organizations().map(({ id }) => id) as [string, string, string];
    const csrf = field(page, 'csrf');
    const send = (own: [string, string, string][]): Promise<Response> =>
      client.send(PATH, {
        method: 'POST',
        headers: { accept: 'text/html', origin: web.url },
        body: new URLSearchParams([
          ['csrf', csrf],
          ...own.flatMap(([external, was, now]) => [
            ['external', external] as [string, string],
            ['was', was] as [string, string],
            ['own', now] as [string, string],
          ]),
        ]),
      });
    const saved = await send([
      [one, '', 'shop "1" <b>'],
      [two, '', ''],
    ]);
    expect([saved.status, saved.headers.get('location')]).toEqual([303, `${PATH}?saved=`]);
    const shown = await open(client, `${PATH}?saved=`);
    expect(shown).toContain('value="shop &quot;1&quot; &lt;b&gt;"');
    expect(shown).toContain('role="status"');
    // another operator has this page open since before: what he doesn't change stays
    await send([
      [one, '', ''],
      [three, '', 'shop-3'],
    ]);
    const both = await open(client);
    expect(both).toContain('value="shop &quot;1&quot;');
    expect(both).toContain('value="shop-3"');
    await send([[three, 'shop-3', '']]);
    expect(await open(client)).not.toContain('value="shop-3"');
  });

  test('keeps what was typed where it is refused, and saves nothing of it', async () => {
    const client = await loggedIn();
    const page = await open(client);
    const fields = { csrf: field(page, 'csrf'), was: '', external: organizations()[1]?.id ?? '' };
    const refused = await client.post(PATH, { ...fields, own: 'x'.repeat(201) });
    expect(refused.status).toBe(400);
    const text = await refused.text();
    expect(text).toContain('Nothing was saved.');
    expect(text).toContain('x'.repeat(201));
    expect(await open(client)).not.toContain('xxx');
    const unknown = await client.post(PATH, { ...fields, external: 'made-up', own: 'a' });
    expect(unknown.status).toBe(400);
    const torn = await client.post(PATH, { csrf: fields.csrf, external: 'a' });
    expect(torn.status).toBe(400);
  });

  test('takes no form of another site, of another session or of none', async () => {
    const client = await loggedIn();
    const csrf = field(await open(client), 'csrf');
    const fields = { csrf, external: organizations()[1]?.id ?? '', was: '', own: 'stolen' };
    expect((await client.post(PATH, fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await client.post(PATH, { ...fields, csrf: 'made-up' })).status).toBe(403);
    expect((await createClient(web.url).post(PATH, fields)).status).toBe(401);
    expect((await (await loggedIn()).post(PATH, fields)).status).toBe(403);
    expect(await open(client)).not.toContain('stolen');
  });
});
