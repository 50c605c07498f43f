/**
 * Every operation of the description is called, for each success that it promises and for a failure, and every answer is
 * held against it. An operation without an example here fails: a route can't be added and left untried.
 */
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { apiOf } from '../../src/commands/api.ts';
import { apiRoutes } from '../../src/web/api/index.ts';
import { openApiDocument } from '../../src/web/api/openapi.ts';
import { writeNotification } from '../../src/store/notifications.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { waitFor } from '../support/wait.ts';
import { settledEvents, startIntake, type TestIntake } from '../support/webhooks.ts';
import { startSite, type Site } from '../web/site.ts';
import { openCaller, operationsOf, type Answer, type Caller, type Operation } from './conformance.ts';

// what is waited for may have to share a busy machine
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const document: any = openApiDocument(apiRoutes, { version: '1.2.3', url: 'http://127.0.0.1:3000' });
const operations = operationsOf(document);
/** `GET /v1/runs`: not in pieces, which the list of tests would cut */
const names = operations.map(({ method, path }) => `${method} ${path}`);
const operationOf = (name: string): Operation => operations[names.indexOf(name)] ?? expect.unreachable();

let fleet: Fleet;
let others: Sandbox<'loke' | 'lockit'>;
let intake: TestIntake;
let site: Site;
let api: Caller;
beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 12 } });
  others = await startSandbox({ providers: ['loke', 'lockit'], records: 4 });
  // what is refused because its secret is a second old comes again at once, not in a minute
  fleet.lucca.webhooks.deliveries.settings.timeScale = 0.01;
  intake = await startIntake(fleet.runtime);
  site = await startSite({
    // its clock stands still
    apiRate: { perMinute: 1_000_000, burst: 1_000_000 },
    api: apiOf(fleet.runtime, intake.url.replace(/\/webhooks$/, '')),
  });
  api = await openCaller(site.url, 'key-one');
  const { loke, lockit } = others.providers;
  const { issuer } = loke.urls;
  await fleet.connect('filed', { streams: ['employees', 'departments'] });
  await fleet.connect('venues', {
    provider: 'loke',
    settings: {},
    credentials: loke.credentials,
    endpoints: { issuer, api: loke.urls.api },
    streams: ['organizations', 'locations'],
  });
  await fleet.connect('films', {
    provider: 'lockit',
    settings: lockit.settings,
    credentials: lockit.credentials,
    endpoints: lockit.urls,
  });
  for (const id of ['filed', 'venues']) expect((await fleet.sync(id)).status).toBe('succeeded');
});
afterAll(async () => {
  await site.close();
  await intake.close();
  await others.close();
  await fleet.close();
});

const CONNECTION = '/v1/connections';
const get = (path: string): Promise<Answer> => api.get(path);
const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  api.call('POST', path, { body, headers });
const put = (path: string, body: unknown): Promise<Answer> => api.call('PUT', path, { body });
const lucca = (streams: readonly string[]): Record<string, unknown> => ({
  provider: 'lucca',
  settings: fleet.lucca.settings,
  credentials: fleet.lucca.credentials,
  endpoints: { token: fleet.lucca.urls.token, api: fleet.lucca.urls.api },
  streams,
  schedule: 'manual',
});
/** An event that came by HTTP and was applied; its id. */
const applied = async (): Promise<string> => {
  expect((await post(`${CONNECTION}/filed/webhooks`)).status).toBe(200);
  fleet.lucca.source.edit({ creates: 0, updates: 1, deletes: 0 });
  fleet.lucca.webhooks.deliveries.flush();
  await fleet.lucca.webhooks.deliveries.idle();
  const event = (await settledEvents(fleet)).at(-1);
  expect(event?.status).toBe('processed');
  return event?.id ?? '';
};
const aRun = async (): Promise<string> => (await get('/v1/runs?limit=1')).body.data[0].id as string;
/** Both pages of a list, the second one by the cursor of the first. */
const twoPages = async (path: string): Promise<Answer[]> => {
  const first = await get(`${path}?limit=1`);
  expect(first.body.data, path).toHaveLength(1);
  const second = await get(`${path}?limit=1&cursor=${first.body.next}`);
  expect(second.body.data, path).toHaveLength(1);
  expect(second.body.data, path).not.toEqual(first.body.data);
  return [first, second];
};

