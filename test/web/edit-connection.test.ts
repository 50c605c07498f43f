/** A stored connection edited by form: what is kept, what is shown, who is refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { editingOf } from '../../src/commands/edit-connection.ts';
import { findConnection } from '../../src/store/connections.ts';
import { listAudit } from '../../src/store/audit.ts';
import { storedInput } from '../../src/sync/load-connection.ts';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { createClient, field, type Client } from './site.ts';

const NEW_SECRET = 'canary-new-secret-77aa';

let fleet: Fleet;
let web: TestConsole;
let secret = '';

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 5 } });
  web = await startConsole(fleet);
  secret = String(fleet.lucca.credentials.clientSecret);
});
afterAll(async () => {
  await web?.close();
  await fleet?.close();
});

/** What the form doesn't show, besides what it does. */
const body = () => ({
  provider: 'lucca',
  settings: fleet.lucca.settings,
  credentials: fleet.lucca.credentials,
  endpoints: { token: fleet.lucca.urls.token, api: fleet.lucca.urls.api },
  streams: ['employees', 'vouchers'],
  schedule: '0 6 * * *',
  timezone: 'Europe/Paris',
  limits: { requestsPerMinute: 100_000, pageSize: 50 },
  retry: { attempts: 3, baseDelay: '50ms', maxDelay: '200ms' },
  retention: { changes: '40d' },
  webhooks: { apply: 'payload' },
  customStreams: [
    { name: 'vouchers', path: '/departments', items: 'items', id: 'id', scopes: ['departments.readonly'] },
  ],
});

const put = async (id: string, given: object): Promise<void> => {
  const answer = await web.ask('PUT', `/v1/connections/${id}`, given);
  expect(answer.ok, await answer.clone().text()).toBe(true);
};
beforeEach(() => put('acme', body()));

