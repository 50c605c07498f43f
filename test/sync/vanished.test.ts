import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canonical } from '../../src/sync/canonical.ts';
import { deleteVanished, findVanished, type Difference } from '../../src/sync/deletes.ts';
import { requestRun } from '../../src/store/runs.ts';
import { acquireLease, type Lease } from '../../src/sync/lease.ts';
import { storeSeen } from '../../src/sync/page-rows.ts';
import { currentSeq, lockStream, writeRecords, type Writer } from '../../src/sync/writer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('what vanished from a long list', () => {
  let database: TestDatabase;
  let lease: Lease;
  let run: Writer;
  let baseSeq = 0;
  let streams = 0;
  const ids = Array.from({ length: 2_600 }, (_, index) => `r${String(index).padStart(5, '0')}`);

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    const stream = `s${(streams += 1)}`;
    const connectionId = `acme-${streams}`;
    const { runId } = await requestRun(database.db, { connectionId, trigger: 'command', priority: 1 });
    const taken = await acquireLease(database.db, connectionId, stream, runId, 'test');
    if (taken === undefined) throw new Error('the lease of a new stream is free');
    lease = taken;
    run = { connectionId, stream, writer: runId, fence: lease.fence };
    const records = ids.map((id) => ({ id, ...canonical({ id }), version: null, partition: '' }));
    await database.db.tx(async (client) =>
      writeRecords(client, run, records, await lockStream(client, run), 0),
    );
    baseSeq = await currentSeq(database.db.pool, run);
    return () => lease.release();
  });

  /** The keys that a pass has named, `size` a page; some of them twice. */
  const see = (keys: readonly string[], size: number): Promise<void> =>
    database.db.tx(async (client) => {
      for (let from = 0; from < keys.length; from += size)
        await storeSeen(client, run, run.writer, from, keys.slice(Math.max(0, from - 1), from + size));
    });
  const live = async (): Promise<string[]> => {
    const result = await database.db.pool.query<{ record_id: string }>(
      `select record_id from sluice.records where stream = $1 and deleted_at is null order by record_id`,
      [run.stream],
    );
    return result.rows.map((row) => row.record_id);
  };
  const look = (): Promise<Difference> => findVanished(database.db, run, run.writer, baseSeq);
  const everything = new AbortController().signal;

  it('is counted and deleted in several batches, however its pages were cut', async () => {
    const named = ids.filter((_, index) => index % 20 === 0);
    await see(named, 7);
    const found = await look();
    expect(found).toEqual({
      live: ids.length,
      vanished: ids.length - named.length,
      first: ids.filter((_, index) => index % 20 !== 0),
    });
    const batches: number[] = [];
    const deleted = await deleteVanished(
      database.db,
      run,
      run.writer,
      baseSeq,
      found,
      everything,
      async (_, count) => void batches.push(count),
    );
    expect(deleted).toBe(ids.length - named.length);
    expect(batches).toEqual([1000, 1000, 470]);
    expect(await live()).toEqual(named);
    expect(await currentSeq(database.db.pool, run)).toBe(baseSeq + deleted);
  });

  it('comes back as added, beside what is new and what is updated, each with a number', async () => {
    await see(ids.slice(2), 500);
    await deleteVanished(database.db, run, run.writer, baseSeq, await look(), everything, async () => {});
    const records = ['new', 'r00001', 'r00002', 'r00003'].map((id) => ({
      id,
      ...canonical(id === 'r00003' ? { id } : { id, again: true }),
      version: null,
      partition: '',
    }));
    const written = await database.db.tx(async (client) => {
      const lastSeq = await lockStream(client, run);
      return writeRecords(client, run, records, lastSeq, lastSeq);
    });
    expect(written).toMatchObject({ added: 2, updated: 1, unchanged: 1 });
    const changes = await database.db.pool.query<{ op: string; record_id: string; previous: unknown }>(
      `select op, record_id, previous from sluice.changes where stream = $1 and seq > $2 order by seq`,
      [run.stream, baseSeq + 2],
    );
    expect(changes.rows).toEqual([
      { op: 'added', record_id: 'new', previous: null },
      { op: 'added', record_id: 'r00001', previous: null },
      { op: 'updated', record_id: 'r00002', previous: { id: 'r00002' } },
    ]);
    expect(await live()).toEqual(['new', ...ids.slice(1)]);
    expect(await currentSeq(database.db.pool, run)).toBe(baseSeq + 5);
  });

  it('stays where somebody has written it since the pass began, also between two batches', async () => {
    await see(['r00000'], 10);
    const touch = `update sluice.records set seq = $3 where stream = $1 and record_id = $2`;
    await database.db.pool.query(touch, [run.stream, 'r00001', baseSeq + 1]);
    const deleted = await deleteVanished(
      database.db,
      run,
      run.writer,
      baseSeq,
      await look(),
      everything,
      async (client) => void (await client.query(touch, [run.stream, 'r02500', baseSeq + 2])),
    );
    expect(deleted).toBe(ids.length - 3);
    expect(await live()).toEqual(['r00000', 'r00001', 'r02500']);
  });

  it('is looked for again where it was more than is kept in memory', async () => {
    await see(ids.slice(0, 10), 100);
    const { first, ...found } = await look();
    const deleted = await deleteVanished(
      database.db,
      run,
      run.writer,
      baseSeq,
      { ...found, first: first.slice(0, 1_200) },
      everything,
      async () => {},
    );
    expect(deleted).toBe(ids.length - 10);
    expect(await live()).toEqual(ids.slice(0, 10));
  });

  it('is nothing where every record was named', async () => {
    await see(ids, 100);
    expect(await look()).toEqual({ live: 0, vanished: 0, first: [] });
  });
});
