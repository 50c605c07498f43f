/** `/v1` as its callers see it, on a real database, the simulated provider and workers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf } from '../../src/commands/api.ts';
import { createChangeWatch, type ChangeWatch } from '../../src/sync/change-watch.ts';
import { startFleet, truth, type Fleet } from '../support/fleet.ts';
import { waitFor } from '../support/wait.ts';
import { startSite, type Site } from '../web/site.ts';
import { openCaller, operationsOf, type Answer, type Caller } from './conformance.ts';

const KEY = 'key-one';

let fleet: Fleet;
let site: Site;
let watch: ChangeWatch;
let api: Caller;
beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 30 } });
  watch = createChangeWatch(fleet.runtime.db, { everyMs: 50, onTrouble: () => undefined });
  site = await startSite({
    // its clock stands still
    apiRate: { perMinute: 1_000_000, burst: 1_000_000 },
    api: apiOf(fleet.runtime, 'http://127.0.0.1:3000', watch),
  });
  api = await openCaller(site.url, KEY);
});
afterAll(async () => {
  watch.close();
  await site.close();
  await fleet.close();
});

const SECRET = 'canary-of-the-client-secret';
const bodyOf = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  provider: 'lucca',
  settings: fleet.lucca.settings,
  credentials: fleet.lucca.credentials,
  endpoints: { token: fleet.lucca.urls.token, api: fleet.lucca.urls.api },
  streams: ['employees', 'departments'],
  schedule: 'manual',
  limits: { requestsPerMinute: 1_000_000 },
  retry: { attempts: 2, baseDelay: '50ms', maxDelay: '100ms' },
  ...more,
});
const put = (id: string, more: Readonly<Record<string, unknown>> = {}): Promise<Answer> =>
  api.call('PUT', `/v1/connections/${id}`, { body: bodyOf(more) });
const post = (
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => api.call('POST', path, { body, headers });
/** Asks for a run and waits for its end. */
const synced = async (id: string, body: unknown = {}): Promise<any> => {
  const { status, body: answer } = await post(`/v1/connections/${id}/sync`, body);
  expect(status).toBe(202);
  return waitFor(async () => {
    const { run } = (await api.get(`/v1/runs/${answer.run.id}`)).body;
    return run.finishedAt === null ? undefined : run;
  }, 30_000);
};
/** Every item of a list, a page at a time. */
const walk = async (path: string, limit: number): Promise<any[]> => {
  const items: any[] = [];
  let next: string | null = '';
  for (let pages = 0; next !== null; pages += 1) {
    expect(pages, 'the list has an end').toBeLessThan(100);
    const cursor: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`;
    const { status, body }: Answer = await api.get(
      `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor}`,
    );
    expect(status).toBe(200);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    items.push(...body.data);
    next = body.next;
  }
  return items;
};

describe('providers', () => {
  it('are listed, and shown one by one', async () => {
    const { body } = await api.get('/v1/providers');
    expect(body.data.map(({ id }: any) => id)).toEqual(expect.arrayContaining(['lucca', 'floriday']));
    const one = await api.get('/v1/providers/lucca');
    expect(one.body.provider).toEqual(body.data.find(({ id }: any) => id === 'lucca'));
    expect(await api.get('/v1/providers/luca')).toMatchObject({
      status: 404,
      body: { code: 'not_found', detail: expect.stringContaining('did you mean lucca?') },
    });
  });
});

describe('a connection', () => {
  it('is made, shown without its secrets, replaced, and removed', async () => {
    const credentials = { ...fleet.lucca.credentials, clientSecret: SECRET };
    const made = await put('made', { credentials });
    expect(made).toMatchObject({
      status: 201,
      body: { connection: { id: 'made', provider: 'lucca', state: 'active', managedBy: 'api', records: {} } },
    });
    expect(made.body.connection.streams).toEqual(['departments', 'employees']);
    const shown = await api.get('/v1/connections/made');
    expect(shown).toMatchObject({ status: 200, body: made.body });
    expect(JSON.stringify([made.body, shown.body])).not.toContain(SECRET);
    const changed = await put('made', { credentials, schedule: '0 6 * * *', timezone: 'Europe/Paris' });
    expect(changed).toMatchObject({
      status: 200,
      body: { connection: { schedule: '0 6 * * *', nextRunAt: expect.stringMatching(/Z$/) } },
    });
    expect(await api.call('DELETE', '/v1/connections/made')).toMatchObject({
      status: 200,
      body: { removed: { id: 'made', purge: false, records: 0 } },
    });
    expect((await api.get('/v1/connections/made')).status).toBe(404);
    expect((await api.call('DELETE', '/v1/connections/made')).status).toBe(404);
  });

  it('with anything wrong is refused with every problem and its fix, and no secret', async () => {
    const answer = await put('wrong', {
      credentials: { clientId: 'c', clientSecret: SECRET, password: SECRET },
      streams: ['employes'],
      schedule: 'sometimes',
      endpoints: { api: 'http://10.0.0.1' },
      unknown: 1,
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'config_invalid' } });
    const places = answer.body.problems.map(({ where }: any) => where).join(' ');
    for (const place of ['streams[0]', 'schedule', 'endpoints.api', 'unknown', 'credentials'])
      expect(places).toContain(place);
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
    const none = await api.call('PUT', '/v1/connections/wrong', { body: { provider: 'nobody' } });
    expect(none).toMatchObject({ status: 400, body: { code: 'config_invalid' } });
    const empty = await api.call('PUT', '/v1/connections/wrong', { body: { unknown: 1 } });
    expect(empty).toMatchObject({ status: 400, body: { code: 'config_invalid' } });
    expect(empty.body.problems.map(({ where }: any) => where)).toEqual(['provider', 'unknown']);
    expect(await put('not--an-id')).toMatchObject({ status: 400, body: { code: 'config_invalid' } });
    expect((await api.get('/v1/connections/wrong')).status).toBe(404);
  });

  it('that is put again as it is keeps its state', async () => {
    await put('calm');
    await post('/v1/connections/calm/pause');
    expect(await put('calm')).toMatchObject({ status: 200, body: { connection: { state: 'paused' } } });
  });

  it('keeps its credentials where the body names none, unless they would be sent elsewhere', async () => {
    await put('kept');
    const { credentials: _left, ...rest } = bodyOf({ streams: ['employees'] });
    const kept = await api.call('PUT', '/v1/connections/kept', { body: rest });
    expect(kept).toMatchObject({ status: 200, body: { connection: { streams: ['employees'] } } });
    expect((await post('/v1/connections/kept/check')).body).toMatchObject({ ok: true, error: null });
    for (const more of [
      { endpoints: { token: 'https://elsewhere.example/token' } },
      { settings: { host: 'elsewhere.ilucca.net' } },
      { oauth: { params: { audience: 'x' } } },
    ]) {
      expect(await api.call('PUT', '/v1/connections/kept', { body: { ...rest, ...more } })).toMatchObject({
        status: 400,
        body: { code: 'request_invalid', advice: 'Send the credentials with this change.' },
      });
    }
    expect((await post('/v1/connections/kept/check')).body.ok).toBe(true);
    expect(await api.call('PUT', '/v1/connections/never', { body: rest })).toMatchObject({
      status: 400,
      body: { code: 'config_invalid' },
    });
  });

  it('shows how it is configured: what is read can be put again, changed or not', async () => {
    const SECRETS = {
      clientSecret: [SECRET, 'canary-of-the-second-one'],
      webhookSecret: 'canary-of-webhooks',
    };
    const credentials = { ...fleet.lucca.credentials, ...SECRETS };
    const custom = { name: 'vouchers', path: '/vouchers', items: 'data', id: 'id' };
    const body = bodyOf({
      scopes: ['employees.readonly'],
      streams: ['employees', 'vouchers'],
      schedule: '0 6 * * *',
      timezone: 'Europe/Paris',
      tokenPolicy: 'per-flow',
      limits: { concurrency: 1, requestsPerMinute: 200, pageSize: 50 },
      deletes: { maxShare: 0.25, minRows: 7 },
      fullEvery: '3d',
      retention: { changes: '30d', events: '10d', runs: '20d' },
      webhooks: { apply: 'refetch' },
      oauth: { basicEncoding: 'form', params: { audience: 'everybody' } },
      customStreams: [
        { ...custom, paging: { style: 'next-link', at: 'links.next' } },
        {
          ...custom,
          name: 'moves',
          id: ['a', 'b'],
          query: { q: 'x' },
          changes: {
            detect: 'watermark',
            order: 'ascending',
            field: 'at',
            since: { param: 'from' },
            overlap: '90s',
          },
        },
      ],
    });
    const made = await put('shown', { ...body, credentials });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const { configuration } = made.body.connection;
    const { credentials: _secret, ...rest } = body;
    expect(configuration).toEqual({ ...rest, retry: { attempts: 2, baseDelay: '50ms', maxDelay: '100ms' } });
    await post('/v1/connections/shown/pause');

    const read = await api.get('/v1/connections/shown');
    expect(read.body.connection.configuration).toEqual(configuration);
    expect(JSON.stringify(read.body)).not.toMatch(/credentials|canary|clientId/);
    const revision = async (): Promise<unknown> =>
      (await fleet.runtime.db.pool.query(`select revision from sluice.connections where id = 'shown'`))
        .rows[0];
    const before = await revision();
    for (const again of [{ ...configuration, credentials }, configuration]) {
      expect(await api.call('PUT', '/v1/connections/shown', { body: again })).toEqual({
        ...read,
        headers: expect.anything(),
      });
      expect(await revision()).toEqual(before);
    }
    const changed = { ...configuration, schedule: 'manual' };
    expect((await api.call('PUT', '/v1/connections/shown', { body: changed })).body.connection).toMatchObject(
      {
        schedule: 'manual',
        configuration: changed,
      },
    );
    expect(await revision()).not.toEqual(before);
    // what is by default isn't named
    const plain = { provider: 'lucca', settings: fleet.lucca.settings };
    await api.call('PUT', '/v1/connections/bare', { body: { ...plain, credentials } });
    expect((await api.get('/v1/connections/bare')).body.connection.configuration).toEqual(plain);
  });

  it('of a file is changed by its file only', async () => {
    await fleet.connect('filed');
    const conflict = { status: 409, body: { code: 'connection_managed_by_file' } };
    expect(await put('filed')).toMatchObject(conflict);
    expect(await api.call('DELETE', '/v1/connections/filed?purge=true')).toMatchObject(conflict);
    expect((await api.get('/v1/connections/filed')).body.connection.managedBy).toBe('file');
  });

  it('is listed a page at a time, each once', async () => {
    for (const id of ['list-a', 'list-b', 'list-c', 'list-d']) await put(id);
    const all = (await api.get('/v1/connections?limit=200')).body.data;
    const ids = all.map(({ id }: any) => id);
    expect(ids).toEqual(expect.arrayContaining(['list-a', 'list-b', 'list-c', 'list-d']));
    expect(ids).toEqual([...(ids as string[])].sort());
    expect(await walk('/v1/connections', 2)).toEqual(all);
  });

  it('is paused, resumed, reset and checked', async () => {
    await put('steered');
    const at = '/v1/connections/steered';
    expect((await post(`${at}/pause`)).body.connection).toMatchObject({ state: 'paused' });
    expect(await post(`${at}/sync`)).toMatchObject({ status: 409, body: { code: 'connection_paused' } });
    expect((await post(`${at}/resume`)).body.connection).toMatchObject({ state: 'active', reason: null });
    await synced('steered');
    const reset = await post(`${at}/reset`, { streams: ['employees'] });
    expect(reset.body).toMatchObject({ streams: ['employees'], connection: { id: 'steered' } });
    const restarts = await fleet.runtime.db.pool.query(
      `select stream from sluice.streams where connection_id = 'steered' and restart`,
    );
    expect(restarts.rows).toEqual([{ stream: 'employees' }]);
    expect((await post(`${at}/reset`)).body.streams).toEqual(['departments', 'employees']);
    expect(await post(`${at}/reset`, { streams: ['leafs'] })).toMatchObject({ status: 404 });
    expect((await post(`${at}/check`)).body).toMatchObject({ ok: true, cleared: false, error: null });
    await put('broken', { credentials: { ...fleet.lucca.credentials, clientSecret: SECRET } });
    const broken = await post('/v1/connections/broken/check');
    expect(broken.body).toMatchObject({ ok: false, error: { code: 'token_client_rejected' } });
    expect(JSON.stringify(broken.body)).not.toContain(SECRET);
    for (const action of ['pause', 'resume', 'reset', 'check', 'sync'])
      expect((await post(`/v1/connections/nobody/${action}`)).status, action).toBe(404);
  });

  it('that is removed with purge takes its records along', async () => {
    await put('purged');
    await synced('purged', { streams: ['departments'] });
    const records = (await api.get('/v1/connections/purged')).body.connection.records.departments;
    expect(records).toBeGreaterThan(0);
    const removed = await api.call('DELETE', '/v1/connections/purged?purge=true');
    expect(removed.body.removed).toEqual({ id: 'purged', purge: true, records });
  });
});

describe('a run', () => {
  beforeAll(async () => {
    await put('runner');
  });
  const sync = (body: unknown, key: string): Promise<Answer> =>
    post('/v1/connections/runner/sync', body, { 'idempotency-key': key });

  it('is asked for, followed, listed and filtered', async () => {
    const first = await synced('runner', { streams: ['employees'] });
    expect(first).toMatchObject({ connection: 'runner', trigger: 'api', status: 'succeeded', error: null });
    expect(first.streams.map(({ name, added }: any) => [name, added])).toEqual([
      ['employees', fleet.lucca.source.list('employees').length],
    ]);
    const second = await synced('runner', { full: true });
    const third = await synced('runner');
    const listed = await walk('/v1/runs?connection=runner&status=succeeded', 1);
    expect(listed.map(({ id }) => id)).toEqual([third.id, second.id, first.id]);
    expect((await api.get('/v1/runs?connection=runner&status=failed')).body).toEqual({
      data: [],
      next: null,
    });
    expect((await walk('/v1/runs', 2)).map(({ id }) => id)).toEqual(
      (await api.get('/v1/runs?limit=200')).body.data.map(({ id }: any) => id),
    );
    expect((await api.get('/v1/runs/no-such-run')).status).toBe(404);
  });

  it('is answered as it was asked for, however soon a worker begins it', async () => {
    const { jobs } = fleet.runtime;
    const slow = apiOf(
      {
        ...fleet.runtime,
        jobs: {
          ...jobs,
          // a caller so slow that the run is over before he goes on
          async askForRun(...asked) {
            const runId = await jobs.askForRun(...asked);
            await fleet.ended(runId);
            return runId;
          },
        },
      },
      'http://127.0.0.1:3000',
      watch,
    ).as({ kind: 'api_key', name: 'key test', source: null });
    const request = { streams: ['departments'], full: false, allowDeletes: false };
    const asked = await slow.sync('runner', { ...request, idempotencyKey: undefined });
    expect(asked).toMatchObject({ status: 'queued', startedAt: null, finishedAt: null, streams: [] });
    const kept = await slow.sync('runner', { ...request, idempotencyKey: 'slow' });
    expect(kept.status).toBe('queued');
    // the same request later is answered with the run as it is by then
    expect(await slow.sync('runner', { ...request, idempotencyKey: 'slow' })).toMatchObject({
      id: kept.id,
      status: 'succeeded',
    });
  });

  it('that is asked for under one Idempotency-Key is the same, also where both come at once', async () => {
    const before = (await api.get('/v1/runs?connection=runner&limit=200')).body.data.length;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => sync({ streams: ['departments'] }, 'k1')),
    );
    const taken = answers.filter(({ status }) => status === 202);
    expect(taken.length).toBeGreaterThan(0);
    for (const { status, body } of answers) {
      if (status !== 202) expect([status, body.code]).toEqual([409, 'idempotency_in_progress']);
    }
    await fleet.ended(taken[0]?.body.run.id);
    const again = await sync({ streams: ['departments'] }, 'k1');
    expect(new Set([...taken, again].map(({ body }) => body.run.id)).size).toBe(1);
    expect((await api.get('/v1/runs?connection=runner&limit=200')).body.data).toHaveLength(before + 1);
    expect(await sync({ streams: ['employees'] }, 'k1')).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    const other = await sync({ streams: ['departments'] }, 'k2');
    expect(other.body.run.id).not.toBe(again.body.run.id);
    await fleet.ended(other.body.run.id);
  });

  it('that could not be asked for may be asked for again under the same key', async () => {
    expect((await sync({ streams: ['leafs'] }, 'k3')).status).toBe(404);
    await post('/v1/connections/runner/pause');
    expect((await sync({}, 'k4')).status).toBe(409);
    await post('/v1/connections/runner/resume');
    const answer = await sync({}, 'k4');
    expect(answer.status).toBe(202);
    await fleet.ended(answer.body.run.id);
  });

  it('is cancelled', async () => {
    await put('slow', { streams: ['employees'] });
    const headers = { 'retry-after': '3600' };
    fleet.lucca.faults.add({ kind: 'status', status: 503, headers, path: '*/employees', times: Infinity });
    try {
      // the second run waits behind the first, which waits for its provider
      const first = (await post('/v1/connections/slow/sync')).body.run;
      await waitFor(async () => {
        const { status } = (await api.get(`/v1/runs/${first.id}`)).body.run;
        return status === 'waiting' || undefined;
      }, 30_000);
      const second = (await post('/v1/connections/slow/sync', { full: true })).body.run;
      expect(second.id).not.toBe(first.id);
      for (const { id } of [second, first]) {
        expect((await post(`/v1/runs/${id}/cancel`)).status).toBe(200);
        expect(await fleet.ended(id)).toMatchObject({ status: 'cancelled' });
        // over already: it stays as it is
        expect((await post(`/v1/runs/${id}/cancel`)).body.run).toMatchObject({ id, status: 'cancelled' });
      }
    } finally {
      fleet.lucca.faults.clear();
    }
    expect((await post('/v1/runs/no-such-run/cancel')).status).toBe(404);
  });
});

describe('a stream', () => {
  const at = '/v1/connections/reader/streams';
  const list = (): any[] => fleet.lucca.source.list('employees');
  beforeAll(async () => {
    await put('reader', { streams: ['employees', 'departments', 'leaves'] });
    await synced('reader', { streams: ['employees', 'departments'] });
  });

  it('gives its records a page at a time, each once', async () => {
    const records = await walk(`${at}/employees/records`, 7);
    expect(new Map(records.map(({ id, record }) => [id, record]))).toEqual(truth(fleet.lucca, 'employees'));
    expect(records).toHaveLength(list().length);
  });

  it('gives those that were deleted only to whoever asks', async () => {
    const gone = String(list()[3].id);
    fleet.lucca.source.remove('employees', gone);
    await synced('reader', { streams: ['employees'] });
    expect((await walk(`${at}/employees/records`, 100)).some(({ id }) => id === gone)).toBe(false);
    const all = await walk(`${at}/employees/records?deleted=true`, 9);
    expect(all.find(({ id }) => id === gone)).toMatchObject({ deletedAt: expect.stringMatching(/Z$/) });
  });

  it('that is configured and never ran is empty, and one that is not configured is not there', async () => {
    expect((await api.get(`${at}/leaves/records`)).body).toEqual({ data: [], next: null });
    expect((await api.get(`${at}/leaves/changes`)).body).toEqual({ data: [], last: 0 });
    for (const kind of ['records', 'changes']) {
      expect(await api.get(`${at}/leafs/${kind}`)).toMatchObject({
        status: 404,
        body: { code: 'not_found', detail: expect.stringContaining('did you mean leaves?') },
      });
      expect((await api.get(`/v1/connections/nobody/streams/leaves/${kind}`)).status).toBe(404);
    }
  });

  it('gives its changes after a number', async () => {
    const { data, last } = (await api.get(`${at}/departments/changes`)).body;
    expect(data.map(({ seq }: any) => seq)).toEqual(data.map((_: unknown, index: number) => index + 1));
    expect(last).toBe(data.length);
    const rest = (await api.get(`${at}/departments/changes?after=1&limit=2`)).body;
    expect(rest).toEqual({ data: data.slice(1, 3), last });
  });

  it('answers a number that is beyond its newest, or no longer kept, with the one to know', async () => {
    const { last } = (await api.get(`${at}/departments/changes`)).body;
    expect(await api.get(`${at}/departments/changes?after=${last + 1}`)).toMatchObject({
      status: 409,
      body: { code: 'cursor_ahead', last },
    });
    // also a number that no computer counts to
    expect(await api.get(`${at}/departments/changes?after=${'9'.repeat(30)}`)).toMatchObject({
      status: 409,
      body: { code: 'cursor_ahead', last },
    });
    await fleet.runtime.db.pool.query(
      `delete from sluice.changes where connection_id = 'reader' and stream = 'departments' and seq <= 2`,
    );
    expect(await api.get(`${at}/departments/changes?after=1`)).toMatchObject({
      status: 410,
      body: { code: 'feed_truncated', earliest: 3 },
    });
  });

  it('lets readers wait for a change, many of them, without holding a connection each', async () => {
    const { last } = (await api.get(`${at}/employees/changes?limit=1`)).body;
    const readers = 60;
    const waiting = Array.from({ length: readers }, () =>
      api.get(`${at}/employees/changes?after=${last}&wait=50s`),
    );
    const early = Promise.race(waiting).then(() => 'answered');
    const other = await api.get(`${at}/departments/changes?after=2&wait=100ms`);
    expect(other.body.data.length).toBeGreaterThan(0);
    expect((await api.get(`${at}/leaves/changes?wait=200ms`)).body.data).toEqual([]);
    const { pool } = fleet.runtime.db;
    await waitFor(() => (pool.totalCount - pool.idleCount <= 1 ? true : undefined), 15_000);
    expect(await Promise.race([early, Promise.resolve('waiting')])).toBe('waiting');
    fleet.lucca.source.update('employees', String(list()[0].id), { givenName: 'Woken' });
    await synced('reader', { streams: ['employees'] });
    for (const { body } of await Promise.all(waiting)) {
      expect(body).toMatchObject({
        data: [{ seq: last + 1, op: 'updated', record: { givenName: 'Woken' } }],
      });
    }
  });

  it('forgets a reader that went away', async () => {
    const { last } = (await api.get(`${at}/employees/changes?limit=1`)).body;
    const leaving = new AbortController();
    const gone = api.call('GET', `${at}/employees/changes?after=${last}&wait=50s`, {
      signal: leaving.signal,
    });
    gone.catch(() => undefined);
    await waitFor(() => (watch.waiting() === 1 ? true : undefined), 15_000);
    leaving.abort();
    await expect(gone).rejects.toThrow(/abort/i);
    await waitFor(() => (watch.waiting() === 0 ? true : undefined), 15_000);
  });
});

describe('what a person connects', () => {
  it('has mappings and a link only where the provider takes them', async () => {
    await put('mapped');
    const at = '/v1/connections/mapped';
    expect((await api.get(`${at}/mappings`)).body.code).toBe('request_invalid');
    expect((await api.call('PUT', `${at}/mappings`, { body: { data: [] } })).body.code).toBe(
      'request_invalid',
    );
    expect((await post(`${at}/connect-link`)).body.code).toBe('connect_not_possible');
  });
});

describe('a request', () => {
  it.each([
    '/v1/connections?limit=0',
    '/v1/connections?limit=201',
    '/v1/connections?limit=many',
    '/v1/connections?limit=',
    '/v1/connections?limit=1&limit=2',
    '/v1/connections?limt=5',
    '/v1/connections?cursor=nonsense',
    '/v1/connections?cursor=bnVsbA',
    `/v1/connections?cursor=${Buffer.from('"a\\u0000"').toString('base64url')}`,
    `/v1/runs?cursor=${Buffer.from('{"id":"x","at":"2026-99-01T00:00:00.000000Z"}').toString('base64url')}`,
    '/v1/connections/reader/mappings?cursor=%00',
    '/v1/runs?status=done',
    '/v1/runs?connection=%00',
    '/v1/runs/a%00b',
    '/v1/connections/a%00b',
    '/v1/connections/reader/streams/employees/records?deleted=yes',
    '/v1/connections/reader/streams/employees/changes?after=-1',
    '/v1/connections/reader/streams/employees/changes?after=1.5',
    '/v1/connections/reader/streams/employees/changes?after=',
    '/v1/connections/reader/streams/employees/changes?wait=20',
    '/v1/connections/reader/streams/employees/changes?wait=1h',
  ])('that asks for %s is refused, and says what is wrong', async (path) => {
    const { status, body } = await api.get(path);
    expect([status, body.code]).toEqual([400, 'request_invalid']);
  });

  it.each(['a\u0000b', 'half \ud83d of a pair'])(
    'that holds what Postgres cannot store (%j) is refused wherever a text may stand',
    async (text) => {
      const custom = { name: 'more', path: '/employees', items: 'items', id: 'id' };
      const answers = [
        await put('unstorable', { oauth: { prompt: text } }),
        await put('unstorable', { oauth: { params: { [text]: 'x' } } }),
        await put('unstorable', { credentials: { ...fleet.lucca.credentials, clientSecret: text } }),
        await put('unstorable', { customStreams: [{ ...custom, query: { q: text } }] }),
        await post('/v1/connections/reader/sync', { streams: [text] }),
        await post('/v1/connections/reader/reset', { streams: [text] }),
        await api.call('PUT', '/v1/connections/reader/mappings', {
          body: { data: [{ external: text, own: 'x' }] },
        }),
      ];
      for (const { status, body } of answers) expect([status, body.code]).toEqual([400, 'request_invalid']);
      expect((await api.get('/v1/connections/unstorable')).status).toBe(404);
    },
  );

  it('may escape what Postgres can store', async () => {
    const answer = await post('/v1/connections/reader/sync', '{"streams":["\\ud83d\\ude00 \\\\u0000"]}', {
      'content-type': 'application/json',
    });
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
  });

  it('by another method than those of its path is told which there are', async () => {
    const call = async (method: string, path: string) => {
      const answer = await fetch(site.url + path, { method, headers: { authorization: `Bearer ${KEY}` } });
      const body: any = await answer.json();
      return [answer.status, body.code, answer.headers.get('allow')];
    };
    expect(await call('PATCH', '/v1/connections/reader')).toEqual([
      405,
      'method_not_allowed',
      'GET, HEAD, PUT, DELETE',
    ]);
    expect(await call('GET', '/v1/connections/reader/sync')).toEqual([405, 'method_not_allowed', 'POST']);
    expect((await fetch(`${site.url}/v1/connections/reader`, { method: 'PATCH' })).status).toBe(401);
    const head = await fetch(`${site.url}/v1/runs`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(head.status).toBe(200);
  });

  it.each<[string, unknown, Record<string, string>, string]>([
    ['no JSON', '{', {}, 'request_invalid'],
    ['another type', '{}', { 'content-type': 'text/plain' }, 'media_type_unsupported'],
    ['almost the type', '{}', { 'content-type': 'application/jsonx' }, 'media_type_unsupported'],
    ['an unknown field', { stream: 'employees' }, {}, 'request_invalid'],
    ['a wrong type', { full: 'yes' }, {}, 'request_invalid'],
    ['a list', [], {}, 'request_invalid'],
    ['an empty key', {}, { 'idempotency-key': 'x'.repeat(256) }, 'request_invalid'],
    ['too much', { streams: ['x'.repeat(2_000_000)] }, {}, 'body_too_large'],
  ])('whose body is %s is refused', async (_what, body, headers, code) => {
    const answer = await post('/v1/connections/reader/sync', body, headers);
    expect(answer.body.code).toBe(code);
    expect(answer.status).toBe({ body_too_large: 413, media_type_unsupported: 415 }[code] ?? 400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it('beyond the rate of its key is told when to come again; another key is not held up', async () => {
    const limited = await startSite({
      api: apiOf(fleet.runtime, 'http://127.0.0.1:3000', watch),
      apiRate: { perMinute: 60, burst: 3 },
    });
    try {
      const [one, two] = [await openCaller(limited.url, 'key-one'), await openCaller(limited.url, 'key-two')];
      for (let count = 0; count < 3; count += 1) expect((await one.get('/v1/providers')).status).toBe(200);
      const refused = await one.get('/v1/providers');
      expect(refused).toMatchObject({ status: 429, body: { code: 'api_rate_limited' } });
      expect(refused.headers.get('retry-after')).toBe('1');
      expect((await two.get('/v1/providers')).status).toBe(200);
      limited.clock.now += 1000;
      expect((await one.get('/v1/providers')).status).toBe(200);
    } finally {
      await limited.close();
    }
  });
});

describe('the description', () => {
  it('is OpenAPI 3.1, its names are unique, and all that it refers to is there', () => {
    const { document } = api;
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Sluice', version: expect.any(String) },
    });
    const operations = operationsOf(document);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations) {
      const named = operation.parameters.filter((one: any) => one.in === 'path').map((one: any) => one.name);
      expect(named, path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
      for (const { schema, name } of operation.parameters)
        expect(schema.type, `${name} of ${path}`).toBeDefined();
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(10);
    for (const [, name = ''] of references) expect(Object.keys(document.components.schemas)).toContain(name);
    expect(JSON.stringify(document)).not.toContain('$defs');
  });

  it('names every key that a connection takes', () => {
    const { schema } = api.document.paths['/v1/connections/{id}'].put.requestBody.content['application/json'];
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining(['provider', 'settings', 'credentials', 'streams', 'schedule', 'customStreams']),
    );
  });

  it('can be read by people, with nothing loaded from elsewhere', async () => {
    const answer = await fetch(`${site.url}/docs`);
    const page = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/html');
    for (const { path, operation } of operationsOf(api.document)) {
      expect(page).toContain(`id="${operation.operationId}"`);
      expect(page).toContain(path);
    }
    expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });
});
