import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canonical } from '../../src/sync/canonical.ts';
import { acquireLease } from '../../src/sync/lease.ts';
import { PAGE_SQL, readChanges, type ChangePage, type ChangeView } from '../../src/sync/read-changes.ts';
import { deleteRecords } from '../../src/sync/delete-records.ts';
import { lockStream, writeRecords, type Writer } from '../../src/sync/writer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let writer: Writer;
let streams = 0;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const stream = `s${(streams += 1)}`;
  const lease = await acquireLease(database.db, 'acme', stream, 'run', 'test');
  if (lease === undefined) throw new Error('the lease of a new stream is free');
  writer = { connectionId: 'acme', stream, writer: 'run', fence: lease.fence };
  return () => lease.release();
});

const write = async (bodies: Readonly<Record<string, unknown>>): Promise<void> => {
  const records = Object.entries(bodies).map(([id, body]) => ({
    id,
    ...canonical(body),
    version: null,
    partition: '',
  }));
  await database.db.tx(async (client) => {
    const last = await lockStream(client, writer);
    await writeRecords(client, writer, records, last, last);
  });
};
const remove = (...ids: string[]): Promise<number> =>
  database.db.tx(async (client) => {
    const gone = ids.map((id) => ({ id, version: null }));
    return deleteRecords(client, writer, gone, await lockStream(client, writer));
  });
const read = (after = 0, limit = 100): Promise<ChangePage> =>
  readChanges(database.db, writer, { after, limit });
const truncateTo = (seq: number): Promise<unknown> =>
  database.db.pool.query(`delete from sluice.changes where stream = $1 and seq < $2`, [writer.stream, seq]);

describe('the change feed', () => {
  it('gives each change with the record as it is now', async () => {
    await write({ a: { v: 1 }, b: { v: 1 } });
    await write({ a: { v: 2 } });
    await remove('b');
    const { changes, last } = await read();
    expect(last).toBe(4);
    expect(
      changes.map(({ changedAt, ...change }) => ({ ...change, at: Number.isNaN(Date.parse(changedAt)) })),
    ).toEqual([
      { seq: 1, op: 'added', id: 'a', record: { v: 2 }, at: false },
      { seq: 2, op: 'added', id: 'b', record: null, at: false },
      { seq: 3, op: 'updated', id: 'a', record: { v: 2 }, at: false },
      { seq: 4, op: 'deleted', id: 'b', record: null, at: false },
    ]);
  });

  it('goes on after a number, a page at a time, and says how far it goes', async () => {
    await write(Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((id) => [id, {}])));
    expect((await read(2, 2)).changes.map(({ seq }) => seq)).toEqual([3, 4]);
    expect((await read(4, 2)).changes.map(({ seq }) => seq)).toEqual([5]);
    expect(await read(5, 2)).toEqual({ changes: [], last: 5 });
  });

  it('of a stream that never ran is empty', async () => {
    expect(
      await readChanges(database.db, { connectionId: 'acme', stream: 'new' }, { after: 0, limit: 5 }),
    ).toEqual({
      changes: [],
      last: 0,
    });
  });

  it('refuses a number that no change has yet, and names the newest', async () => {
    await write({ a: {} });
    await expect(read(2)).rejects.toMatchObject({ code: 'cursor_ahead', details: { last: 1 } });
  });

  it('refuses a number whose successor is kept no more, and names the earliest that is', async () => {
    await write({ a: {}, b: {}, c: {}, d: {} });
    await truncateTo(3);
    for (const after of [0, 1]) {
      await expect(read(after)).rejects.toMatchObject({ code: 'feed_truncated', details: { earliest: 3 } });
    }
    expect((await read(2)).changes.map(({ seq }) => seq)).toEqual([3, 4]);
  });

  it('that was truncated entirely still knows where it was', async () => {
    await write({ a: {}, b: {} });
    await truncateTo(100);
    await expect(read(1)).rejects.toMatchObject({ code: 'feed_truncated', details: { earliest: 3 } });
    await expect(read(3)).rejects.toMatchObject({ code: 'cursor_ahead', details: { last: 2 } });
    expect(await read(2)).toEqual({ changes: [], last: 2 });
    await write({ c: {} });
    expect((await read(2)).changes.map(({ seq }) => seq)).toEqual([3]);
  });

  it('shows a change of a record that was erased without the record', async () => {
    await write({ a: { v: 1 } });
    await database.db.pool.query(`update sluice.changes set record_id = '' where stream = $1`, [
      writer.stream,
    ]);
    await database.db.pool.query(`delete from sluice.records where stream = $1`, [writer.stream]);
    expect((await read()).changes).toMatchObject([{ seq: 1, op: 'added', id: null, record: null }]);
  });
});

