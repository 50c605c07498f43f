import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canonical } from '../../src/sync/canonical.ts';
import { deleteRecords } from '../../src/sync/delete-records.ts';
import { acquireLease, type Lease } from '../../src/sync/lease.ts';
import {
  currentSeq,
  lockStream,
  writeRecords,
  type IncomingRecord,
  type WriteCounts,
  type Writer,
} from '../../src/sync/writer.ts';
import { compareVersions } from '../../src/sync/versions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('two writers of one stream', () => {
  let database: TestDatabase;
  let lease: Lease;
  let run: Writer;
  let event: Writer;
  let streams = 0;

  beforeAll(async () => {
    database = await createTestDatabase({ max: 20 });
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    const stream = `s${(streams += 1)}`;
    const taken = await acquireLease(database.db, 'acme', stream, 'run-1', 'test');
    if (taken === undefined) throw new Error('the lease of a new stream is free');
    lease = taken;
    run = { connectionId: 'acme', stream, writer: 'run-1', fence: lease.fence };
    event = { ...run, writer: 'event-1' };
    return () => lease.release();
  });

  const record = (id: string, body: unknown, version: string | null = null): IncomingRecord => ({
    id,
    ...canonical(body),
    version,
    partition: '',
  });
  const write = (by: Writer, records: IncomingRecord[], baseSeq: number): Promise<WriteCounts> =>
    database.db.tx(async (client) =>
      writeRecords(client, by, records, await lockStream(client, by), baseSeq),
    );
  const remove = (by: Writer, ids: string[]): Promise<number> =>
    database.db.tx(async (client) =>
      deleteRecords(
        client,
        by,
        ids.map((id) => ({ id, version: null })),
        await lockStream(client, by),
      ),
    );
  const stored = async (): Promise<unknown[]> => {
    const result = await database.db.pool.query<{ data: unknown }>(
      `select data from sluice.records where stream = $1 and deleted_at is null order by record_id`,
      [run.stream],
    );
    return result.rows.map((row) => row.data);
  };
  const changes = async (): Promise<{ seq: number; op: string; previous: unknown }[]> => {
    const result = await database.db.pool.query<{ seq: string; op: string; previous: unknown }>(
      `select seq, op, previous from sluice.changes where stream = $1 order by seq`,
      [run.stream],
    );
    return result.rows.map((row) => ({ ...row, seq: Number(row.seq) }));
  };
  const base = (): Promise<number> => currentSeq(database.db.pool, run);

  it('leaves alone what another changed after the page was asked for', async () => {
    await write(run, [record('a', { v: 1 }), record('b', { v: 1 })], await base());
    const asked = await base();
    await write(event, [record('a', { v: 3 })], await base());
    expect(await write(run, [record('a', { v: 2 }), record('b', { v: 2 })], asked)).toEqual({
      added: 0,
      updated: 1,
      unchanged: 1,
      contended: ['a'],
    });
    expect(await stored()).toEqual([{ v: 3 }, { v: 2 }]);
  });

  it('overwrites it with a page that was asked for later', async () => {
    await write(event, [record('a', { v: 3 })], 0);
    await write(run, [record('a', { v: 4 })], await base());
    expect(await stored()).toEqual([{ v: 4 }]);
  });

  it('does not bring back what another deleted after the page was asked for, nor doubles what it added', async () => {
    await write(run, [record('a', { v: 1 })], 0);
    const asked = await base();
    await remove(event, ['a']);
    await write(event, [record('n', { v: 9 })], await base());
    await write(run, [record('a', { v: 1 }), record('n', { v: 8 })], asked);
    expect(await stored()).toEqual([{ v: 9 }]);
  });

  it('lets its own earlier page be followed by a later one with the same record', async () => {
    const asked = await base();
    await write(run, [record('a', { v: 1 })], asked);
    expect(await write(run, [record('a', { v: 2 })], asked)).toMatchObject({ updated: 1 });
    expect(await write(run, [record('a', { v: 2 })], asked)).toMatchObject({ unchanged: 1 });
  });

  it('refuses strictly older versions, whoever brings them', async () => {
    const [older, same, newer] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'];
    await write(run, [record('a', { v: 1 }, same)], 0);
    await write(event, [record('a', { v: 0 }, older)], await base());
    expect(await stored()).toEqual([{ v: 1 }]);
    await write(event, [record('a', { v: 2 }, same)], await base());
    expect(await stored()).toEqual([{ v: 2 }]);
    await write(run, [record('a', { v: 3 }, newer)], await base());
    expect(await stored()).toEqual([{ v: 3 }]);
  });

  it.each([
    ['2', '10', true],
    ['10', '2', false],
    ['2', '2', false],
    ['2026-01-01T00:00:00+02:00', '2026-01-01T00:00:00Z', true],
    ['2026-01-01T02:00:00+02:00', '2026-01-01T00:00:00Z', false],
    ['abc', 'abd', false],
    ['1', 'abc', false],
    ['5', '2026-01-01T00:00:00Z', false],
    ['9007199254740993', '9007199254740994', true],
    ['1.5', '1.25', false],
    ['1.25', '1.5', true],
    ['2026-01-01T00:00:00.123456Z', '2026-01-01T00:00:00.123457Z', true],
    ['2026-01-01T00:00:00.1234Z', '2026-01-01T00:00:00.123400Z', false],
  ])('counts version %s as older than %s: %s', (version, than, older) => {
    expect((compareVersions(version, than) ?? 0) < 0).toBe(older);
  });

  it('numbers the changes of many writers at once without a gap, and keeps each body it replaces', async () => {
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const by = index % 2 === 0 ? run : event;
        const own = [record(`k${index % 5}`, { index }), record(`own${index}`, { index })];
        await write(by, own, await base());
      }),
    );
    await remove(run, ['k0', 'k1', 'missing']);
    const log = await changes();
    expect(log.map((change) => change.seq)).toEqual(log.map((_, index) => index + 1));
    expect(await base()).toBe(log.length);
    expect(log.filter((change) => change.op === 'deleted')).toHaveLength(2);
    for (const change of log) {
      if (change.op === 'added') expect(change.previous).toBeNull();
      else expect(change.previous).toMatchObject({ index: expect.any(Number) as number });
    }
  });

  it('writes nothing under an old fence', async () => {
    await write(run, [record('a', { v: 1 })], 0);
    const successor = await acquireLease(database.db, 'acme', run.stream, 'run-1', 'other');
    await expect(write(run, [record('a', { v: 2 })], await base())).rejects.toMatchObject({
      code: 'lease_lost',
    });
    await expect(remove(run, ['a'])).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await stored()).toEqual([{ v: 1 }]);
    await write({ ...run, fence: successor?.fence ?? 0 }, [record('a', { v: 2 })], await base());
    expect(await stored()).toEqual([{ v: 2 }]);
    await successor?.release();
  });
});

describe('the lease of a stream', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  const take = (runId: string): Promise<Lease | undefined> =>
    acquireLease(database.db, 'acme', 'employees', runId, 'test');

  it('is refused to another run, taken over by the same one, and free after its release or its end', async () => {
    const first = await take('run-1');
    expect(await take('run-2')).toBeUndefined();
    const second = await take('run-1');
    expect(second?.fence).toBe((first?.fence ?? 0) + 1);
    await first?.release();
    expect(await take('run-2')).toBeUndefined();
    await second?.release();
    const third = await take('run-2');
    expect(third?.fence).toBe((second?.fence ?? 0) + 1);
    await database.db.pool.query(`update sluice.stream_leases set expires_at = now()`);
    const fourth = await take('run-3');
    expect(fourth?.fence).toBe((third?.fence ?? 0) + 1);
    await third?.release();
    expect(await take('run-4')).toBeUndefined();
    await fourth?.release();
  });

  it('goes to one of many who ask at once', async () => {
    const taken = await Promise.all(Array.from({ length: 20 }, (_, index) => take(`crowd-${index}`)));
    const holders = taken.filter((lease) => lease !== undefined);
    expect(holders).toHaveLength(1);
    await holders[0]?.release();
  });
});
