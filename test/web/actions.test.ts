/** What an operator does by the console: said before, done once, written down. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiRoutes } from '../../src/web/api/index.ts';
import { listAudit, type AuditView } from '../../src/store/audit.ts';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { createClient, field } from './site.ts';

let fleet: Fleet;
let web: TestConsole;
let tiny: TinyProvider;
let items: { id: string }[] = [];

beforeAll(async () => {
  tiny = await startTinyProvider([tinyStream('things', { paging: { style: 'none' } })]);
  tiny.answer = () => ({ body: { items } });
  fleet = await startFleet({ providers: [tiny.definition] });
  web = await startConsole(fleet);
  await fleet.connect('boxes', { ...tiny.connection, deletes: { maxShare: 0.5, minRows: 1 } });
  await fleet.runtime.db.pool.query(`update sluice.connections set managed_by = 'api' where id = 'boxes'`);
});
afterAll(async () => {
  await web?.close();
  await fleet?.close();
  await tiny?.close();
});

/** Opens the confirmation and sends its form. */
async function act(
  path: string,
  fields: Record<string, string> = {},
): Promise<{ page: string; to: string | null }> {
  const answer = await web.me.get(path);
  const page = await answer.text();
  expect(answer.status, page).toBe(200);
  const done = await web.me.post(path, { csrf: field(page, 'csrf'), ...fields });
  expect(done.status, await done.clone().text()).toBe(303);
  return { page, to: done.headers.get('location') };
}

const text = (page: string): string =>
  page.replaceAll(/<style.*?<\/style>/gs, '').replaceAll(/<[^>]*>/g, ' ');
const newest = async (): Promise<AuditView | undefined> =>
  (await listAudit(fleet.runtime.db, { limit: 1 }))[0];
const runOf = (to: string | null): string => to?.replace('/runs/', '') ?? '';
async function state(): Promise<string> {
  const answer = await web.ask('GET', '/v1/connections/boxes');
  return ((await answer.json()) as { connection: { state: string } }).connection.state;
}

