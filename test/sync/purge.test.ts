import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { purgeRecord, type Purged } from '../../src/sync/purge.ts';
import { runView } from '../../src/sync/history.ts';
import { timelineView } from '../../src/sync/timeline.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

describe('the purge of a record', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let count = 0;
  let id = '';
  let names: Record<string, string> = {};
  beforeAll(async () => {
    tiny = await startTinyProvider([
      tinyStream('a'),
      tinyStream('children', { path: '/a/{parent}/children', parent: 'a' }),
    ]);
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    names = { ann: 'Ann', bob: 'Bob', 'c/d': 'Cid' };
    tiny.answer = (url) => {
      if (url.pathname !== '/api/a') return { body: { items: [], next: null } };
      return { body: { items: Object.entries(names).map(([key, name]) => ({ id: key, name })), next: null } };
    };
  });

  const connect = (streams = ['a']) => fleet.connect(id, { ...tiny.connection, streams });
  const purge = (recordId: string): Promise<Purged | undefined> =>
    purgeRecord(fleet.runtime.db, { connectionId: id, stream: 'a', recordId });
  const changes = async () =>
    (
      await fleet.runtime.db.pool.query<{ seq: number; op: string; record_id: string; previous: unknown }>(
        `select seq::int, op, record_id, previous from sluice.changes
          where connection_id = $1 and stream = 'a' order by seq`,
        [id],
      )
    ).rows;
  /** Every row of every table of ours that has to do with the connection, as text. */
  const everything = async (): Promise<string> => {
    const { pool } = fleet.database.db;
    const tables = await pool.query<{ name: string }>(
      `select table_name as name from information_schema.tables
        where table_schema = 'sluice' and table_type = 'BASE TABLE'`,
    );
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const rows = await pool.query<{ row: string }>(
        `select regexp_replace(t::text, '\\\\x([0-9a-f]*)', '') ||
                coalesce((select convert_from(raw, 'UTF8') from sluice.rejected_records j
                           where '${name}' = 'rejected_records' and j.ctid = t.ctid), '') as row
           from sluice.${name} t`,
      );
      texts.push(...rows.rows.map(({ row }) => row));
    }
    return texts.join('\n');
  };

  it('leaves nothing of it but the numbers of its changes, and tells readers to erase it', async () => {
    const [key, body] = ['zoe-k3y-of-hers', 'Zoe-b0dy-of-hers'];
    names = { bob: 'Bob', [key]: body };
    // the last parent of a pass stands in its checkpoint
    await connect(['a', 'children']);
    await fleet.sync(id);
    names[key] = `${body}-2`;
    await fleet.sync(id);
    // a version that is refused, for a field that Postgres can't hold
    names[key] = `${body}-3\u0000`;
    await fleet.sync(id);
    const before = await changes();
    expect(before.map(({ op, record_id: record }) => [op, record])).toEqual([
      ['added', 'bob'],
      ['added', key],
      ['updated', key],
    ]);
    expect((await everything()).split(body).length).toBeGreaterThan(3);

    expect(await purge(key)).toEqual({ record: true, changes: 2, rejected: 1, seq: 4 });

    expect(await changes()).toEqual([
      before[0],
      { seq: 2, op: 'added', record_id: '', previous: null },
      { seq: 3, op: 'updated', record_id: '', previous: null },
      { seq: 4, op: 'deleted', record_id: key, previous: null },
    ]);
    const left = await everything();
    expect(left).not.toContain(body);
    // the one change that tells of it
    expect(left.split(key)).toHaveLength(2);
    expect(await fleet.mirror(id, 'a')).toEqual(new Map([['bob', { id: 'bob', name: 'Bob' }]]));
    expect(await purge(key)).toBeUndefined();
    expect(await purge('never-seen')).toBeUndefined();
    expect(await changes()).toHaveLength(4);
  });

  it('takes its id out of the paths that the history of runs shows', async () => {
    await connect(['a', 'children']);
    const run = await fleet.sync(id);
    const paths = async () =>
      (await timelineView(fleet.runtime.db, run.id)).timeline.flatMap((entry) =>
        entry.kind === 'request' && entry.stream === 'children' ? [entry.path] : [],
      );
    expect(await paths()).toEqual(['/api/a/ann/children', '/api/a/bob/children', '/api/a/c%2Fd/children']);
    await purge('ann');
    await purge('c/d');
    expect(await paths()).toEqual(['(erased)', '/api/a/bob/children', '(erased)']);

    const answer = tiny.answer;
    names = { bob: 'Bob' };
    tiny.answer = (url) => (url.pathname.includes('/bob/') ? { status: 400, body: {} } : answer(url));
    const failed = await fleet.sync(id, { allowDeletes: true });
    expect(failed.error?.message).toContain('/api/a/bob/children');
    await purge('bo');
    expect((await runView(fleet.runtime.db, failed.id))?.error).toEqual(failed.error);
    await purge('bob');
    const after = await runView(fleet.runtime.db, failed.id);
    expect(after?.error).toEqual({ ...failed.error, message: '(erased)' });
    expect(JSON.stringify(after)).not.toContain('bob');
  });

  it('also erases one that was deleted before, and says so again', async () => {
    await connect();
    await fleet.sync(id);
    delete names.ann;
    await fleet.sync(id);
    expect(await purge('ann')).toMatchObject({ record: true, changes: 2, seq: 5 });
    expect((await changes()).filter(({ record_id: record }) => record === '')).toHaveLength(2);
    // the source hasn't got it: it stays away
    expect((await fleet.sync(id)).streams[0]).toMatchObject({ added: 0, unchanged: 2 });
  });

  it('does not keep the record out that the source still has', async () => {
    await connect();
    await fleet.sync(id);
    await purge('ann');
    expect((await fleet.sync(id)).streams[0]).toMatchObject({ added: 1, unchanged: 2 });
    expect((await changes()).at(-1)).toMatchObject({ seq: 5, op: 'added', record_id: 'ann' });
  });

  it('is not undone by a page that was on its way', async () => {
    await connect();
    await fleet.sync(id);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => void (release = resolve));
    const answer = tiny.answer;
    let first = true;
    tiny.answer = async (url) => {
      const page = (await answer(url)) ?? { status: 404, body: {} };
      if (first) {
        first = false;
        await held;
      }
      return page;
    };
    const asked = tiny.asked.length;
    const runId = await fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'command', priority: 1 });
    await waitFor(async () => (tiny.asked.length > asked ? true : undefined), 10_000);
    delete names.ann;
    await purge('ann');
    release();
    const run = await fleet.ended(runId);
    expect(run).toMatchObject({ status: 'succeeded', requests: 2 });
    expect(run.streams[0]).toMatchObject({ added: 0, deleted: 0, unchanged: 2 });
    expect([...(await fleet.mirror(id, 'a')).keys()].toSorted()).toEqual(['bob', 'c/d']);
    expect((await changes()).at(-1)).toMatchObject({ seq: 4, op: 'deleted', record_id: 'ann' });
  });

  it('takes it out of what an open pass has seen, which finds the deletes of the others all the same', async () => {
    names = { ann: 'Ann', bob: 'Bob', dan: 'Dan' };
    let release = (): void => {};
    const held = new Promise<void>((resolve) => void (release = resolve));
    await connect();
    await fleet.sync(id);
    tiny.answer = async (url) => {
      const page = pageOf(url, ['ann', 'bob'], 1);
      if (url.searchParams.get('page') === '2') await held;
      return page;
    };
    const runId = await fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'command', priority: 1 });
    const seen = async () =>
      (
        await fleet.runtime.db.pool.query<{ keys: string[] }>(
          'select keys from sluice.seen_keys where run_id = $1 order by page',
          [runId],
        )
      ).rows.map(({ keys }) => keys);
    await waitFor(async () => ((await seen()).length > 0 ? true : undefined), 10_000);
    expect(await purge('ann')).toMatchObject({ record: true });
    expect(await seen()).toEqual([[]]);
    release();
    expect((await fleet.ended(runId)).streams[0]).toMatchObject({ status: 'succeeded', deleted: 1 });
    expect([...(await fleet.mirror(id, 'a')).keys()]).toEqual(['bob']);
  });

  it('leaves no gap and no double number beside a sync and other purges', async () => {
    const many = Array.from({ length: 60 }, (_, index) => String(index + 100));
    tiny.answer = (url) => pageOf(url, many, 5);
    await connect();
    await fleet.sync(id);
    tiny.answer = (url) => pageOf(url, [...many, '1', '2', '3'], 5);
    const runId = await fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'command', priority: 1 });
    const purged = await Promise.all(many.slice(0, 20).map((one) => purge(one)));
    expect(purged.every((one) => one?.record === true)).toBe(true);
    expect(await fleet.ended(runId, 60_000)).toMatchObject({ status: 'succeeded' });
    const numbers = (await changes()).map(({ seq }) => seq);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
  });
});
