/** Pages that steer: a connection by form, the inbox, notifications; and what Bull Board may show. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listAudit } from '../../src/store/audit.ts';
import { writeNotification } from '../../src/store/notifications.ts';
import { showPayload } from '../../src/web/steering/payload.ts';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { hearing, luccaEvent, send, settledEvents, startIntake } from '../support/webhooks.ts';
import { field } from './site.ts';

let fleet: Fleet;
let web: TestConsole;

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 5 } });
  web = await startConsole(fleet);
});
afterAll(async () => {
  await web?.close();
  await fleet?.close();
});

const text = (page: string): string =>
  page
    .replaceAll(/<style.*?<\/style>/gs, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');
const open = async (path: string): Promise<string> => {
  const answer = await web.me.get(path);
  expect(answer.status, path).toBe(200);
  return answer.text();
};

describe('a connection by form', () => {
  /** What a person types for the simulated Lucca. */
  const typed = (): Record<string, string> => ({
    provider: 'lucca',
    id: 'by-form',
    'settings.host': String(fleet.lucca.settings.host),
    'credentials.clientId': String(fleet.lucca.credentials.clientId),
    'credentials.clientSecret': String(fleet.lucca.credentials.clientSecret),
    'endpoints.token': fleet.lucca.urls.token,
    'endpoints.api': fleet.lucca.urls.api,
    streams: 'employees',
    schedule: 'manual',
    intent: 'add',
  });
  const submit = async (fields: Record<string, string>): Promise<Response> =>
    web.me.post('/connections/new', {
      csrf: field(await open('/connections/new?provider=lucca'), 'csrf'),
      ...fields,
    });
  const stored = async (): Promise<number> =>
    (await fleet.runtime.db.pool.query(`select 1 from sluice.connections where id = 'by-form'`)).rowCount ??
    0;

  test('begins with the provider, and asks for what that declares', async () => {
    expect(text(await open('/connections/new'))).toMatch(/Connect Lucca.*Connect Floriday/);
    const page = await open('/connections/new?provider=floriday');
    for (const name of ['settings.environment', 'settings.api', 'settings.version', 'credentials.apiKey'])
      expect(page).toContain(`name="${name}"`);
    expect(page).toMatch(/<option value="staging">/);
    expect(page).toMatch(/name="credentials.apiKey"[^>]*type="password"/);
    expect((await web.me.get('/connections/new?provider=nobody')).status).toBe(404);
  });

  test('says beside each field what is wrong, keeps what was typed, and never sends a secret back', async () => {
    const answer = await submit({
      ...typed(),
      id: 'Not An Id',
      'settings.host': 'evil.example',
      schedule: 'sometimes',
    });
    expect(answer.status).toBe(422);
    const page = await answer.text();
    expect(page).toMatch(/id="id-help"><p class="wrong">is not a connection id/);
    expect(page).toMatch(/id="settings-host-help"><p class="wrong">/);
    expect(page).toMatch(/id="schedule-help"><p class="wrong">/);
    expect(page).toContain('value="evil.example"');
    expect(page).toMatch(/value="employees" checked/);
    expect(page).not.toContain(String(fleet.lucca.credentials.clientSecret));
    expect(await stored()).toBe(0);
  });

  test('is tried at the provider first, and not stored where that fails', async () => {
    const answer = await submit({ ...typed(), 'credentials.clientSecret': 'wrong-secret' });
    const page = await answer.text();
    expect(answer.status, page).toBe(422);
    expect(text(page)).toMatch(/The check did not succeed; nothing was stored.*invalid_client/);
    expect(page).not.toContain('wrong-secret');
    expect(page).toContain('value="unchecked"');
    expect(await stored()).toBe(0);
    await fleet.tokens.forgetFailures();
  });

  test('is stored, synced, and shown as it stands in sluice.yaml, with names for its secrets', async () => {
    const answer = await submit(typed());
    expect(answer.headers.get('location'), await answer.clone().text()).toBe('/connections/by-form/added');
    const page = await open('/connections/by-form/added');
    expect(page).toContain('href="/connections/by-form/actions/sync"');
    expect(page).toContain('clientSecret: ${BY_FORM_CLIENT_SECRET}');
    expect(page).not.toContain(String(fleet.lucca.credentials.clientSecret));
    expect((await fleet.sync('by-form')).status).toBe('succeeded');
    const [entry] = await listAudit(fleet.runtime.db, {
      connection: 'by-form',
      action: 'connection.put',
      limit: 1,
    });
    expect(entry).toMatchObject({ outcome: 'done', details: { provider: 'lucca', created: true } });
    expect(JSON.stringify(entry)).not.toContain(String(fleet.lucca.credentials.clientSecret));
    const again = await submit(typed());
    expect(text(await again.text())).toContain('is the id of another connection');
  });

  test('can be had as sluice.yaml alone, and leads on to a consent where a person must give it', async () => {
    const yaml = await submit({ ...typed(), id: 'only-yaml', intent: 'yaml' });
    const shown = await yaml.text();
    expect(shown).toContain('clientId: ${ONLY_YAML_CLIENT_ID}');
    expect(shown).not.toContain(String(fleet.lucca.credentials.clientSecret));
    const form = await open('/connections/new?provider=lockit');
    const answer = await web.me.post('/connections/new', {
      csrf: field(form, 'csrf'),
      provider: 'lockit',
      id: 'films',
      'credentials.clientId': 'an-app',
      'credentials.clientSecret': 'its-secret',
      intent: 'add',
    });
    expect(answer.headers.get('location'), await answer.clone().text()).toBe('/connections/films/added');
    expect(await open('/connections/films/added')).toContain('href="/connect/films"');
  });
});