describe('an action of the console', () => {
  test('asks for a run, and leaves who, what, on what and how it ended', async () => {
    items = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
    const { page, to } = await act('/connections/boxes/actions/sync');
    expect(text(page)).toContain('read from where the last sync ended');
    const run = await fleet.ended(runOf(to));
    expect(run.status).toBe('succeeded');
    expect(await newest()).toMatchObject({
      actor: { kind: 'operator', name: expect.stringMatching(/^session [0-9a-f]{12}$/), source: '127.0.0.1' },
      action: 'connection.sync',
      connection: 'boxes',
      subject: run.id,
      outcome: 'done',
      code: null,
      details: { full: false, allowDeletes: false },
    });
  });

  test('shows its flash on the next page, once', async () => {
    await act('/connections/boxes/actions/sync').then(({ to }) => fleet.ended(runOf(to)));
    // nobody has read it by this
    await web.me.send('/audit', { method: 'HEAD' });
    expect(text(await (await web.me.get('/audit')).text())).toContain('A run was asked for.');
    expect(text(await (await web.me.get('/audit')).text())).not.toContain('A run was asked for.');
    web.me.cookies.set('sluice_flash', 'constructor');
    expect((await web.me.get('/audit')).status).toBe(200);
  });

  test('pauses and resumes, and says why it can not twice', async () => {
    const { to } = await act('/connections/boxes/actions/pause');
    expect(to).toBe('/connections/boxes');
    expect(await state()).toBe('paused');
    expect(text(await (await web.me.get('/connections/boxes/actions/pause')).text())).toContain(
      'is paused already',
    );
    expect(text(await (await web.me.get('/connections/boxes/actions/sync')).text())).toContain(
      'Resume it first.',
    );
    await act('/connections/boxes/actions/resume');
    expect(await state()).toBe('active');
    expect(await newest()).toMatchObject({ action: 'connection.resume', outcome: 'done' });
  });

  test('resets one stream or all, naming them', async () => {
    const { page } = await act('/connections/boxes/actions/reset', { stream: 'things' });
    expect(text(page)).toContain('Numbers of changes go on where they are and never restart');
    expect(page).toContain('only things');
    const kept = await fleet.runtime.db.pool.query<{ restart: boolean }>(
      `select restart from sluice.streams where connection_id = 'boxes'`,
    );
    expect(kept.rows).toEqual([{ restart: true }]);
    expect(await newest()).toMatchObject({ action: 'connection.reset', details: { streams: ['things'] } });
  });

  test('allows deletes that are held, after it said how many of what; only once', async () => {
    items = [{ id: 'a' }];
    expect((await fleet.sync('boxes')).status).toBe('held');
    const { page, to } = await act('/connections/boxes/actions/allow-deletes');
    expect(text(page)).toContain('2 of 3 records of things are no longer at the source.');
    expect((await fleet.ended(runOf(to))).status).toBe('succeeded');
    expect([...(await fleet.mirror('boxes', 'things')).keys()]).toEqual(['a']);
    const again = await web.me.get('/connections/boxes/actions/allow-deletes');
    const answer = text(await again.text());
    expect(answer).toContain('holds no deletes');
    expect(answer).not.toContain('Allow, once');
    // nor by a form that no page shows any more
    const csrf = field(await (await web.me.get('/audit')).text(), 'csrf');
    const before = await newest();
    const forced = await web.me.post('/connections/boxes/actions/allow-deletes', { csrf });
    expect([forced.status, await forced.text()]).toEqual([400, expect.stringContaining('holds no deletes')]);
    expect(await newest()).toEqual(before);
  });

  test('checks, and shows each step', async () => {
    const form = await (await web.me.get('/connections/boxes/actions/check')).text();
    const answer = await web.me.post('/connections/boxes/actions/check', { csrf: field(form, 'csrf') });
    expect(answer.status).toBe(200);
    expect(text(await answer.text())).toMatch(/It works\..*configuration.*token.*api/s);
    expect(await newest()).toMatchObject({ action: 'connection.check', details: { ok: true } });
  });

  test('cancels a run', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    tiny.answer = async () => {
      await gate;
      return { body: { items } };
    };
    const { to } = await act('/connections/boxes/actions/full-sync');
    const id = runOf(to);
    await waitFor(async () => (tiny.busy.now > 0 ? true : undefined), 20_000);
    const { page } = await act(`/runs/${id}/cancel`);
    expect(text(page)).toContain('Not read to the end then: things.');
    tiny.answer = () => ({ body: { items } });
    open();
    expect((await fleet.ended(id)).status).toBe('cancelled');
    expect(text(await (await web.me.get(`/runs/${id}/cancel`)).text())).toContain(
      'This run is over: cancelled.',
    );
    expect(await newest()).toMatchObject({ action: 'run.cancel', subject: id, outcome: 'done' });
  });

  test('refuses webhooks where the provider has no API for them', async () => {
    const page = text(await (await web.me.get('/connections/boxes/actions/webhooks')).text());
    expect(page).toContain('webhooks_unavailable');
  });

  test('is refused without a session, with another session’s token, without one, and from another site', async () => {
    const path = '/connections/boxes/actions/pause';
    const stranger = createClient(web.url);
    expect((await stranger.get(path)).headers.get('location')).toBe(
      `/login?next=${encodeURIComponent(path)}`,
    );
    expect((await stranger.post(path, {})).status).toBe(401);
    await stranger.login();
    const foreign = field(await (await stranger.get(path)).text(), 'csrf');
    expect((await web.me.post(path, { csrf: foreign })).status).toBe(403);
    expect((await web.me.post(path, {})).status).toBe(403);
    const own = field(await (await web.me.get(path)).text(), 'csrf');
    expect((await web.me.post(path, { csrf: own }, { origin: 'https://evil.example' })).status).toBe(403);
    expect(await state()).toBe('active');
  });

  test('is refused by every form that changes something, unless it was sent from a page of this session', async () => {
    /** what stands for each part of a path; what a form is refused for comes before what it names */
    const named: Readonly<Record<string, string>> = {
      ':id': 'boxes',
      ':connection': 'boxes',
      ':action': 'reset',
    };
    const changing = web.routes.filter(
      ({ method, path }) =>
        !['GET', 'HEAD', 'ALL'].includes(method) && !/^\/(?:v1|queues|login)(?:\/|$)/.test(path),
    );
    const paths = [...new Set(changing.map(({ path }) => path))].map((path) =>
      path.replaceAll(/:\w+/g, (part) => named[part] ?? 'x'),
    );
    expect(paths).toEqual(
      expect.arrayContaining([
        '/connections/new',
        '/connections/boxes/actions/check',
        '/connections/boxes/actions/reset',
        '/connections/boxes/mappings',
        '/events/boxes/replay',
        '/logout',
        '/notifications/boxes/resend',
        '/runs/boxes/cancel',
      ]),
    );
    const before = await listAudit(fleet.runtime.db, { limit: 1 });
    for (const path of paths) {
      for (const fields of [{}, { csrf: '' }, { csrf: 'made-up' }] as Record<string, string>[]) {
        const answer = await web.me.post(path, fields, { accept: 'application/json' });
        expect([answer.status, await answer.json()], path).toMatchObject([
          403,
          { code: 'cross_site_request' },
        ]);
      }
      const csrf = field(await (await web.me.get('/audit')).text(), 'csrf');
      const foreign = await web.me.post(path, { csrf }, { origin: 'https://evil.example' });
      expect(foreign.status, path).toBe(403);
      const nobody = await createClient(web.url).post(path, { csrf });
      expect([nobody.status, nobody.headers.get('location')], path).toEqual(
        path === '/logout' ? [303, '/login'] : [401, null],
      );
    }
    expect(await listAudit(fleet.runtime.db, { limit: 1 })).toEqual(before);
    expect((await web.me.get('/audit')).status).toBe(200);
  });

  test.each([
    '/connections/boxes/actions/explode',
    '/connections/nobody/actions/pause',
    '/runs/nothing/cancel',
  ])('that does not exist is not found: %s', async (path) => {
    expect((await web.me.get(path)).status).toBe(404);
  });

  test('removes only by the typed id, and writes a failed attempt down too', async () => {
    await fleet.connect('crates', tiny.connection);
    const path = '/connections/crates/actions/remove';
    expect(text(await (await web.me.get(path)).text())).toContain('connection_managed_by_file');
    // nor by a form that no page of ours shows
    const made = field(await (await web.me.get('/audit')).text(), 'csrf');
    const forced = await web.me.post(path, { csrf: made, confirm: 'crates', purge: 'yes' });
    expect([forced.status, await forced.text()]).toEqual([
      409,
      expect.stringContaining('connection_managed_by_file'),
    ]);
    expect((await web.ask('GET', '/v1/connections/crates')).status).toBe(200);
    expect((await web.ask('DELETE', '/v1/connections/crates')).status).toBe(409);
    // steering it is no change of what the file says
    await act('/connections/crates/actions/pause');
    await act('/connections/crates/actions/resume');
    await fleet.runtime.db.pool.query(`update sluice.connections set managed_by = 'api' where id = 'crates'`);
    await fleet.sync('crates');
    const csrf = field(await (await web.me.get(path)).text(), 'csrf');
    const wrong = await web.me.post(path, { csrf, confirm: 'boxes', purge: 'yes' });
    expect(wrong.status).toBe(400);
    expect((await fleet.mirror('crates', 'things')).size).toBe(1);
    expect((await web.me.post(path, { csrf, confirm: 'crates', purge: 'yes' })).headers.get('location')).toBe(
      '/connections',
    );
    expect((await fleet.mirror('crates', 'things')).size).toBe(0);
    expect(await newest()).toMatchObject({
      action: 'connection.remove',
      connection: 'crates',
      details: { purge: true, records: 1 },
    });
  });
});

