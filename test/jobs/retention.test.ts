import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyRetention, retentionOf, type RetentionContext } from '../../src/sync/retention.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const DAY = 86_400_000;

describe('the retention of history', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let count = 0;
  let id = '';
  const log: string[] = [];
  beforeAll(async () => {
    tiny = await startTinyProvider([tinyStream('a'), tinyStream('b')]);
    fleet = await startFleet({ workers: false, providers: [tiny.definition], log });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    log.splice(0);
    for (const table of ['connections', 'runs', 'changes', 'rejected_records', 'records', 'streams'])
      await query(`delete from sluice.${table}`);
  });

  const query = async <Row extends object = Record<string, unknown>>(sql: string, values: unknown[] = []) =>
    (await fleet.database.db.pool.query<Row>(sql, values)).rows;
  const connect = (retention: object): Promise<void> => fleet.connect(id, { ...tiny.connection, retention });
  const retain = (more: Partial<RetentionContext> = {}) =>
    applyRetention({
      db: fleet.runtime.db,
      logger: fleet.runtime.logger,
      now: Date.now,
      pauseMs: 0,
      ...more,
    });
  /** A run that ended so many days ago; with a stream, a timeline and seen keys. */
  const run = async (name: string, daysAgo: number, more: { slot?: string; connection?: string } = {}) => {
    const over = more.slot === undefined;
    await query(
      `insert into sluice.runs (id, connection_id, status, slot, trigger, created_at, finished_at)
       values ($1, $2, $3, $4, 'command', now() - make_interval(days => $5),
               case when $4::text is null then now() - make_interval(days => $5) end)`,
      [name, more.connection ?? id, over ? 'succeeded' : 'running', more.slot ?? null, daysAgo],
    );
    await query(`insert into sluice.run_streams (run_id, stream) values ($1, 'a')`, [name]);
    await query(
      `insert into sluice.run_timeline (run_id, stream, slot, number, at, entry) values ($1, 'a', 1, 1, now(), '{}')`,
      [name],
    );
  };
  const runs = async () =>
    (await query<{ id: string }>('select id from sluice.runs order by id')).map((row) => row.id);
  /** Changes with these ages in days, in the order of their numbers. */
  const changes = async (stream: string, ages: readonly number[], connection = id): Promise<void> => {
    await query(
      `insert into sluice.streams (connection_id, stream, last_seq) values ($1, $2, $3)
       on conflict (connection_id, stream) do update set last_seq = excluded.last_seq`,
      [connection, stream, ages.length],
    );
    await query(
      `insert into sluice.changes (connection_id, stream, seq, op, record_id, changed_at)
       select $1, $2, n, 'added', 'r' || n, now() - make_interval(days => age)
         from unnest($3::int[]) with ordinality as t (age, n)`,
      [connection, stream, ages],
    );
  };
  const feed = async (stream: string, connection = id) => {
    const [row] = await query<{ first: number; last: number; seqs: number[] | null }>(
      `select first_seq::int as first, last_seq::int as last,
              (select array_agg(seq::int order by seq) from sluice.changes c
                where c.connection_id = s.connection_id and c.stream = s.stream) as seqs
         from sluice.streams s where connection_id = $1 and stream = $2`,
      [connection, stream],
    );
    return row;
  };

  it('deletes old runs with what belongs to them, but no open one and never the newest that is over', async () => {
    await connect({ runs: '10d' });
    await run('a-old', 40);
    await run('b-old', 11);
    await run('c-young', 9);
    await run('d-open', 50, { slot: 'active' });
    await run('e-other', 300, { connection: 'removed' });
    await run('f-other', 200, { connection: 'removed' });
    await run('g-other', 30, { connection: 'kept' });
    expect(await retain()).toMatchObject({ runs: 3 });
    expect(await runs()).toEqual(['c-young', 'd-open', 'f-other', 'g-other']);
    for (const table of ['run_streams', 'run_timeline'])
      expect((await query(`select run_id from sluice.${table}`)).length).toBe(4);
    expect(await retain()).toEqual({ runs: 0, changes: 0, rejected: 0 });
    await query(`delete from sluice.runs where id in ('c-young')`);
    await run('h-old', 20);
    // the newest that is over, however old
    expect(await retain()).toMatchObject({ runs: 0 });
  });

  it('shortens a feed from its beginning only, and writes down where it begins', async () => {
    await connect({ changes: '10d' });
    // a clock that was wrong for a while must not make a hole
    await changes('a', [30, 20, 5, 30, 1]);
    await changes('b', [30, 20]);
    await changes('a', [100, 80], 'removed');
    expect(await retain()).toMatchObject({ changes: 5 });
    expect(await feed('a')).toEqual({ first: 3, last: 5, seqs: [3, 4, 5] });
    expect(await feed('b')).toEqual({ first: 3, last: 2, seqs: null });
    expect(await feed('a', 'removed')).toEqual({ first: 2, last: 2, seqs: [2] });
  });

  it('deletes rejected records together with the runs that met them, and keeps tombstones', async () => {
    await connect({ runs: '10d', changes: '1d' });
    await changes('a', [30]);
    await query(
      `insert into sluice.rejected_records (connection_id, stream, run_id, raw, reason, rejected_at)
       select $1, 'a', 'r', '', 'why ' || age, now() - make_interval(days => age) from unnest(array[40, 11, 9]) age`,
      [id],
    );
    await query(
      `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at, deleted_at)
       select $1, 'a', 'r', '{}', '', 1, '', t, t from (select now() - interval '1000 days' as t) long_ago`,
      [id],
    );
    expect(await retain()).toEqual({ runs: 0, changes: 1, rejected: 2 });
    expect(await query('select reason from sluice.rejected_records')).toEqual([{ reason: 'why 9' }]);
    expect(await query('select record_id from sluice.records')).toHaveLength(1);
  });

  it('works in batches beside other processes and a writer, and says what it did', async () => {
    await connect({ runs: '10d', changes: '10d' });
    const ages = Array.from({ length: 3_500 }, (_, index) => (index < 3_210 ? 30 : 1));
    await changes('a', ages);
    for (let index = 0; index < 70; index += 1) await run(`r${String(index).padStart(2, '0')}`, 100 - index);
    const told = { runs: 0, changes: 0, rejected: 0 };
    const write = async (): Promise<void> => {
      for (let index = 0; index < 40; index += 1)
        await fleet.runtime.db.tx(async (client) => {
          await client.query(
            `select 1 from sluice.streams where connection_id = $1 and stream = 'a' for update`,
            [id],
          );
          await client.query(
            `insert into sluice.changes (connection_id, stream, seq, op, record_id, changed_at)
             select $1, 'a', last_seq + 1, 'added', 'w', now() from sluice.streams
              where connection_id = $1 and stream = 'a'`,
            [id],
          );
          await client.query(
            `update sluice.streams set last_seq = last_seq + 1 where connection_id = $1 and stream = 'a'`,
            [id],
          );
        });
    };
    const workers = Array.from({ length: 4 }, () =>
      retain({ onDeleted: (kind, deleted) => void (told[kind] += deleted) }),
    );
    await Promise.all([...workers, write()]);
    // a worker that found rows of another's batch taken leaves them to the next look
    await retain({ onDeleted: (kind, deleted) => void (told[kind] += deleted) });
    expect(told).toEqual({ runs: 69, changes: 3_210, rejected: 0 });
    const { first, last, seqs } = (await feed('a')) ?? { first: 0, last: 0, seqs: [] };
    expect({ first, last }).toEqual({ first: 3_211, last: 3_540 });
    expect(seqs).toEqual(Array.from({ length: 330 }, (_, index) => 3_211 + index));
    expect(await runs()).toEqual(['r69']);
    const lines = log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'old history was deleted');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.reduce((sum, line) => sum + line.changes, 0)).toBe(3_210);
    expect(lines[0]).toMatchObject({ connection: id, changesMs: 10 * DAY, runsMs: 10 * DAY });
  });

  it('stops when its process does', async () => {
    await connect({ changes: '10d' });
    await changes(
      'a',
      Array.from({ length: 2_500 }, () => 30),
    );
    const stop = new AbortController();
    let sent = 0;
    const stopping = await retain({
      signal: stop.signal,
      now: () => {
        // the second batch is not begun any more
        if ((sent += 1) === 6) stop.abort();
        return Date.now();
      },
    });
    expect(stopping.changes).toBeLessThan(2_500);
    expect((await feed('a'))?.first).toBe(stopping.changes + 1);
    expect((await retain()).changes).toBe(2_500 - stopping.changes);
  });

  it('is a job that some worker does by itself', async () => {
    await connect({ runs: '10d' });
    await run('old', 40);
    await run('young', 1);
    const workers = await fleet.runtime.startWorkers({ schedules: false });
    try {
      await waitFor(async () => ((await runs()).includes('old') ? undefined : true), 20_000);
      expect(await runs()).toEqual(['young']);
      const { body } = await fleet.runtime.metrics.render();
      expect(body).toContain('sluice_history_deleted_total{kind="runs"} 1');
    } finally {
      await workers.stop(10_000);
    }
  });

  it('falls back to the defaults for what was stored before there was any', () => {
    const defaults = { changesMs: 90 * DAY, eventsMs: 30 * DAY, runsMs: 90 * DAY };
    expect(retentionOf(null)).toEqual(defaults);
    expect(retentionOf({ retention: { runsMs: DAY } })).toEqual({ ...defaults, runsMs: DAY });
  });
});