const text = (page: string): string =>
  page
    .replaceAll(/<style.*?<\/style>/gs, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll(/\s+/g, ' ');
const open = async (path: string, who: Client = web.me): Promise<string> => {
  const answer = await who.get(path);
  expect(answer.status, path).toBe(200);
  return answer.text();
};
async function stored(id = 'acme') {
  const row = await findConnection(fleet.runtime.db.pool, id);
  if (row === undefined) throw new Error(`no ${id}`);
  return storedInput(row, fleet.runtime.vault);
}

/** The form's fields as a browser would send them back untouched, then those of `typed`. */
async function filled(typed: Record<string, string | readonly string[]> = {}, id = 'acme') {
  const page = await open(`/connections/${id}/edit`);
  const form = new URLSearchParams();
  const main = page.slice(page.indexOf('<main'));
  for (const [tag] of main.matchAll(/<input [^>]*>/g)) {
    const of = (name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '';
    if (of('type') === 'checkbox' && !tag.includes(' checked')) continue;
    form.append(of('name'), of('value'));
  }
  for (const [name, value] of Object.entries(typed)) {
    form.delete(name);
    for (const one of [value].flat()) form.append(name, one);
  }
  return form;
}
const send = (form: URLSearchParams, id = 'acme', who: Client = web.me): Promise<Response> =>
  who.send(`/connections/${id}/edit`, {
    method: 'POST',
    headers: { accept: 'text/html', origin: web.url },
    body: form,
  });
/** The preview of an edit. */
async function preview(typed: Record<string, string | readonly string[]>, id = 'acme'): Promise<string> {
  const form = await filled({ intent: 'preview', ...typed }, id);
  const answer = await send(form, id);
  const page = await answer.text();
  expect(answer.status, text(page)).toBe(200);
  return page;
}
const confirm = (page: string, more: Record<string, string> = {}, id = 'acme'): Promise<Response> =>
  send(
    new URLSearchParams({
      csrf: field(page, 'csrf'),
      draft: field(page, 'draft'),
      intent: 'store',
      ...more,
    }),
    id,
  );

describe('the form of a stored connection', () => {
  test('is filled with what is stored, and holds no secret', async () => {
    const page = await open('/connections/acme/edit');
    expect(page).toContain(`name="settings.host" aria-describedby="settings-host-help" required`);
    expect(page).toContain(`value="${String(fleet.lucca.settings.host)}"`);
    expect(page).toContain(`value="${String(fleet.lucca.credentials.clientId)}"`);
    expect(page).toContain(`value="${fleet.lucca.urls.token}"`);
    expect(page).toMatch(/value="employees" checked/);
    expect(page).toMatch(/value="vouchers" checked/);
    expect(page).not.toMatch(/value="departments" checked/);
    expect(page).toContain('value="0 6 * * *"');
    expect(page).toContain('value="Europe/Paris"');
    expect(page).not.toContain(secret);
    const said = text(page);
    expect(said).toContain('One is stored: leave it empty to keep it; what you type replaces it.');
    expect(said).toContain('left as it is: limits, retry, retention, webhooks, customStreams.');
    expect(page).not.toMatch(/name="credentials.clientSecret"[^>]* required/);
    expect(await open('/connections/acme')).toContain('href="/connections/acme/edit"');
  });

  test('that is sent back untouched changes nothing, and says so', async () => {
    const before = await stored();
    const answer = await send(await filled({ intent: 'preview' }));
    expect(answer.status).toBe(200);
    const page = await answer.text();
    expect(text(page)).toContain('Nothing would change');
    expect(page).not.toContain('name="draft"');
    expect(await stored()).toEqual(before);
  });

  test('is not there for whom there is none, and not without a session', async () => {
    expect((await web.me.get('/connections/nobody/edit')).status).toBe(404);
    const stranger = createClient(web.url);
    expect((await stranger.get('/connections/acme/edit')).headers.get('location')).toBe(
      `/login?next=${encodeURIComponent('/connections/acme/edit')}`,
    );
  });
});

describe('an edit', () => {
  test('is tried, shown key by key, and then stored; what the form does not show stays', async () => {
    const before = await stored();
    const page = await preview({ schedule: 'every 10m', timezone: '', streams: ['employees'] });
    const said = text(page);
    expect(said).toMatch(/streams employees, vouchers employees schedule 0 6 \* \* \* every 10m timezone/);
    expect(said).toContain('with these changes, and works.');
    expect(said).toContain('stays as it is: limits , retry');
    expect(page).toContain('clientSecret: ${ACME_CLIENT_SECRET}');
    expect(page).toContain('schedule: every 10m');
    expect(page).toContain('changes: 40d');
    expect(page).not.toContain(secret);
    expect(await stored()).toEqual(before);

    const done = await confirm(page);
    expect(done.headers.get('location'), await done.clone().text()).toBe('/connections/acme');
    expect(await stored()).toEqual({
      ...before,
      schedule: 'every 10m',
      timezone: 'UTC',
      streams: ['employees'],
    });
    expect(text(await open('/connections/acme'))).toContain('Changed.');
    const [entry] = await listAudit(fleet.runtime.db, { limit: 1 });
    expect(entry).toMatchObject({
      actor: { kind: 'operator' },
      action: 'connection.put',
      connection: 'acme',
      outcome: 'done',
      details: { provider: 'lucca', keys: ['streams', 'schedule', 'timezone'], created: false },
    });
    expect((await fleet.sync('acme')).status).toBe('succeeded');
  });

  test('keeps a secret that was left empty, and replaces one that was typed', async () => {
    await confirm(await preview({ schedule: 'manual' }));
    expect((await stored()).credentials.clientSecret).toBe(secret);

    const page = await preview({ 'credentials.clientSecret': NEW_SECRET, intent: 'unchecked' });
    expect(text(page)).toContain('credentials.clientSecret one, not shown another one, not shown');
    expect(page).not.toContain(NEW_SECRET);
    expect(page).not.toContain(secret);
    // on its way to the confirmation it is encrypted
    expect(Buffer.from(field(page, 'draft'), 'base64').toString('latin1')).not.toContain(NEW_SECRET);
    expect((await confirm(page)).status).toBe(303);
    expect((await stored()).credentials.clientSecret).toBe(NEW_SECRET);
    const [entry] = await listAudit(fleet.runtime.db, { limit: 1 });
    expect(entry).toMatchObject({ details: { keys: ['credentials.clientSecret'] } });
    expect(JSON.stringify(entry)).not.toContain(NEW_SECRET);
  });

  test('is tried at the provider, and not offered for storing where that fails', async () => {
    const form = await filled({ intent: 'preview', 'credentials.clientSecret': NEW_SECRET });
    const answer = await send(form);
    const page = await answer.text();
    expect(answer.status).toBe(422);
    expect(text(page)).toMatch(/The check did not succeed; nothing was stored.*invalid_client/);
    expect(page).toContain('value="unchecked"');
    expect(page).not.toContain('name="draft"');
    expect(page).not.toContain(NEW_SECRET);
    expect((await stored()).credentials.clientSecret).toBe(secret);
    await fleet.tokens.forgetFailures();
  });

  test('that works leaves a stored one that does not waiting until it is stored', async () => {
    await put('acme', { ...body(), credentials: { ...fleet.lucca.credentials, clientSecret: NEW_SECRET } });
    const { pool } = fleet.runtime.db;
    const state = async (): Promise<unknown> =>
      (await pool.query(`select state from sluice.connections where id = 'acme'`)).rows[0];
    await pool.query(
      `update sluice.connections set state = 'needs_attention', state_reason = 'refused' where id = 'acme'`,
    );
    const page = await preview({ 'credentials.clientSecret': secret });
    expect(text(page)).toContain('with these changes it is active again');
    expect(await state()).toEqual({ state: 'needs_attention' });
    await confirm(page);
    expect(await state()).toEqual({ state: 'active' });
  });

  test('says beside each field what is wrong, and keeps what was typed', async () => {
    const form = await filled({
      intent: 'preview',
      'settings.host': 'evil.example',
      schedule: 'sometimes',
      'credentials.clientSecret': NEW_SECRET,
    });
    const answer = await send(form);
    const page = await answer.text();
    expect(answer.status).toBe(422);
    expect(page).toMatch(/id="settings-host-help"><p class="wrong">/);
    expect(page).toMatch(/id="schedule-help"><p class="wrong">/);
    expect(page).toContain('value="evil.example"');
    expect(page).not.toContain(NEW_SECRET);
  });

  test('can not have a secret sent elsewhere by whoever does not know it', async () => {
    const elsewhere = 'http://127.0.0.1:9/elsewhere';
    const answer = await send(await filled({ intent: 'preview', 'endpoints.token': elsewhere }));
    const page = await answer.text();
    expect(answer.status).toBe(422);
    expect(page).toMatch(
      /id="credentials-clientSecret-help"><p class="wrong">must be entered again: endpoints would change/,
    );
    const kept = await filled({
      intent: 'preview',
      'endpoints.token': elsewhere,
      'credentials.clientSecret': NEW_SECRET,
      keep: 'clientSecret',
    });
    expect((await send(kept)).status).toBe(422);
    const known = { 'endpoints.token': `${fleet.lucca.urls.token}?`, 'credentials.clientSecret': secret };
    expect(text(await preview(known))).toContain('endpoints.token');
  });

  test('leads back to the form with what was typed, but for secrets', async () => {
    const page = await preview({ schedule: 'every 3h', 'credentials.clientSecret': secret });
    const back = await confirm(page, { intent: 'back' });
    const form = await back.text();
    expect(form).toContain('value="every 3h"');
    expect(form).not.toContain(secret);
  });
});

describe('secrets that are rotated', () => {
  const secrets = async (): Promise<unknown> => (await stored()).credentials.clientSecret;

  test('stand side by side, and the older one goes when the rotation is over', async () => {
    const rotated = { 'credentials.clientSecret': NEW_SECRET, keep: 'clientSecret' };
    const page = await preview(rotated);
    expect(text(page)).toContain('2 while it is rotated, not shown');
    await confirm(page);
    expect(await secrets()).toEqual([NEW_SECRET, secret]);
    // the second one is taken where the first is refused
    expect((await fleet.sync('acme')).status).toBe('succeeded');
    const both = await open('/connections/acme/edit');
    expect(text(both)).toContain('2 are stored');
    expect(await open('/connections/acme/edit')).toContain('name="drop"');

    const over = await preview({ drop: 'clientSecret', intent: 'unchecked' });
    await confirm(over);
    expect(await secrets()).toBe(NEW_SECRET);
  });

  test('can be entered both, for a new connection too', async () => {
    await confirm(await preview({ 'second.clientSecret': NEW_SECRET }));
    expect(await secrets()).toEqual([secret, NEW_SECRET]);

    const page = await open('/connections/new?provider=lucca');
    const answer = await web.me.post('/connections/new', {
      csrf: field(page, 'csrf'),
      provider: 'lucca',
      id: 'rotating',
      'settings.host': String(fleet.lucca.settings.host),
      'credentials.clientId': String(fleet.lucca.credentials.clientId),
      'credentials.clientSecret': NEW_SECRET,
      'second.clientSecret': secret,
      'endpoints.token': fleet.lucca.urls.token,
      'endpoints.api': fleet.lucca.urls.api,
      schedule: 'manual',
      intent: 'add',
    });
    expect(answer.status, await answer.clone().text()).toBe(303);
    expect((await stored('rotating')).credentials.clientSecret).toEqual([NEW_SECRET, secret]);
    const added = await open('/connections/rotating/added');
    expect(added).toContain('${ROTATING_CLIENT_SECRET_2}');
  });

  test('are removed where they are optional, and refused where two things are said of one', async () => {
    await put('acme', { ...body(), credentials: { ...fleet.lucca.credentials, webhookSecret: 'hook' } });
    const unclear = await send(
      await filled({ intent: 'preview', forget: 'webhookSecret', 'credentials.webhookSecret': 'x' }),
    );
    expect(unclear.status).toBe(422);
    expect(await unclear.text()).toMatch(
      /id="credentials-webhookSecret-help"><p class="wrong">is to be removed/,
    );
    await confirm(await preview({ forget: 'webhookSecret' }));
    expect((await stored()).credentials).toEqual(fleet.lucca.credentials);
    const required = await send(await filled({ intent: 'preview', forget: 'clientSecret' }));
    expect(required.status).toBe(422);
  });
});

describe('an edit is refused', () => {
  test('without the form’s proof, from another session and from another site', async () => {
    const before = await stored();
    const page = await preview({ schedule: 'every 4h' });
    expect((await confirm(page, { csrf: 'made-up' })).status).toBe(403);
    const form = await filled({ intent: 'preview', schedule: 'every 4h', csrf: 'made-up' });
    expect((await send(form)).status).toBe(403);
    const other = createClient(web.url);
    await other.login();
    const theirs = field(await open('/connections/acme/edit', other), 'csrf');
    expect((await confirm(page, { csrf: theirs })).status).toBe(403);
    // a preview is good in the session that it was made in alone
    const stolen = new URLSearchParams({ csrf: theirs, draft: field(page, 'draft'), intent: 'store' });
    expect((await send(stolen, 'acme', other)).status).toBe(400);
    const foreign = await web.me.post(
      '/connections/acme/edit',
      { csrf: field(page, 'csrf'), draft: field(page, 'draft'), intent: 'store' },
      { origin: 'https://evil.example' },
    );
    expect(foreign.status).toBe(403);
    expect(await stored()).toEqual(before);
  });

  test('where somebody else was faster, with what to do', async () => {
    const form = await filled({ intent: 'preview', schedule: 'every 5h' });
    const page = await preview({ schedule: 'every 5h' });
    await put('acme', { ...body(), schedule: 'every 6h' });
    for (const answer of [await send(form), await confirm(page), await confirm(page, { intent: 'back' })]) {
      expect(answer.status).toBe(409);
      const said = text(await answer.text());
      expect(said).toContain('acme was changed by somebody else in the meantime.');
      expect(said).toContain('connection_changed');
    }
    expect((await stored()).schedule).toBe('every 6h');
    const [entry] = await listAudit(fleet.runtime.db, { action: 'connection.put', limit: 1 });
    expect(entry).toMatchObject({
      actor: { kind: 'operator' },
      outcome: 'failed',
      code: 'connection_changed',
    });
    // one that was removed and made again is another one
    const again = await preview({ schedule: 'every 7h' });
    await web.ask('DELETE', '/v1/connections/acme');
    await put('acme', { ...body(), schedule: 'every 6h' });
    expect((await confirm(again)).status).toBe(409);
  });

  test('once its preview is too old, belongs to another connection or is made up', async () => {
    await put('other', body());
    const page = await preview({ schedule: 'every 8h' });
    expect((await confirm(page, { draft: 'v1.test.AAAA' })).status).toBe(400);
    expect((await confirm(page, {}, 'other')).status).toBe(400);
    expect((await confirm(page)).status).toBe(303);

    const { runtime } = fleet;
    const now = editingOf(runtime);
    const { version, values } = await now.editable('acme');
    const how = { version, session: 'of a test', check: false };
    const { draft } = await now.tryEdit('acme', { ...values, schedule: 'every 1d' }, how);
    const later = editingOf({ ...runtime, now: () => runtime.now() + 16 * 60_000 });
    const actor = { kind: 'operator', name: 'test', source: null } as const;
    await expect(later.storeEdit(actor, 'acme', draft ?? '', how.session)).rejects.toThrow(/too old/);
    await now.storeEdit(actor, 'acme', draft ?? '', how.session);
    expect((await stored()).schedule).toBe('every 1d');
  });

  test('for a connection that a file describes: its page says what to do there', async () => {
    await fleet.connect('filed', { schedule: '0 7 * * *' });
    const page = await open('/connections/filed/edit');
    expect(text(page)).toContain('filed is described by a file, and is changed there.');
    expect(page).toContain('schedule: 0 7 * * *');
    expect(page).toContain('${FILED_CLIENT_SECRET}');
    expect(page).not.toContain(secret);
    expect(page).not.toContain('name="settings.host"');
    expect(await open('/connections/filed')).toContain('href="/connections/filed/edit"');

    // by hand, with a good token and a good version of that row
    const before = await stored('filed');
    const row = await findConnection(fleet.runtime.db.pool, 'filed');
    const form = await filled({
      intent: 'preview',
      schedule: 'every 9h',
      version: `${row?.revision}-${row?.created_at.getTime()}`,
    });
    const refused = await send(form, 'filed');
    expect(refused.status).toBe(409);
    expect(await refused.text()).toContain('connection_managed_by_file');
    // and with a draft from before a file took it over
    await put('taken', body());
    const draft = await preview({ schedule: 'every 9h' }, 'taken');
    await fleet.runtime.db.pool.query(`update sluice.connections set managed_by = 'file' where id = 'taken'`);
    const taken = await confirm(draft, {}, 'taken');
    expect(taken.status).toBe(409);
    expect(await taken.text()).toContain('connection_managed_by_file');
    expect((await stored('taken')).schedule).toBe('0 6 * * *');
    expect(await stored('filed')).toEqual(before);
    const [entry] = await listAudit(fleet.runtime.db, { action: 'connection.put', limit: 1 });
    expect(entry).toMatchObject({
      connection: 'taken',
      outcome: 'failed',
      code: 'connection_managed_by_file',
    });
  });
});

describe('a paused connection', () => {
  test('offers to resume it, and no sync that would be refused', async () => {
    await put('acme', body());
    await web.ask('POST', '/v1/connections/acme/pause');
    const page = await open('/connections/acme');
    expect(page).not.toMatch(/actions\/(?:full-)?sync"/);
    expect(page).toContain('<a class="button" href="/connections/acme/actions/resume">');
    expect(text(page)).toContain('It is paused: no run can be asked for until it is resumed.');
    await confirm(await preview({ schedule: 'every 2h' }));
    const answer = await web.ask('GET', '/v1/connections/acme');
    expect(await answer.json()).toMatchObject({ connection: { state: 'paused', schedule: 'every 2h' } });
    await web.ask('POST', '/v1/connections/acme/resume');
    expect(await open('/connections/acme')).toContain('href="/connections/acme/actions/sync"');
  });
});