describe('the audit log', () => {
  const body = {
    provider: 'lucca',
    settings: { host: 'x.ilucca.net' },
    credentials: { clientId: 'i', clientSecret: 'hush-hush' },
  };
  /** what each changing route of `/v1` is called with; a new route has to be added here, and leave its entry */
  const calls: Readonly<Record<string, { path: string; body?: unknown; action: string }>> = {
    'PUT /v1/connections/:id': { path: '/v1/connections/by-api', body, action: 'connection.put' },
    'POST /v1/connections/:id/sync': {
      path: '/v1/connections/boxes/sync',
      body: {},
      action: 'connection.sync',
    },
    'POST /v1/connections/:id/pause': { path: '/v1/connections/boxes/pause', action: 'connection.pause' },
    'POST /v1/connections/:id/resume': { path: '/v1/connections/boxes/resume', action: 'connection.resume' },
    'POST /v1/connections/:id/reset': {
      path: '/v1/connections/boxes/reset',
      body: {},
      action: 'connection.reset',
    },
    'POST /v1/connections/:id/check': { path: '/v1/connections/boxes/check', action: 'connection.check' },
    'POST /v1/connections/:id/connect-link': {
      path: '/v1/connections/boxes/connect-link',
      body: {},
      action: 'connection.connect_link',
    },
    'PUT /v1/connections/:id/mappings': {
      path: '/v1/connections/boxes/mappings',
      body: { data: [] },
      action: 'mappings.set',
    },
    'POST /v1/connections/:id/webhooks': {
      path: '/v1/connections/boxes/webhooks',
      body: {},
      action: 'webhooks.register',
    },
    'POST /v1/events/:id/replay': { path: '/v1/events/no-such-event/replay', action: 'events.replay' },
    'POST /v1/runs/:id/cancel': { path: '/v1/runs/no-such-run/cancel', action: 'run.cancel' },
    'DELETE /v1/connections/:id': { path: '/v1/connections/by-api', action: 'connection.remove' },
  };
  const changing = apiRoutes
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path}`);

  test.each([...changing].sort((a, b) => Object.keys(calls).indexOf(a) - Object.keys(calls).indexOf(b)))(
    'has an entry of %s, with the key by its fingerprint, whether it succeeds or fails',
    async (route) => {
      const call = calls[route];
      if (call === undefined) throw new Error(`say above how ${route} is called`);
      const answer = await web.ask(route.split(' ')[0] ?? '', call.path, call.body);
      const entry = await newest();
      expect(entry).toMatchObject({
        actor: { kind: 'api_key', name: expect.stringMatching(/^key [0-9a-f]{12}$/) },
        action: call.action,
        outcome: answer.ok ? 'done' : 'failed',
        code: answer.ok ? null : ((await answer.json()) as { code: string }).code,
      });
      expect(JSON.stringify(entry)).not.toMatch(/hush-hush|a-key-of-this-test/);
    },
  );

  test('is read page by page, and by connection, action and who', async () => {
    const { pool } = fleet.runtime.db;
    await pool.query(
      `insert into sluice.audit_log (actor_kind, actor, action, connection_id)
       select 'command', 'root@host', 'connection.pause', 'many' from generate_series(1, 60)`,
    );
    const first = await (await web.me.get('/audit?connection=many')).text();
    const older =
      /href="(\/audit\?connection=many&amp;before=\d+)"/.exec(first)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await (await web.me.get(older)).text();
    const rows = (page: string): number => page.match(/connection\.pause<span/g)?.length ?? 0;
    expect([rows(first), rows(second)]).toEqual([50, 10]);
    expect(text(first)).toContain('root@host');
    const api = text(await (await web.me.get('/audit?actor=api_key&action=connection.put')).text());
    expect(api).toContain('connection.put');
    expect(api).not.toContain('connection.pause');
    expect((await web.me.get('/audit?actor=somebody')).status).toBe(400);
  });

  test('names an apply under each connection that it changed', async () => {
    await fleet.runtime.db.pool.query(
      `insert into sluice.audit_log (actor_kind, actor, action, outcome, details)
       values ('command', 'root@host', 'config.apply', 'done', '{"changes":[{"id":"applied","action":"create"}]}')`,
    );
    const [entry] = await listAudit(fleet.runtime.db, { connection: 'applied', limit: 5 });
    expect(entry).toMatchObject({ action: 'config.apply' });
    expect(await listAudit(fleet.runtime.db, { connection: 'appli', limit: 5 })).toEqual([]);
  });

  test('names logins and logouts', async () => {
    const other = createClient(web.url);
    await other.login();
    expect(await newest()).toMatchObject({ action: 'session.login', actor: { kind: 'operator' } });
    const csrf = field(await (await other.get('/audit')).text(), 'csrf');
    await other.post('/logout', { csrf });
    expect(await newest()).toMatchObject({ action: 'session.logout' });
  });
});