interface Example {
  /** answers below 400; together they have each status that is documented */
  ok(): Promise<readonly Answer[]>;
  /** answers of 400 and more, by the code that each must have */
  fails(): Promise<Readonly<Record<string, Answer>>>;
}

const examples: Readonly<Record<string, Example>> = {
  'GET /v1/providers': {
    ok: async () => [await get('/v1/providers')],
    fails: async () => ({ request_invalid: await get('/v1/providers?limit=5') }),
  },
  'GET /v1/providers/{name}': {
    ok: async () => [await get('/v1/providers/lucca'), await get('/v1/providers/loke')],
    fails: async () => ({ not_found: await get('/v1/providers/nobody') }),
  },
  'GET /v1/connections': {
    ok: () => twoPages(CONNECTION),
    fails: async () => ({ request_invalid: await get(`${CONNECTION}?cursor=bm8`) }),
  },
  'GET /v1/connections/{id}': {
    ok: async () => [await get(`${CONNECTION}/filed`), await get(`${CONNECTION}/films`)],
    fails: async () => ({ not_found: await get(`${CONNECTION}/nobody`) }),
  },
  'PUT /v1/connections/{id}': {
    ok: async () => [
      await put(`${CONNECTION}/made`, lucca(['departments'])),
      await put(`${CONNECTION}/made`, lucca(['departments', 'employees'])),
    ],
    fails: async () => ({
      config_invalid: await put(`${CONNECTION}/made`, { ...lucca(['wrong']), schedule: 'sometimes' }),
      connection_managed_by_file: await put(`${CONNECTION}/filed`, lucca(['departments'])),
      body_too_large: await put(`${CONNECTION}/made`, { provider: 'x'.repeat(2_000_000) }),
    }),
  },
  'DELETE /v1/connections/{id}': {
    async ok() {
      await put(`${CONNECTION}/brief`, lucca(['departments']));
      return [await api.call('DELETE', `${CONNECTION}/brief?purge=true`)];
    },
    fails: async () => ({
      not_found: await api.call('DELETE', `${CONNECTION}/nobody`),
      connection_managed_by_file: await api.call('DELETE', `${CONNECTION}/filed`),
    }),
  },
  'POST /v1/connections/{id}/sync': {
    async ok() {
      const headers = { 'idempotency-key': 'once' };
      const answers = [
        await post(`${CONNECTION}/filed/sync`, { streams: ['departments'] }, headers),
        await post(`${CONNECTION}/filed/sync`, { streams: ['departments'] }, headers),
      ];
      expect(new Set(answers.map(({ body }) => body.run.id)).size).toBe(1);
      await fleet.ended(answers[0]?.body.run.id, 60_000);
      return answers;
    },
    async fails() {
      await put(`${CONNECTION}/still`, lucca(['departments']));
      await post(`${CONNECTION}/still/pause`);
      await post(`${CONNECTION}/filed/sync`, {}, { 'idempotency-key': 'two' });
      return {
        not_found: await post(`${CONNECTION}/filed/sync`, { streams: ['nothing'] }),
        connection_paused: await post(`${CONNECTION}/still/sync`),
        idempotency_key_reused: await post(
          `${CONNECTION}/filed/sync`,
          { full: true },
          { 'idempotency-key': 'two' },
        ),
        request_invalid: await post(`${CONNECTION}/filed/sync`, '{'),
      };
    },
  },
  ...Object.fromEntries(
    ['pause', 'resume', 'check'].map((action) => [
      `POST /v1/connections/{id}/${action}`,
      {
        async ok() {
          await put(`${CONNECTION}/steered`, lucca(['departments']));
          return [await post(`${CONNECTION}/steered/${action}`)];
        },
        fails: async () => ({ not_found: await post(`${CONNECTION}/nobody/${action}`) }),
      } satisfies Example,
    ]),
  ),
  'POST /v1/connections/{id}/reset': {
    ok: async () => [
      await post(`${CONNECTION}/filed/reset`),
      await post(`${CONNECTION}/filed/reset`, { streams: ['employees'] }),
    ],
    fails: async () => ({
      not_found: await post(`${CONNECTION}/nobody/reset`),
      media_type_unsupported: await post(`${CONNECTION}/filed/reset`, 'streams=employees', {
        'content-type': 'application/x-www-form-urlencoded',
      }),
    }),
  },
  'POST /v1/connections/{id}/connect-link': {
    ok: async () => [await post(`${CONNECTION}/films/connect-link`, {})],
    fails: async () => ({
      connect_not_possible: await post(`${CONNECTION}/filed/connect-link`, {}),
      not_found: await post(`${CONNECTION}/nobody/connect-link`, {}),
      request_invalid: await post(`${CONNECTION}/films/connect-link`, { returnUrl: 'https://evil.example' }),
    }),
  },
  'POST /v1/connections/{id}/webhooks': {
    async ok() {
      const first = await post(`${CONNECTION}/filed/webhooks`);
      const again = await post(`${CONNECTION}/filed/webhooks`, { renew: false });
      expect(first.body.data[0]).toMatchObject({ url: `${intake.url}/filed`, state: 'active' });
      expect(again.body.data[0].registeredAt).toBe(first.body.data[0].registeredAt);
      const renewed = await post(`${CONNECTION}/filed/webhooks`, { renew: true });
      expect(renewed.body.data[0].registeredAt).not.toBe(first.body.data[0].registeredAt);
      const secrets = fleet.lucca.webhooks.endpoints().map(({ secret }) => secret);
      for (const secret of secrets) expect(JSON.stringify(renewed.body)).not.toContain(secret);
      return [first, again, renewed];
    },
    fails: async () => ({
      webhooks_unavailable: await post(`${CONNECTION}/films/webhooks`),
      not_found: await post(`${CONNECTION}/nobody/webhooks`),
      request_invalid: await post(`${CONNECTION}/filed/webhooks`, { renew: 'yes' }),
    }),
  },
  'GET /v1/connections/{id}/mappings': {
    ok: () => twoPages(`${CONNECTION}/venues/mappings`),
    fails: async () => ({
      not_found: await get(`${CONNECTION}/nobody/mappings`),
      request_invalid: await get(`${CONNECTION}/venues/mappings?cursor=no-cursor-of-ours`),
    }),
  },
  'PUT /v1/connections/{id}/mappings': {
    async ok() {
      const { data } = (await get(`${CONNECTION}/venues/mappings`)).body;
      const own = data.map((one: any, index: number) => ({ ...one, own: `own-${index}` }));
      const answer = await put(`${CONNECTION}/venues/mappings`, { data: own });
      expect(answer.body.data).toEqual(own);
      return [answer];
    },
    fails: async () => ({
      not_found: await put(`${CONNECTION}/nobody/mappings`, { data: [] }),
      request_invalid: await put(`${CONNECTION}/venues/mappings`, { data: [{ external: 'x', own: 'y' }] }),
    }),
  },
  'GET /v1/runs': {
    async ok() {
      const found = await get('/v1/runs?connection=filed&status=succeeded');
      expect(found.body.data.length).toBeGreaterThan(0);
      return [...(await twoPages('/v1/runs')), found];
    },
    fails: async () => ({ request_invalid: await get('/v1/runs?status=done') }),
  },
  'GET /v1/runs/{id}': {
    async ok() {
      const answer = await get(`/v1/runs/${(await fleet.sync('filed', { full: true })).id}`);
      expect(answer.body.run.timeline.map(({ kind }: any) => kind)).toContain('request');
      return [answer];
    },
    fails: async () => ({ not_found: await get('/v1/runs/none') }),
  },
  'POST /v1/runs/{id}/cancel': {
    ok: async () => [await post(`/v1/runs/${await aRun()}/cancel`)],
    fails: async () => ({ not_found: await post('/v1/runs/none/cancel') }),
  },
  'GET /v1/connections/{id}/streams/{stream}/records': {
    ok: () => twoPages(`${CONNECTION}/filed/streams/employees/records`),
    fails: async () => ({
      not_found: await get(`${CONNECTION}/filed/streams/nothing/records`),
      request_invalid: await get(`${CONNECTION}/filed/streams/employees/records?limit=1001`),
    }),
  },
  'GET /v1/connections/{id}/streams/{stream}/changes': {
    ok: async () => [await get(`${CONNECTION}/filed/streams/employees/changes?after=1&limit=2`)],
    async fails() {
      await fleet.runtime.db.pool.query(
        `delete from sluice.changes where connection_id = 'filed' and stream = 'employees' and seq <= 2`,
      );
      return {
        not_found: await get(`${CONNECTION}/filed/streams/nothing/changes`),
        cursor_ahead: await get(`${CONNECTION}/filed/streams/employees/changes?after=99999`),
        feed_truncated: await get(`${CONNECTION}/filed/streams/employees/changes?after=1`),
      };
    },
  },
  'GET /v1/events': {
    async ok() {
      const [one, two] = [await applied(), await applied()];
      expect((await get('/v1/events?connection=filed&status=processed')).body.data.slice(0, 2)).toMatchObject(
        [{ id: two }, { id: one, connection: 'filed', type: expect.stringContaining('.') }],
      );
      expect((await get('/v1/events?connection=nobody')).body).toEqual({ data: [], next: null });
      return twoPages('/v1/events');
    },
    fails: async () => ({ request_invalid: await get('/v1/events?status=lost') }),
  },
  'GET /v1/events/{id}': {
    async ok() {
      const answer = await get(`/v1/events/${await applied()}`);
      expect(JSON.parse(answer.body.event.body)).toMatchObject({ topic: answer.body.event.type });
      return [answer];
    },
    fails: async () => ({ not_found: await get('/v1/events/none') }),
  },
  'POST /v1/events/{id}/replay': {
    async ok() {
      const id = await applied();
      const answer = await post(`/v1/events/${id}/replay`);
      expect(answer.body.event).toMatchObject({
        id,
        replays: 1,
        replayedBy: expect.stringMatching(/^key [0-9a-f]{12}$/) as string,
      });
      await waitFor(
        async () => (await get(`/v1/events/${id}`)).body.event.status === 'processed' || undefined,
        60_000,
      );
      return [answer];
    },
    async fails() {
      const id = await applied();
      await fleet.runtime.db.pool.query(`update sluice.webhook_events set body = null where id = $1`, [id]);
      return {
        not_found: await post('/v1/events/none/replay'),
        event_not_replayable: await post(`/v1/events/${id}/replay`),
      };
    },
  },
  'GET /v1/notifications': {
    async ok() {
      const { pool } = fleet.runtime.db;
      const id = await writeNotification(pool, 'run.held', { connection: 'filed' });
      const newest = await get('/v1/notifications?limit=1');
      expect(newest.body.data).toMatchObject([
        { id, type: 'run.held', status: 'pending', data: { connection: 'filed' } },
      ]);
      return [newest, ...(await twoPages('/v1/notifications'))];
    },
    fails: async () => ({ request_invalid: await get('/v1/notifications?cursor=e30') }),
  },
};

