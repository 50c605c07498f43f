/** What waits for a person, found in a real database: each kind made as it comes about, and all of it at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needsPerson, type PersonNeeded } from '../../src/sync/needs-person.ts';
import { glances } from '../../src/sync/overview.ts';
import { REMEMBERED_MS, rejectedStreams } from '../../src/sync/rejected-streams.ts';
import { registerWebhooks } from '../../src/webhooks/register.ts';
import { tendWebhooks } from '../../src/webhooks/tend.ts';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import {
  hearing,
  luccaEvent,
  send,
  settledEvents,
  startIntake,
  type TestIntake,
} from '../support/webhooks.ts';

let fleet: Fleet;
let tiny: TinyProvider;
let web: TestConsole;
let intake: TestIntake;
let things: unknown[] = [];
let feed: unknown[] = [];

beforeAll(async () => {
  tiny = await startTinyProvider([
    tinyStream('things', { paging: { style: 'none' } }),
    tinyStream('feed', {
      paging: { style: 'none' },
      changes: { detect: 'watermark', field: 'at', order: 'newest-first' },
    }),
  ]);
  tiny.answer = ({ pathname }) => ({ body: { items: pathname.endsWith('/feed') ? feed : things } });
  fleet = await startFleet({ providers: [tiny.definition], lucca: { records: 5 } });
  web = await startConsole(fleet);
  intake = await startIntake(fleet.runtime);
});
afterAll(async () => {
  await intake?.close();
  await web?.close();
  await fleet?.close();
  await tiny?.close();
});

async function needed(now = Date.now()): Promise<PersonNeeded[]> {
  const { db, findProvider } = fleet.runtime;
  return needsPerson(db, await glances(db, findProvider, now), () => false, now);
}
const of = async (connection: string): Promise<PersonNeeded[]> =>
  (await needed()).filter((item) => item.connection === connection);
/** Its item as the overview shows it: tags gone, and where its button leads. */
async function shown(connection: string): Promise<{ text: string; href: string }> {
  const html = await (await web.me.get('/')).text();
  const items = html.slice(html.indexOf('<ul class="needs"')).split('<li');
  const item = items.find((one) => one.includes(`href="/connections/${connection}"`)) ?? '';
  return {
    text: item.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' '),
    href: /class="button" href="([^"]*)"/.exec(item)?.[1]?.replaceAll('&amp;', '&') ?? '',
  };
}
const query = async (statement: string, values: unknown[] = []): Promise<unknown> =>
  fleet.runtime.db.pool.query(statement, values);