describe('the inbox', () => {
  const sent: string[] = [];
  beforeAll(async () => {
    await fleet.connect('acme', {
      credentials: hearing(fleet),
    });
    const intake = await startIntake(fleet.runtime);
    const bodies = [
      luccaEvent({ topic: 'employee.updated', data: { note: '<script>alert(1)</script>\u202e' } }),
      luccaEvent({ topic: 'employee.updated', data: { id: 1 } }),
    ];
    for (const body of bodies) expect((await send(`${intake.url}/acme`, body)).status).toBe(200);
    sent.push(...(await settledEvents(fleet)).map(({ id }) => id));
    await intake.close();
  });

  test('lists events by connection and status', async () => {
    const all = await open('/events?connection=acme');
    for (const id of sent) expect(all).toContain(id);
    expect(await open('/events?connection=by-form')).toContain('No event fits.');
    expect((await web.me.get('/events?status=strange')).status).toBe(400);
  });

  test('shows a payload as text that can do nothing, and no header', async () => {
    const page = await open(`/events/${sent[0]}`);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}');
    expect(page).not.toMatch(/<script>alert|\u202e|lucca-signature/);
    expect((await web.me.get('/events/nothing')).status).toBe(404);
  });

  test('applies an event again after a confirmation, and says who did', async () => {
    const id = sent[1] ?? '';
    const csrf = field(await open(`/events/${id}/replay`), 'csrf');
    expect((await web.me.post(`/events/${id}/replay`, { csrf: 'made-up' })).status).toBe(403);
    expect((await web.me.post(`/events/${id}/replay`, { csrf })).headers.get('location')).toBe(
      `/events/${id}`,
    );
    await settledEvents(fleet);
    expect(text(await open(`/events/${id}`))).toMatch(/once, last by session [0-9a-f]{12}/);
    const [entry] = await listAudit(fleet.runtime.db, { action: 'events.replay', limit: 1 });
    expect(entry).toMatchObject({ connection: 'acme', subject: id, outcome: 'done' });
    await fleet.runtime.db.pool.query(`update sluice.webhook_events set body = null where id = $1`, [id]);
    expect(await open(`/events/${id}/replay`)).toContain('event_not_replayable');
    const refused = await web.me.post(`/events/${id}/replay`, { csrf });
    expect(await refused.text()).toContain('event_not_replayable');
  });
});

