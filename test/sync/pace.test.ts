import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lucca } from '../../src/providers/lucca/index.ts';
import { startFleet, truth, type Fleet } from '../support/fleet.ts';

const LIMIT = { requests: 20, perSeconds: 2 };

describe('runs against a provider that limits requests', () => {
  let fleet: Fleet;
  const log: string[] = [];
  beforeAll(async () => {
    const [documented] = lucca.limits;
    if (documented === undefined) throw new Error('there is no limit to keep');
    fleet = await startFleet({
      log,
      providers: [{ ...lucca, limits: [{ ...documented, ...LIMIT }] }],
      lucca: {
        records: { employees: 250 },
        limits: { requests: LIMIT.requests, windowSeconds: LIMIT.perSeconds },
      },
    });
    // two connections of one account: the provider counts them together
    for (const id of ['one', 'two']) {
      await fleet.connect(id, {
        streams: ['employees'],
        limits: { requestsPerMinute: undefined, pageSize: 10 },
      });
    }
  });
  afterAll(() => fleet.close());

  it('keep the pace together, so that the provider never has to refuse', async () => {
    const runs = await Promise.all([fleet.sync('one'), fleet.sync('two')]);
    for (const run of runs) {
      expect(run).toMatchObject({ status: 'succeeded', requests: 25, retries: 0 });
      expect(await fleet.mirror(run.connection, 'employees')).toEqual(truth(fleet.lucca, 'employees'));
    }
    expect(fleet.lucca.requests.counters().byStatus).not.toHaveProperty('429');
    const spent = await fleet.runtime.db.pool.query(
      'select sum(attempts)::int as spent from sluice.run_streams',
    );
    expect(spent.rows).toEqual([{ spent: 0 }]);
  });

  it('all wait when somebody else has used the limit up, and then go on', async () => {
    fleet.lucca.requests.clear();
    fleet.lucca.faults.add({
      kind: 'status',
      status: 429,
      headers: { 'Retry-After': '2' },
      path: '*/employees',
      skip: 3,
    });
    const runs = await Promise.all([fleet.sync('one'), fleet.sync('two')]);
    expect(runs.map((run) => run.status)).toEqual(['succeeded', 'succeeded']);
    expect(fleet.lucca.requests.counters().byStatus['429']).toBe(1);
    // nobody asked while the provider wanted quiet
    const asked = fleet.lucca.requests.list().filter((request) => request.path.endsWith('/employees'));
    const refused = asked.find((request) => request.status === 429);
    const from = Date.parse(refused?.at ?? '');
    const between = asked.filter((request) => {
      const after = Date.parse(request.at) - from;
      // what had left before the refusal was known is not held against it
      return after > 300 && after < 1_900;
    });
    expect(between).toEqual([]);
  });

  it('leave their slots where the turn is far away, and the queue takes its moment to the millisecond', async () => {
    fleet.lucca.requests.clear();
    log.length = 0;
    fleet.lucca.faults.add({
      kind: 'status',
      status: 429,
      headers: { 'Retry-After': '6' },
      path: '*/employees',
    });
    // the second meets a turn that the first one's refusal has put off
    const runs = await Promise.all([fleet.sync('one'), fleet.sync('two')]);
    expect(runs.map((run) => run.status)).toEqual(['succeeded', 'succeeded']);
    const lines = log.map((line) => JSON.parse(line) as { msg: string; code?: string; delayMs?: number });
    const waits = lines.filter((line) => line.msg === 'stream waits');
    expect(waits.map((line) => line.code)).toContain('rate_paced');
    expect(waits.filter((line) => !Number.isInteger(line.delayMs))).toEqual([]);
    expect(lines.filter((line) => line.msg === 'job could not be carried out')).toEqual([]);
  });
});
