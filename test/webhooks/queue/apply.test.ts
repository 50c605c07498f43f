/** What events do to the mirror: each once in effect, in whatever order and however often they come. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { storedSchedule } from '../../../src/commands/schedule-lookup.ts';
import { resumeConnection } from '../../../src/sync/pause.ts';
import { replayEvents } from '../../../src/webhooks/history.ts';
import { startFleet, truth, waitFor, type Fleet } from '../../support/fleet.ts';
import {
  luccaEvent,
  send,
  settledEvents,
  startIntake,
  storedEvents,
  WEBHOOK_SECRET,
  type TestIntake,
} from '../../support/webhooks.ts';

// what is waited for may have to share a busy machine
vi.setConfig({ testTimeout: 120_000 });

let fleet: Fleet;
let web: TestIntake;
let url: string;

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 30 }, reconcileEveryMs: 1_000 });
  web = await startIntake(fleet.runtime);
});

afterAll(async () => {
  await web.close();
  await fleet.close();
});

let connections = 0;
let id = '';
beforeEach(async () => {
  await fleet.runtime.db.pool.query('truncate sluice.webhook_events');
  connections += 1;
  id = `acme-${connections}`;
  url = `${web.url}/${id}`;
  await connect({});
});

async function connect(more: Readonly<Record<string, unknown>>): Promise<void> {
  await fleet.connect(id, {
    streams: ['employees', 'departments'],
    credentials: { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET },
    ...more,
  });
}

const time = (second: number): string => new Date(Date.UTC(2026, 0, 1, 8, 0, second)).toISOString();
const employee = (record: string, second: number): object => ({
  id: record,
  type: 'employee',
  givenName: `state ${second}`,
  lastUpdatedAt: time(second),
});

async function changes(): Promise<{ op: string; id: string }[]> {
  const result = await fleet.runtime.db.pool.query<{ op: string; id: string }>(
    `select op, record_id as id from sluice.changes where connection_id = $1 order by stream, seq`,
    [id],
  );
  return result.rows;
}

async function post(...bodies: readonly string[]): Promise<void> {
  for (const body of bodies) expect((await send(url, body)).status).toBe(200);
}

describe('an event with the record in it', () => {
  it('adds, updates and deletes, with a number each', async () => {
    await post(luccaEvent({ topic: 'employee.created', occurredAt: time(1), data: employee('e1', 1) }));
    await settledEvents(fleet);
    await post(luccaEvent({ topic: 'employee.updated', occurredAt: time(2), data: employee('e1', 2) }));
    await settledEvents(fleet);
    expect((await fleet.mirror(id, 'employees')).get('e1')).toMatchObject({ givenName: 'state 2' });
    await post(luccaEvent({ topic: 'employee.deleted', occurredAt: time(3), data: employee('e1', 2) }));
    const events = await settledEvents(fleet);
    expect(await changes()).toEqual([
      { op: 'added', id: 'e1' },
      { op: 'updated', id: 'e1' },
      { op: 'deleted', id: 'e1' },
    ]);
    expect(events.map(({ status }) => status)).toEqual(['processed', 'processed', 'processed']);
    expect(events.map(({ type }) => type)).toEqual([
      'employee.created',
      'employee.updated',
      'employee.deleted',
    ]);
    expect(events[1]?.outcome).toEqual({ added: 0, updated: 1, deleted: 0, unchanged: 0 });
  });

  it('changes nothing when it is older than what is stored, however it comes', async () => {
    await post(luccaEvent({ topic: 'employee.updated', occurredAt: time(9), data: employee('e1', 9) }));
    await settledEvents(fleet);
    await post(
      luccaEvent({ topic: 'employee.updated', occurredAt: time(4), data: employee('e1', 4) }),
      luccaEvent({ topic: 'employee.deleted', occurredAt: time(3), data: employee('e1', 2) }),
    );
    await settledEvents(fleet);
    expect((await fleet.mirror(id, 'employees')).get('e1')).toMatchObject({ givenName: 'state 9' });
    expect(await changes()).toHaveLength(1);
  });

  it('does not bring a record back whose delete came first, stored before or not', async () => {
    await post(luccaEvent({ topic: 'employee.deleted', occurredAt: time(5), data: { id: 'never' } }));
    await settledEvents(fleet);
    await post(luccaEvent({ topic: 'employee.created', occurredAt: time(1), data: employee('never', 1) }));
    await settledEvents(fleet);
    expect((await fleet.mirror(id, 'employees')).has('never')).toBe(false);
    // it was made again afterwards
    await post(luccaEvent({ topic: 'employee.created', occurredAt: time(8), data: employee('never', 8) }));
    await settledEvents(fleet);
    expect((await fleet.mirror(id, 'employees')).has('never')).toBe(true);
  });

  it("is told by the event's time where its records have none of their own", async () => {
    const department = (second: number): object => ({
      id: 'd1',
      type: 'department',
      name: `state ${second}`,
    });
    for (const second of [3, 1, 2])
      await post(
        luccaEvent({ topic: 'department.updated', occurredAt: time(second), data: department(second) }),
      );
    await settledEvents(fleet);
    expect((await fleet.mirror(id, 'departments')).get('d1')).toMatchObject({ name: 'state 3' });
  });

  it('with the content of the source is no change for the sync that follows, with links or without', async () => {
    await fleet.sync(id);
    const [one, two] = fleet.lucca.source.list('employees');
    const { links: _links, ...bare } = one as Record<string, unknown>;
    await post(
      luccaEvent({ topic: 'employee.updated', data: bare }),
      luccaEvent({ topic: 'employee.updated', data: { ...two, previousAttributes: { email: 'x' } } }),
    );
    const events = await settledEvents(fleet);
    expect(events.map(({ outcome }) => outcome?.unchanged)).toEqual([1, 1]);
    const run = await fleet.sync(id);
    expect(run.streams.map(({ added, updated, deleted }) => [added, updated, deleted])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(await fleet.mirror(id, 'employees')).toEqual(truth(fleet.lucca, 'employees'));
  });

  it('that deletes a number beyond 2^53 deletes it, and not the one that it would be rounded to', async () => {
    const exact = '90071992547409931';
    const rounded = String(Number(exact));
    expect(rounded).not.toBe(exact);
    for (const record of [rounded, exact])
      await post(luccaEvent({ topic: 'employee.created', occurredAt: time(1), data: employee(record, 1) }));
    await settledEvents(fleet);
    expect([...(await fleet.mirror(id, 'employees')).keys()]).toEqual(
      expect.arrayContaining([rounded, exact]),
    );
    await post(
      luccaEvent({ topic: 'employee.deleted', occurredAt: time(2), data: { id: 7 } }).replace(
        '"id":7',
        `"id":${exact}`,
      ),
    );
    expect((await settledEvents(fleet))[2]).toMatchObject({ status: 'processed', outcome: { deleted: 1 } });
    const left = await fleet.mirror(id, 'employees');
    expect([left.has(rounded), left.has(exact)]).toEqual([true, false]);
  });

  it('of something that is not mirrored is ignored, and says why', async () => {
    await post(
      luccaEvent({ topic: 'leave.created', data: { id: '1' } }),
      luccaEvent({ topic: 'test.created', data: {} }),
    );
    const events = await settledEvents(fleet);
    expect(events.map(({ status, outcome }) => [status, outcome?.reason])).toEqual([
      ['ignored', 'leaves is not mirrored by this connection'],
      ['ignored', 'nothing is mirrored for test.created'],
    ]);
  });
});

describe('events of many records, shuffled and repeated, while full passes run', () => {
  it('end in the newest state of each, as the source has it', async () => {
    await fleet.sync(id);
    const bodies: string[] = [];
    const { source } = fleet.lucca;
    const running = (async () => {
      for (let pass = 0; pass < 3; pass += 1) await fleet.sync(id, { full: true });
    })();
    for (let round = 0; round < 12; round += 1) {
      const edit = source.edit({ creates: 1, updates: 4, deletes: 1 });
      const at = (record: string): string => String(source.get('employees', record)?.lastUpdatedAt);
      for (const record of [...edit.created, ...edit.updated]) {
        const data = source.get('employees', record);
        bodies.push(luccaEvent({ topic: 'employee.updated', occurredAt: at(record), data }));
      }
      // after everything else that this account's clock has said so far
      const newest = source
        .list('employees')
        .map(({ lastUpdatedAt }) => String(lastUpdatedAt))
        .sort()
        .at(-1);
      for (const record of edit.deleted) {
        const occurredAt = new Date(Date.parse(newest ?? '') + 1).toISOString();
        bodies.push(luccaEvent({ topic: 'employee.deleted', occurredAt, data: { id: record } }));
      }
    }
    const shuffled = [...bodies, ...bodies]
      .map((body, index) => ({ body, place: (index * 7919) % (bodies.length * 2) }))
      .sort((a, b) => a.place - b.place)
      .map(({ body }) => body);
    await Promise.all(shuffled.map((body) => send(url, body)));
    const events = await settledEvents(fleet, 60_000);
    await running;
    expect(events).toHaveLength(bodies.length);
    expect(events.filter(({ status }) => status !== 'processed')).toEqual([]);
    expect(await fleet.mirror(id, 'employees')).toEqual(truth(fleet.lucca, 'employees'));
  });
});

describe('an event that is asked for again (refetch)', () => {
  beforeEach(() => connect({ webhooks: { apply: 'refetch' } }));

  it('brings the state of the source, whatever the message holds, with a token for each job', async () => {
    const [row] = fleet.lucca.source.list('employees');
    fleet.lucca.requests.clear();
    await post(
      luccaEvent({ topic: 'employee.updated', data: { ...row, givenName: 'stale' } }),
      luccaEvent({ topic: 'employee.updated', data: { ...row, givenName: 'staler' } }),
    );
    const events = await settledEvents(fleet);
    expect(events.map(({ status, error }) => [status, error])).toEqual([
      ['processed', null],
      ['processed', null],
    ]);
    expect((await fleet.mirror(id, 'employees')).get(String(row?.id))).toEqual(
      truth(fleet.lucca, 'employees').get(String(row?.id)),
    );
    expect(fleet.lucca.requests.counters().tokenRequests).toBe(2);
    // given back once the event's end is committed
    await waitFor(async () => ((await fleet.tokens.count()) === 0 ? true : undefined), 10_000);
  });

  it('deletes what the source no longer has, and keeps what it still has', async () => {
    const [keep, gone] = fleet.lucca.source.list('employees').slice(-2);
    await fleet.sync(id, { streams: ['employees'] });
    fleet.lucca.source.remove('employees', String(gone?.id));
    await post(
      luccaEvent({ topic: 'employee.deleted', data: keep }),
      luccaEvent({ topic: 'employee.deleted', data: gone }),
    );
    await settledEvents(fleet);
    const mirror = await fleet.mirror(id, 'employees');
    expect([mirror.has(String(keep?.id)), mirror.has(String(gone?.id))]).toEqual([true, false]);
  });

  it('waits out a provider in trouble, and keeps to the policy: 403 ends as dead after its attempts', async () => {
    // One delivery more than there are failures: a busy machine may have no time for retries in place.
    const retry = { attempts: 5, baseDelay: '50ms', maxDelay: '200ms' };
    await connect({ webhooks: { apply: 'refetch' }, retry });
    const [row] = fleet.lucca.source.list('employees');
    fleet.lucca.faults.add({
      kind: 'status',
      status: 503,
      path: `/lucca-api/employees/${String(row?.id)}`,
      times: 4,
    });
    await post(luccaEvent({ topic: 'employee.updated', data: row }));
    expect(await settledEvents(fleet)).toMatchObject([{ status: 'processed' }]);
    fleet.lucca.faults.add({
      kind: 'status',
      status: 403,
      path: `/lucca-api/employees/${String(row?.id)}`,
      times: 9,
    });
    await post(luccaEvent({ topic: 'employee.updated', data: row }));
    const events = await settledEvents(fleet);
    fleet.lucca.faults.clear();
    expect(events[1]).toMatchObject({ status: 'dead', attempts: 4, error: { code: 'provider_forbidden' } });
    expect(await replayEvents(fleet.runtime, { ids: [events[1]?.id ?? ''], by: 'a test' })).toMatchObject({
      connections: [id],
    });
    await fleet.runtime.jobs.releaseWebhooks([id]);
    expect((await settledEvents(fleet))[1]).toMatchObject({
      status: 'processed',
      replays: 1,
      replayed_by: 'a test',
    });
  });
});

describe('an event that is asked for again while the provider takes no token', () => {
  it('makes a person look at the connection, waits for that, and is applied afterwards', async () => {
    await connect({ webhooks: { apply: 'refetch' } });
    const [row] = fleet.lucca.source.list('employees');
    const path = `/lucca-api/employees/${String(row?.id)}`;
    fleet.lucca.faults.add({ kind: 'status', status: 401, path, times: 100 });
    fleet.lucca.requests.clear();
    await post(luccaEvent({ topic: 'employee.updated', data: { ...row, givenName: 'stale' } }));
    const state = async (): Promise<unknown> =>
      (
        await fleet.runtime.db.pool.query<{ state: string; code: string }>(
          `select state, state_code as code from sluice.connections where id = $1`,
          [id],
        )
      ).rows[0];
    await expect
      .poll(state, { timeout: 60_000 })
      .toEqual({ state: 'needs_attention', code: 'provider_unauthorized' });
    // kept, though nobody works on it now
    await expect
      .poll(async () => (await storedEvents(fleet)).map(({ status }) => status))
      .toEqual(['received']);
    expect(fleet.lucca.requests.counters().tokenRequests).toBeLessThanOrEqual(3 * 2);
    fleet.lucca.faults.clear();
    await resumeConnection(fleet.runtime.db, id, storedSchedule, new Date());
    await fleet.runtime.jobs.sweepWebhooks();
    expect(await settledEvents(fleet)).toMatchObject([{ status: 'processed' }]);
    expect((await fleet.mirror(id, 'employees')).get(String(row?.id))).toMatchObject({
      givenName: row?.givenName,
    });
  });
});

describe('an event that can not be applied', () => {
  it.each([
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'webhook_unreadable'],
    ['no JSON', Buffer.from('{'), 'webhook_unreadable'],
    [
      'a record that fails validation',
      Buffer.from(luccaEvent({ topic: 'employee.updated', data: { id: '1', givenName: 5 } })),
      'webhook_record_rejected',
    ],
    [
      'U+0000',
      Buffer.from(luccaEvent({ topic: 'employee.updated', data: { id: '1', givenName: 'a\u0000b' } })),
      'webhook_record_rejected',
    ],
    [
      'half a surrogate pair',
      Buffer.from(luccaEvent({ topic: 'employee.updated', data: { id: '1', x: '\ud800' } })),
      'webhook_record_rejected',
    ],
    [
      '20,000 levels',
      Buffer.from(
        luccaEvent({ topic: 'employee.updated', data: { id: '1', x: 0 } }).replace(
          '"x":0',
          `"x":${'['.repeat(20_000)}${']'.repeat(20_000)}`,
        ),
      ),
      'webhook_record_rejected',
    ],
  ])('is dead with its reason, and in nobody else’s way: %s', async (_name, body, code) => {
    expect((await send(url, body)).status).toBe(200);
    await post(luccaEvent({ topic: 'employee.created', occurredAt: time(1), data: employee('after', 1) }));
    const events = await settledEvents(fleet);
    expect(events.map(({ status, error }) => [status, error?.code])).toEqual([
      ['dead', code],
      ['processed', undefined],
    ]);
    expect(events[0]?.body?.equals(body)).toBe(true);
  });
});

describe('what becomes of the queue', () => {
  it('events of a paused connection wait, and are applied when it is active again', async () => {
    await fleet.runtime.db.pool.query(`update sluice.connections set state = 'paused' where id = $1`, [id]);
    await post(luccaEvent({ topic: 'employee.created', occurredAt: time(1), data: employee('p1', 1) }));
    await fleet.runtime.jobs.releaseWebhooks([id]);
    expect(await storedEvents(fleet)).toMatchObject([{ status: 'received' }]);
    await fleet.runtime.db.pool.query(`update sluice.connections set state = 'active' where id = $1`, [id]);
    await fleet.runtime.jobs.sweepWebhooks();
    expect(await settledEvents(fleet)).toMatchObject([{ status: 'processed' }]);
  });

  it('events whose jobs are lost with the queue get new ones', async () => {
    // no request is answered, so that jobs are under way or wait when the queue is lost
    await connect({ webhooks: { apply: 'refetch' }, limits: { concurrency: 2 } });
    const rows = fleet.lucca.source.list('employees').slice(0, 6);
    fleet.lucca.faults.add({ kind: 'status', status: 503, path: '/lucca-api/employees/*', times: 18 });
    await Promise.all(rows.map((data) => send(url, luccaEvent({ topic: 'employee.updated', data }))));
    await waitFor(
      async () => ((await storedEvents(fleet)).some(({ status }) => status === 'waiting') ? true : undefined),
      20_000,
    );
    await fleet.queue.lose('webhooks');
    fleet.lucca.faults.clear();
    const events = await settledEvents(fleet, 60_000);
    expect(events.map(({ status }) => status)).toEqual(rows.map(() => 'processed'));
  });

  it('a connection has as many jobs in the queue as its limit allows', async () => {
    await connect({ limits: { concurrency: 2 }, webhooks: { apply: 'refetch' } });
    const rows = fleet.lucca.source.list('employees').slice(0, 8);
    const path = '/lucca-api/employees/*';
    fleet.lucca.faults.add({ kind: 'slow', delayMs: 150, path, times: 8 });
    await Promise.all(rows.map((data) => send(url, luccaEvent({ topic: 'employee.updated', data }))));
    let most = 0;
    await waitFor(async () => {
      const events = await storedEvents(fleet);
      most = Math.max(most, events.filter(({ status }) => status === 'queued').length);
      return events.every(({ status }) => status === 'processed') ? true : undefined;
    }, 30_000);
    expect(most).toBe(2);
  });
});
