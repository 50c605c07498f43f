import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, truth, type Fleet } from '../support/fleet.ts';

describe('a run', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet({ lucca: { records: { employees: 230, departments: 12 } } });
    await fleet.connect('acme');
  });
  afterAll(() => fleet.close());

  it('mirrors every stream of Lucca with one token', async () => {
    const run = await fleet.sync('acme');
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 1, error: null });
    expect(run.streams).toHaveLength(8);
    for (const stream of run.streams) {
      expect(await fleet.mirror('acme', stream.name)).toEqual(truth(fleet.lucca, stream.name));
    }
    expect(run.streams.find((stream) => stream.name === 'employees')).toMatchObject({ added: 230, pages: 3 });
  });

  it('writes nothing when nothing changed', async () => {
    const before = await fleet.runtime.db.pool.query(
      'select sum(seq) as sum, max(changed_at) as at from sluice.records',
    );
    const run = await fleet.sync('acme', { streams: ['employees'] });
    expect(run.streams).toHaveLength(1);
    expect(run.streams[0]).toMatchObject({ added: 0, updated: 0, deleted: 0, unchanged: 230 });
    const after = await fleet.runtime.db.pool.query(
      'select sum(seq) as sum, max(changed_at) as at from sluice.records',
    );
    expect(after.rows).toEqual(before.rows);
  });

  it('follows creates, updates and deletes, and numbers each change without a gap', async () => {
    const edit = fleet.lucca.source.edit({ resource: 'employees', creates: 7, updates: 11, deletes: 5 });
    const run = await fleet.sync('acme', { streams: ['employees'] });
    expect(run.streams[0]).toMatchObject({ added: 7, updated: 11, deleted: 5, unchanged: 230 - 16 });
    expect(await fleet.mirror('acme', 'employees')).toEqual(truth(fleet.lucca, 'employees'));
    const changes = await fleet.runtime.db.pool.query<{ seq: string; op: string; record_id: string }>(
      `select seq, op, record_id from sluice.changes where connection_id = 'acme' and stream = 'employees' order by seq`,
    );
    expect(changes.rows.map((row) => Number(row.seq))).toEqual(
      Array.from({ length: 230 + 23 }, (_, index) => index + 1),
    );
    const deleted = changes.rows.filter((row) => row.op === 'deleted').map((row) => row.record_id);
    expect(deleted.sort()).toEqual([...edit.deleted].sort());
  });

  it('takes a token of its own for each run, and none crosses runs', async () => {
    fleet.lucca.requests.clear();
    const runs = [await fleet.sync('acme'), await fleet.sync('acme'), await fleet.sync('acme')];
    expect(runs.map((run) => run.tokenRequests)).toEqual([1, 1, 1]);
    const calls = fleet.lucca.requests.list().filter((entry) => entry.tokenFingerprint !== null);
    const inOrder = [...new Set(calls.map((entry) => entry.tokenFingerprint))];
    expect(inOrder).toHaveLength(3);
    // each token's requests stand together: none is used again after the next run has begun
    const changes = calls.filter(
      (entry, index) => entry.tokenFingerprint !== calls[index - 1]?.tokenFingerprint,
    );
    expect(changes).toHaveLength(3);
    expect(await fleet.tokens.count()).toBe(0);
  });

  it('has set the next time of an `every` schedule when its end is seen', async () => {
    await fleet.connect('hourly', { streams: ['departments'], schedule: 'every 1h' });
    const run = await fleet.sync('hourly');
    const next = await fleet.runtime.db.pool.query<{ minutes: number }>(
      `select extract(epoch from next_run_at - $1::timestamptz)::float8 / 60 as minutes
         from sluice.connections where id = 'hourly'`,
      [run.finishedAt],
    );
    expect(next.rows[0]?.minutes).toBeCloseTo(60, 0);
  });
});
