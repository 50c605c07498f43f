/** The inbox and the endpoints from the command line: what is printed, with which exit code, and what a replay may do. */
import { createHmac } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
let record: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  bench = await openBench({ employees: 3 });
  record = bench.lucca.source.list('employees')[0] ?? {};
  await bench.apply({ acme: bench.connection({ streams: ['employees'] }) });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

/** As the intake stores it; what a worker then makes of it is another test's. */
async function store(id: string, status: string, body: object, error: object | null = null): Promise<void> {
  await bench.query(
    `insert into sluice.webhook_events (id, connection_id, dedupe_key, event_id, type, body, body_hash, status, error)
     values ('${id}', 'acme', '${id}', 'evt-${id}', 'employee.updated', convert_to($json$${JSON.stringify(body)}$json$, 'UTF8'),
             sha256('${createHmac('sha256', 'x').update(id).digest('hex')}'), '${status}', ${error === null ? 'null' : `'${JSON.stringify(error)}'`})`,
  );
}

it('events lists what came, in the documented shape, and one in detail', async () => {
  await store(
    'e1',
    'dead',
    { topic: 'employee.updated', data: 7 },
    { code: 'webhook_unreadable', kind: 'data', message: 'no', advice: 'x' },
  );
  await store('e2', 'processed', { topic: 'employee.updated', data: record });
  const [all, dead, one, unknown, wrong] = await Promise.all([
    bench.run(['events', '--json']),
    bench.run(['events', '--status', 'dead', '--connection', 'acme']),
    bench.run(['events', 'e2', '--json']),
    bench.run(['events', 'e9', '--json']),
    bench.run(['events', '--status', 'lost', '--json']),
  ]);
  expect(all).toMatchObject({ code: 0 });
  expect(all.json.data.map((event: any) => [event.id, event.connection, event.status])).toEqual([
    ['e2', 'acme', 'processed'],
    ['e1', 'acme', 'dead'],
  ]);
  expect(all.json.data[1]).toMatchObject({
    type: 'employee.updated',
    receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    attempts: 0,
    error: { code: 'webhook_unreadable' },
  });
  expect(dead).toMatchObject({ code: 0 });
  expect(dead.stdout).toMatch(/^EVENT .*ERROR\ne1 .* dead .*webhook_unreadable\n$/);
  expect(one.json.event).toMatchObject({ id: 'e2', body: expect.stringContaining('employee.updated') });
  expect([unknown.code, unknown.json.error.code]).toEqual([3, 'not_found']);
  expect(wrong.code).toBe(2);
});

it('events replay applies again by id or by status and time, keeps who asked, and brings no old state back', async () => {
  await bench.run(['sync', 'acme', '--wait']);
  const older = { ...record, givenName: 'stale', lastUpdatedAt: '2001-01-01T00:00:00Z' };
  await store('e3', 'dead', {
    id: 'evt-3',
    topic: 'employee.updated',
    occurredAt: '2001-01-01T00:00:00Z',
    data: older,
  });
  const [unknown, both, neither] = await Promise.all([
    bench.run(['events', 'replay', 'e9', '--json']),
    bench.run(['events', 'replay', 'e3', '--status', 'dead', '--since', '1h', '--json']),
    bench.run(['events', 'replay', '--status', 'dead', '--json']),
  ]);
  expect([unknown.code, both.code, neither.code]).toEqual([3, 2, 2]);
  expect((await bench.run(['events', 'replay', 'e2', '--json'])).json).toEqual({ replayed: ['e2'] });
  const several = await bench.run(['events', 'replay', '--status', 'dead', '--since', '1h', '--json']);
  expect(several.json.replayed.sort()).toEqual(['e1', 'e3']);
  const rows = await bench.query(
    `select replays, replayed_by as by, replayed_at > now() - interval '5 minutes' as recent from sluice.webhook_events`,
  );
  const by = `${userInfo().username}@${hostname()}`;
  expect(rows).toEqual([1, 2, 3].map(() => ({ replays: 1, by, recent: true })));
  // a worker that joins for a sync carries them out
  await bench.run(['sync', 'acme', '--wait']);
  await expect
    .poll(
      async () => {
        await bench.run(['sync', 'acme', '--wait']);
        return bench.query(`select id, status from sluice.webhook_events order by id`);
      },
      { timeout: 60_000 },
    )
    .toEqual([
      { id: 'e1', status: 'ignored' },
      { id: 'e2', status: 'processed' },
      { id: 'e3', status: 'processed' },
    ]);
  const [stored] = await bench.query<{ name: string }>(
    `select data ->> 'givenName' as name from sluice.records where record_id = '${String(record['id'])}'`,
  );
  expect(stored?.name).toBe(record['givenName']);
});

it('webhooks register and status say what they do not know, what is refused, and what needs a person', async () => {
  const [unknown, missing, none] = await Promise.all([
    bench.run(['webhooks', 'register', 'acmee', '--json']),
    bench.run(['webhooks', 'register', 'acme', '--json'], { PUBLIC_URL: undefined }),
    bench.run(['webhooks', 'status', 'acme', '--json']),
  ]);
  expect([unknown.code, unknown.json.error.code]).toEqual([3, 'not_found']);
  expect([missing.code, missing.json.error.code]).toEqual([2, 'public_url_missing']);
  // nothing answers the challenge there
  const refused = await bench.run(['webhooks', 'register', 'acme', '--json'], {
    PUBLIC_URL: 'http://127.0.0.1:9',
  });
  expect([refused.code, refused.json.error.code]).toEqual([1, 'webhook_registration_failed']);
  expect([none.code, none.json]).toEqual([0, { data: [] }]);
  // an endpoint that the provider no longer has
  await bench.query(
    `insert into sluice.webhook_endpoints (connection_id, reference, url, secrets, state)
     values ('acme', '999', 'https://sluice.example/webhooks/acme', 'never read', 'active')`,
  );
  const down = await bench.run(['webhooks', 'status', 'acme', '--json']);
  expect(down).toMatchObject({ code: 4 });
  expect(down.json.data).toMatchObject([
    { place: '', state: 'missing', error: { code: 'webhook_endpoint_down', advice: expect.any(String) } },
  ]);
  await bench.expectNoSecrets();
});