describe('a payload', () => {
  test('that is no text is shown as hexadecimal, and a long one is cut between characters', () => {
    expect(showPayload(Buffer.from([0xff, 0x00, 0x10]))).toEqual({
      form: 'hex',
      text: 'ff 00 10',
      bytes: 3,
      left: 0,
    });
    const long = showPayload(Buffer.from(`x${'é'.repeat(40_000)}`));
    expect([long.form, long.text.endsWith('é'), long.bytes, long.left]).toEqual([
      'text',
      true,
      80_001,
      80_001 - 65_535,
    ]);
    expect(showPayload(Buffer.from('a\u0000b\u001b[31m\n')).text).toBe('a\\u{0}b\\u{1b}[31m\n');
  });
});

describe('notifications', () => {
  test('are listed with their state, and sent again from the log', async () => {
    const { pool } = fleet.runtime.db;
    expect(await open('/notifications')).toContain('SLUICE_NOTIFY_URL');
    const id = await writeNotification(pool, 'run.failed', { connection: 'acme', run: 'r-1' });
    await pool.query(
      `update sluice.notifications set status = 'failed', attempts = 9, last_status = 503, next_attempt_at = null where id = $1`,
      [id],
    );
    const page = text(await open('/notifications'));
    expect(page).toMatch(new RegExp(`run.failed acme, run r-1 ${id} failed .* 9 – 503`));
    const csrf = field(await open('/notifications'), 'csrf');
    expect((await web.me.post(`/notifications/${id}/resend`, { csrf })).status).toBe(303);
    expect(
      (await pool.query(`select status, attempts from sluice.notifications where id = $1`, [id])).rows,
    ).toEqual([{ status: 'pending', attempts: 0 }]);
    expect((await web.me.post(`/notifications/${id}/resend`, { csrf })).status).toBe(404);
  });
});

describe('Bull Board', () => {
  test('shows ids of a job and nothing else, whatever stands in the queue', async () => {
    await fleet.sync('by-form');
    // letters and digits alone, as an id has them too
    const secret = randomBytes(33).toString('base64').replaceAll(/[+/]/g, 'A');
    const planted = await fleet.runtime.db.pool.query(
      `update bullmq.job set data = data || jsonb_build_object('accessToken', $1::text, 'eventId', $1::text),
              failed_reason = 'refused: Bearer ' || $1 || E'\\nparams: ' || $1, return_value = to_jsonb($1::text),
              progress = jsonb_build_object('at', $1::text),
              stacktrace = jsonb_build_array('Error: token ' || $1 || E'\\n    at run (/srv/app/node_modules/some/deep/folder/file.js:1:1)')
        where queue = 'runs' returning id`,
      [secret],
    );
    expect(planted.rowCount).toBeGreaterThan(0);
    const id = (planted.rows[0] as { id: string }).id;
    await fleet.runtime.db.pool.query(
      `insert into bullmq.job_log (queue, job_id, idx, row) values ('runs', $1, 0, 'logged Bearer ' || $2)`,
      [id, secret],
    );
    const seen: string[] = [];
    for (const path of [
      '/queues/api/queues?activeQueue=runs&status=latest&page=1&jobsPerPage=50',
      '/queues/api/queues?activeQueue=webhooks&status=latest&page=1&jobsPerPage=50',
      `/queues/api/queues/runs/${id}`,
      `/queues/api/queues/runs/${id}/logs`,
    ]) {
      const answer = await web.me.get(path, { accept: 'application/json' });
      expect(answer.status, path).toBe(200);
      seen.push(await answer.text());
    }
    const all = seen.join('\n');
    expect(all).toContain('"runId":"');
    expect(all).toMatch(/"eventId":"e[0-9a-f]{28}"/);
    expect(all).toContain('file.js:1:1');
    expect(all).not.toContain(secret);
    expect(all).not.toContain(secret.slice(0, 20));
  });
});