describe('a reader, while two processes write', () => {
  const run = promisify(execFile);
  const script = join(import.meta.dirname, 'writer-process.mjs');

  it(
    'sees every number once and in order, and ends with what is mirrored',
    { timeout: 120_000 },
    async () => {
      const processes = ['run', 'event'].map(async (name) => {
        const argument = { url: database.url, writer: { ...writer, writer: name }, rounds: 200 };
        return Number((await run(process.execPath, [script, JSON.stringify(argument)])).stdout);
      });
      let over = false;
      const written = Promise.all(processes).finally(() => (over = true));
      // whoever waits for it is the reader below; until then it must not count as unhandled
      written.catch(() => undefined);
      const seen: ChangeView[] = [];
      const pagesWhileWriting = { full: 0, partial: 0 };
      for (;;) {
        const wasOver = over;
        const { changes, last } = await read(seen.at(-1)?.seq ?? 0, 7);
        seen.push(...changes);
        if (!wasOver && changes.length > 0) pagesWhileWriting[changes.length === 7 ? 'full' : 'partial'] += 1;
        if (wasOver && seen.length === last) break;
        if (wasOver && changes.length === 0) break;
      }
      const counts = await written;
      expect(Math.min(...counts)).toBeGreaterThan(200);
      expect(seen.map(({ seq }) => seq)).toEqual(
        Array.from({ length: counts.reduce((one, other) => one + other) }, (_, index) => index + 1),
      );
      // the reader was at it while they wrote: pages ended where the feed ended at that moment
      expect(pagesWhileWriting.partial).toBeGreaterThan(0);
      expect(replayed(seen)).toEqual(await mirrored());
    },
  );

  /** What a reader has that keeps for each record whether it is there. */
  function replayed(changes: readonly ChangeView[]): string[] {
    const live = new Set<string>();
    for (const { op, id } of changes) {
      // a record is added only where it isn't there, and the rest only where it is
      expect(live.has(id ?? ''), `${op} ${id}`).toBe(op !== 'added');
      if (op === 'deleted') live.delete(id ?? '');
      else live.add(id ?? '');
    }
    return [...live].sort();
  }

  async function mirrored(): Promise<string[]> {
    const result = await database.db.pool.query<{ record_id: string }>(
      `select record_id from sluice.records where stream = $1 and deleted_at is null`,
      [writer.stream],
    );
    return result.rows.map((row) => row.record_id).sort();
  }
});

describe('a page', () => {
  const COUNT = 20_000;
  beforeAll(async () => {
    await database.db.pool.query(
      `with added as (
         insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
         select 'acme', stream, 'r' || n, '{"some": "body"}', '', n, 'test', now()
           from generate_series(1, $1) n, unnest(array['big', 'other']) stream
       ), known as (
         insert into sluice.streams (connection_id, stream, last_seq)
         select 'acme', stream, $1 from unnest(array['big', 'other']) stream
         union all select 'c' || n, 'empty', 0 from generate_series(1, 3000) n
       )
       insert into sluice.changes (connection_id, stream, seq, op, record_id, changed_at)
       select 'acme', stream, n, 'added', 'r' || n, now()
         from generate_series(1, $1) n, unnest(array['big', 'other']) stream`,
      [COUNT],
    );
    await database.db.pool.query('analyze sluice.changes, sluice.records, sluice.streams');
  });

  interface Plan {
    readonly 'Node Type': string;
    readonly 'Index Name'?: string;
    readonly 'Actual Rows': number;
    readonly 'Actual Loops': number;
    readonly Plans?: readonly Plan[];
  }
  const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

  it.each([0, COUNT / 2, COUNT - 200])(
    'after %i is read by index alone, and touches no more than it gives',
    async (after) => {
      const result = await database.db.pool.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `explain (analyze, format json) ${PAGE_SQL}`,
        ['acme', 'big', after, 100],
      );
      const plan = nodes(result.rows[0]?.['QUERY PLAN'][0].Plan ?? expect.unreachable());
      const kinds = new Set(plan.map((node) => node['Node Type']));
      expect([...kinds].filter((kind) => /Sort|Seq Scan|Bitmap|Hash|Merge/.test(kind))).toEqual([]);
      const scans = plan.filter((node) => node['Index Name'] !== undefined);
      expect(new Set(scans.map((node) => node['Index Name']))).toEqual(
        new Set([
          'changes_connection_id_stream_seq_pk',
          'records_connection_id_stream_record_id_pk',
          'streams_connection_id_stream_pk',
        ]),
      );
      for (const scan of scans) expect(scan['Actual Rows'] * scan['Actual Loops']).toBeLessThanOrEqual(100);
    },
  );
});