describe('what needs a person', () => {
  it('are deletes that are held, until they are allowed', async () => {
    await fleet.connect('shrinks', {
      ...tiny.connection,
      streams: ['things'],
      deletes: { maxShare: 0.5, minRows: 1 },
    });
    things = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
    await fleet.sync('shrinks');
    expect(await of('shrinks')).toEqual([]);
    things = [{ id: 'a' }];
    expect((await fleet.sync('shrinks')).status).toBe('held');
    expect(await of('shrinks')).toMatchObject([
      {
        state: 'held',
        reason: expect.stringContaining('2 of 3'),
        advice: expect.stringContaining('sluice sync shrinks'),
        action: 'allow-deletes',
        since: expect.any(String),
      },
    ]);
    expect(await shown('shrinks')).toMatchObject({ href: '/connections/shrinks/actions/allow-deletes' });
    // whoever paused it knows
    await query(`update sluice.connections set state = 'paused' where id = 'shrinks'`);
    expect(await of('shrinks')).toEqual([]);
    await query(`update sluice.connections set state = 'active' where id = 'shrinks'`);
    await fleet.sync('shrinks', { allowDeletes: true });
    expect(await of('shrinks')).toEqual([]);
  });

  it('are events that were given up, until they are applied', async () => {
    await fleet.connect('hears', {
      credentials: hearing(fleet),
    });
    const body = luccaEvent({ topic: 'employee.updated', data: { note: 'no id' } });
    await send(`${intake.url}/hears`, body);
    await settledEvents(fleet);
    // as after its last attempt
    await query(
      `update sluice.webhook_events set status = 'dead', received_at = '2026-02-01T00:00:00Z' where connection_id = 'hears'`,
    );
    expect(await of('hears')).toEqual([
      {
        connection: 'hears',
        provider: 'lucca',
        state: 'dead',
        reason: '1 webhook event was given up.',
        advice: 'Read why: `sluice events --connection hears --status dead`. Mend it, then apply it again.',
        since: '2026-02-01T00:00:00.000Z',
        action: 'dead-events',
      },
    ]);
    expect(await shown('hears')).toMatchObject({ href: '/events?connection=hears&status=dead' });
    await query(`update sluice.webhook_events set status = 'processed' where connection_id = 'hears'`);
    expect(await of('hears')).toEqual([]);
  });

  it('are endpoints that the provider has suspended or lost, as maintenance finds them', async () => {
    await fleet.connect('calls', { streams: ['employees'] });
    const context = {
      ...fleet.runtime.registration,
      publicUrl: async () => intake.url.replace(/\/webhooks$/, ''),
    };
    await registerWebhooks(context, 'calls', { renew: false });
    expect(await of('calls')).toEqual([]);
    const [endpoint] = fleet.lucca.webhooks.endpoints();
    fleet.lucca.webhooks.setStatus(endpoint?.id ?? '', 'suspended');
    // nobody has looked yet
    expect(await of('calls')).toEqual([]);
    expect(await tendWebhooks(context)).toBe(1);
    expect(await of('calls')).toEqual([
      {
        connection: 'calls',
        provider: 'lucca',
        state: 'webhooks_down',
        reason: 'Its webhook endpoint is suspended at the provider. No event comes from there; syncs go on.',
        advice: 'Register again: `sluice webhooks register calls`.',
        since: null,
        action: 'webhooks',
      },
    ]);
    const item = await shown('calls');
    expect(item.href).toBe('/connections/calls/actions/webhooks');
    expect(item.text).toContain('webhooks down');
    expect(item.text).toContain('Do this: Register again: sluice webhooks register calls .');
    // one of several, as providers have them that take one for each organization
    await query(
      `insert into sluice.webhook_endpoints (connection_id, place, url, secrets, state)
       values ('calls', 'org-1', 'u', 's', 'active'), ('calls', 'org-2', 'u', 's', 'missing')`,
    );
    await query(
      `update sluice.webhook_endpoints set state = 'active' where connection_id = 'calls' and place = ''`,
    );
    expect(await of('calls')).toMatchObject([
      {
        reason:
          '1 of its 3 webhook endpoints is down at the provider; the one for org-2 is missing. No event comes from there; syncs go on.',
      },
    ]);
    await query(`delete from sluice.webhook_endpoints where place = 'org-2'`);
    await query(`update sluice.webhook_endpoints set state = 'unknown' where connection_id = 'calls'`);
    expect(await of('calls')).toEqual([]);
  });

  it('are records that the last run of a stream rejected, until a run takes them in', async () => {
    await fleet.connect('boxes', { ...tiny.connection, streams: ['things'] });
    things = [{ id: 'a' }, { noId: 1 }, { noId: 2 }];
    await fleet.sync('boxes');
    expect(await of('boxes')).toEqual([
      {
        connection: 'boxes',
        provider: 'tiny',
        state: 'rejected',
        reason: '2 records of things were rejected and are not mirrored. The newest: has no usable id',
        advice:
          'Read them: `sluice rejected boxes things`. Have them mended at the provider; the next run that reads them takes them in.',
        since: expect.any(String),
        action: 'rejected',
        stream: 'things',
      },
    ]);
    const item = await shown('boxes');
    expect(item.href).toBe('/connections/boxes/streams/things/rejected');
    expect((await web.me.get(item.href)).status).toBe(200);
    // rejected once more while its run goes on: it stays in the list
    const id = (await fleet.sync('boxes')).id;
    await query(`update sluice.runs set finished_at = null, slot = 'active' where id = $1`, [id]);
    expect(await of('boxes')).toMatchObject([{ state: 'rejected' }]);
    await query(`update sluice.runs set finished_at = now(), slot = null where id = $1`, [id]);
    things = [{ id: 'a' }, { id: 'b' }];
    await fleet.sync('boxes');
    expect(await of('boxes')).toEqual([]);
  });

  it('are records that ended a run by their number', async () => {
    await fleet.connect('floods', { ...tiny.connection, streams: ['things'] });
    things = Array.from({ length: 30 }, () => ({ noId: true }));
    expect((await fleet.sync('floods')).status).toBe('failed');
    const [item] = await of('floods');
    expect(item).toMatchObject({ state: 'rejected', action: 'rejected' });
    expect(item?.reason).toContain('So many records of things were rejected');
  });

  it('are those of a stream read by changes for a day, since later runs don’t read them again', async () => {
    await fleet.connect('reads', { ...tiny.connection, streams: ['feed'] });
    feed = [{ id: 'a', at: '2026-01-01T00:00:00Z' }];
    await fleet.sync('reads');
    feed = [{ at: '2026-01-02T00:00:00Z' }, ...feed];
    const bad = await fleet.sync('reads');
    expect(bad.streams).toMatchObject([{ mode: 'incremental', rejected: 1 }]);
    feed = feed.slice(1);
    const good = await fleet.sync('reads');
    expect(good.streams).toMatchObject([{ mode: 'incremental', rejected: 0 }]);
    expect(await of('reads')).toMatchObject([
      { reason: expect.stringContaining('1 record of feed was rejected and is not mirrored.') },
    ]);
    const later = await needed(Date.now() + REMEMBERED_MS + 60_000);
    expect(later.filter(({ connection }) => connection === 'reads')).toEqual([]);
    // a complete pass would have met it
    await fleet.sync('reads', { full: true });
    expect(await of('reads')).toEqual([]);
  });

  it('is found in a moment among 500 connections with 10,000 rejected records, the most urgent first', async () => {
    await query(`insert into sluice.connections (id, provider, managed_by, config, credentials, state, state_reason, state_since)
      select 'many-' || lpad(n::text, 3, '0'), 'tiny', 'api', (select config from sluice.connections where id = 'boxes'), '-',
             case when n <= 3 then 'needs_attention' else 'active' end, 'of this test',
             timestamptz '2026-01-04Z' - n * interval '1 day'
        from generate_series(1, 500) n`);
    await query(`insert into sluice.streams (connection_id, stream)
      select id, stream from sluice.connections, unnest(array['things', 'feed']) stream where id like 'many-%'`);
    await query(`insert into sluice.runs (id, connection_id, status, trigger, created_at, finished_at)
      select c.id || '-' || n, c.id, 'succeeded', 'schedule', now() - n * interval '1 hour', now() - n * interval '1 hour'
        from sluice.connections c, generate_series(1, 60) n where c.id like 'many-%'`);
    await query(`insert into sluice.run_streams (run_id, stream, status, rejected)
      select r.id, s.stream, 'succeeded', 10 from sluice.runs r join sluice.streams s using (connection_id)
       where r.connection_id like 'many-%'`);
    await query(`insert into sluice.rejected_records (connection_id, stream, run_id, raw, reason)
      select s.connection_id, s.stream, s.connection_id || '-1', '', 'has no usable id'
        from sluice.streams s, generate_series(1, 10) where s.connection_id like 'many-%'`);
    await query(`insert into sluice.webhook_endpoints (connection_id, url, secrets, state)
      select id, 'https://example.com', '-', 'suspended' from sluice.connections where id like 'many-%'`);
    await query(`insert into sluice.webhook_events (id, connection_id, dedupe_key, body_hash, status)
      select 'e' || lpad(n::text, 28, '0'), 'many-' || lpad((1 + n % 500)::text, 3, '0'), n::text, '', 'dead'
        from generate_series(1, 3000) n`);
    await query('analyze');
    const { db } = fleet.runtime;
    const plan = await db.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, format json) ${await statementOf(() => rejectedStreams(db, Date.now(), 500))}`,
      [new Date(), 500],
    );
    // of 10,000 rejected records and 60,000 streams of runs: the newest of each stream, and the runs that are looked through
    const [rejected = 0, streams = 0] = ['rejected_records', 'run_streams'].map((table) =>
      rowsRead(plan.rows[0]?.['QUERY PLAN'][0].Plan, table),
    );
    expect(rejected).toBeGreaterThan(500);
    expect(rejected).toBeLessThan(1_100);
    expect(streams).toBeLessThan(60_000);

    const items = (await needed()).filter(({ connection }) => connection.startsWith('many-'));
    const kinds = items.map(({ state }) => state);
    expect([...new Set(kinds)]).toEqual(['needs_attention', 'webhooks_down', 'dead', 'rejected']);
    // what waits longest first
    expect(items.slice(0, 3).map(({ connection }) => connection)).toEqual([
      'many-003',
      'many-002',
      'many-001',
    ]);
    expect(kinds.filter((kind) => kind === 'rejected')).toHaveLength(500);
    expect(items.find(({ state }) => state === 'dead')?.reason).toMatch(/^\d or more webhook events/);
    const html = await (await web.me.get('/')).text();
    const section = html.slice(html.indexOf('id="needs"'), html.indexOf('id="freshness"'));
    expect(section.match(/<li/g)).toHaveLength(25);
    expect(section).toMatch(/And [\d,]+ more: /);
  });
});

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly PlanNode[];
}

/** Rows that a plan took from a table, over all its loops. */
function rowsRead(node: PlanNode | undefined, table: string): number {
  if (node === undefined) return 0;
  const own = node['Relation Name'] === table ? node['Actual Rows'] * node['Actual Loops'] : 0;
  return own + (node.Plans ?? []).reduce((sum, child) => sum + rowsRead(child, table), 0);
}

/** The text of the one statement that `work` sends. */
async function statementOf(work: () => Promise<unknown>): Promise<string> {
  const { pool } = fleet.runtime.db;
  const own = pool.query.bind(pool);
  const sent: string[] = [];
  Object.assign(pool, {
    query: (statement: string, values: unknown[]) => {
      sent.push(statement);
      return own(statement, values);
    },
  });
  try {
    await work();
  } finally {
    Object.assign(pool, { query: own });
  }
  expect(sent).toHaveLength(1);
  return sent[0] ?? '';
}