describe('the description', () => {
  it('is a valid OpenAPI 3.1 document', async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
    expect(api.document.paths).toEqual(document.paths);
  });

  it('lets no answer have a field that it does not name', () => {
    const open: string[] = [];
    const look = (value: unknown, place: string): void => {
      if (typeof value !== 'object' || value === null) return;
      const { properties, additionalProperties } = value as Record<string, unknown>;
      if (properties !== undefined && additionalProperties !== false) open.push(place);
      for (const [key, item] of Object.entries(value)) look(item, `${place}/${key}`);
    };
    look(document.components.schemas, '');
    for (const { method, path, operation } of operations) look(operation.responses, `${method} ${path}`);
    // how a stream is paged and compared differs from style to style; these name the style
    const styles = ['paging', 'changes'].map(
      (field) => `/Provider/properties/streams/items/properties/${field}`,
    );
    expect(open).toEqual(styles);
  });
});

describe('every operation', () => {
  it('has an example here', () => {
    expect(Object.keys(examples).sort()).toEqual([...names].sort());
  });

  it.each(names)('%s answers as it promises', async (name) => {
    const answers = await examples[name]?.ok();
    const { operation } = operationOf(name);
    const promised = Object.keys(operation.responses).filter((status) => Number(status) < 400);
    expect([...new Set(answers?.map(({ status }) => String(status)))].sort()).toEqual(promised.sort());
  });

  it.each(names)('%s says what is wrong', async (name) => {
    const failures = Object.entries((await examples[name]?.fails()) ?? {});
    expect(failures.length).toBeGreaterThan(0);
    for (const [code, { status, body }] of failures) {
      expect(body.code).toBe(code);
      expect(status).toBeGreaterThanOrEqual(400);
    }
  });

  it.each(names)('%s wants a key', async (name) => {
    const { method, path } = operationOf(name);
    for (const authorization of ['', 'Bearer wrong', 'Basic key-one']) {
      const answer = await api.call(method, path.replaceAll(/[{}]/g, ''), { headers: { authorization } });
      expect([answer.status, answer.body.code]).toEqual([401, 'api_key_required']);
    }
  });
});
