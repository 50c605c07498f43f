import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canonical } from '../../src/sync/canonical.ts';
import type { EventWrite } from '../../src/sync/event-writer.ts';
import { currentSeq } from '../../src/sync/writer.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { checkLedger, startEngine, type Engine } from './engine.ts';
import { answerFrom, feedStream, SequenceFeed } from './sequence-feed.ts';

const at = (second: number): string =>
  new Date(Date.parse('2026-01-01T00:00:00Z') + second * 1000).toISOString();

describe('an event', () => {
  let engine: Engine;
  let tiny: TinyProvider;
  let id = '';
  let count = 0;
  let list: object[] = [];

  beforeAll(async () => {
    tiny = await startTinyProvider([
      tinyStream('things', { version: 'updatedAt' }),
      tinyStream('others'),
      feedStream('fed'),
    ]);
    engine = await startEngine([tiny.definition]);
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `e${(count += 1)}`;
    list = [];
    tiny.answer = () => ({ body: { items: list, next: null } });
    await engine.fleet.connect(id, { ...tiny.connection });
  });

  const body = (key: string, second: number, value = second) => ({ id: key, value, updatedAt: at(second) });
  const put = (
    key: string,
    second: number,
    more: { value?: number; stream?: string; baseSeq?: number } = {},
  ): EventWrite => ({
    stream: more.stream ?? 'things',
    records: [{ id: key, ...canonical(body(key, second, more.value)), version: at(second), partition: '' }],
    deletions: [],
    baseSeq: more.baseSeq ?? null,
  });
  const gone = (key: string, second: number | null, stream = 'things'): EventWrite => ({
    stream,
    records: [],
    deletions: [{ id: key, version: second === null ? null : at(second) }],
    baseSeq: null,
  });
  let events = 0;
  const apply = (...writes: EventWrite[]) => engine.event(id, `event-${(events += 1)}`, writes);
  const sync = () => engine.run(id, { streams: ['things'], allowDeletes: true });
  const stored = async (stream = 'things') => [...(await engine.fleet.mirror(id, stream)).values()];

  it('adds, updates and deletes before any run has, and returns the counts', async () => {
    expect(await apply(put('a', 1), put('b', 1, { stream: 'others' }))).toEqual({
      added: 2,
      updated: 0,
      deleted: 0,
      unchanged: 0,
      contended: [],
    });
    expect(await apply(put('a', 2), gone('b', 2, 'others'))).toMatchObject({ updated: 1, deleted: 1 });
    expect(await apply(put('a', 2))).toMatchObject({ unchanged: 1, updated: 0 });
    expect(await stored()).toEqual([body('a', 2)]);
    await checkLedger(engine, id, 'things', true);
    await checkLedger(engine, id, 'others', true);
  });

  it('that is older than what is stored changes nothing, whoever stored it', async () => {
    list = [body('a', 5)];
    await sync();
    expect(await apply(put('a', 4))).toMatchObject({ unchanged: 1 });
    expect(await apply(gone('a', 4))).toMatchObject({ deleted: 0 });
    await apply(put('a', 6));
    expect(await stored()).toEqual([body('a', 6)]);
    // and neither does an older list, which another machine of the provider answered
    await sync();
    expect(await stored()).toEqual([body('a', 6)]);
  });

  it('of the same moment with other content is applied', async () => {
    await apply(put('a', 5));
    await apply(put('a', 5, { value: 9 }));
    expect(await stored()).toEqual([body('a', 5, 9)]);
  });

  it('does not bring back what a newer event has deleted, but one that is newer still does', async () => {
    await apply(put('a', 1));
    await apply(gone('a', 5));
    await apply(put('a', 4));
    list = [body('a', 4)];
    await sync();
    expect(await stored()).toEqual([]);
    expect(await apply(put('a', 6))).toMatchObject({ added: 1 });
    await checkLedger(engine, id, 'things', true);
  });

  it('does not bring back what a complete pass has found to be gone, but a pass that names it does', async () => {
    list = [body('a', 5), body('b', 1)];
    await sync();
    list = [body('b', 1)];
    await sync();
    await apply(put('a', 5));
    expect(await stored()).toEqual([body('b', 1)]);
    list = [body('a', 5), body('b', 1)];
    await sync();
    expect(await stored()).toHaveLength(2);
  });

  it('of a deletion in between is remembered where the record was deleted already', async () => {
    list = [body('a', 1)];
    await sync();
    list = [];
    await sync();
    expect(await apply(gone('a', 8))).toMatchObject({ deleted: 0 });
    await apply(put('a', 7));
    expect(await stored()).toEqual([]);
  });

  it('of a stream without versions is told from older ones by its time, also over equal content', async () => {
    const other = (second: number, value: number): EventWrite => ({
      ...put('a', second, { stream: 'others' }),
      records: [{ id: 'a', ...canonical({ id: 'a', value }), version: at(second), partition: '' }],
    });
    list = [{ id: 'a', value: 3 }];
    await engine.run(id, { streams: ['others'] });
    expect(await apply(other(9, 3))).toMatchObject({ unchanged: 1 });
    await apply(other(8, 2));
    expect(await stored('others')).toEqual([{ id: 'a', value: 3 }]);
    list = [{ id: 'a', value: 4 }];
    await engine.run(id, { streams: ['others'] });
    await apply(other(8, 2));
    expect(await stored('others')).toEqual([{ id: 'a', value: 4 }]);
  });

  it('whose object was asked for leaves alone what somebody else wrote meanwhile, and says so', async () => {
    const key = { connectionId: id, stream: 'others' };
    const { db } = engine.fleet.runtime;
    const plain = (value: number, baseSeq: number): EventWrite => ({
      stream: 'others',
      records: [{ id: 'a', ...canonical({ value }), version: null, partition: '' }],
      deletions: [],
      baseSeq,
    });
    const asked = await currentSeq(db.pool, key);
    await apply(plain(1, await currentSeq(db.pool, key)));
    expect(await apply(plain(2, asked))).toMatchObject({ unchanged: 1, contended: ['a'] });
    expect(await apply(plain(2, await currentSeq(db.pool, key)))).toMatchObject({ updated: 1 });
  });

  it('is not deleted by a pass that began before it came', async () => {
    list = [body('a', 1)];
    await sync();
    tiny.answer = async () => {
      await apply(put('new', 3));
      return { body: { items: list, next: null } };
    };
    await sync();
    expect(await stored()).toHaveLength(2);
    tiny.answer = () => ({ body: { items: list, next: null } });
    await sync();
    expect(await stored()).toEqual([body('a', 1)]);
  });

  it('written while its page of a feed is on the way makes the feed be asked for that record again', async () => {
    const feed = new SequenceFeed();
    for (const key of ['a', 'b', 'c', 'd']) feed.put(key, { state: 'new' });
    const answers = answerFrom(() => feed);
    let stale = true;
    tiny.answer = async (url) => {
      const page = answers(url) ?? { body: {} };
      if (stale && url.pathname.endsWith('/sync/0')) {
        stale = false;
        // Told late: the feed is further already.
        const old = { id: 'b', ...canonical({ id: 'b', state: 'old' }), version: null, partition: '' };
        await apply({ stream: 'fed', records: [old], deletions: [], baseSeq: null });
      }
      return page;
    };
    expect((await engine.run(id, { streams: ['fed'] })).get('fed')).toMatchObject({ status: 'succeeded' });
    expect(await stored('fed')).toEqual(
      expect.arrayContaining(['a', 'b', 'c', 'd'].map((key, n) => ({ id: key, state: 'new', n: n + 1 }))),
    );
    await checkLedger(engine, id, 'fed', false);
  });

  it('of a connection that was removed is refused', async () => {
    await expect(engine.event('nobody', 'x', [put('a', 1)])).rejects.toMatchObject({
      code: 'connection_removed',
    });
  });

  it('and a hundred others at once, over two streams in both orders and beside a run, leave no gap and no deadlock', async () => {
    const keys = Array.from({ length: 12 }, (_, n) => `k${String(n).padStart(2, '0')}`);
    list = keys.map((key) => body(key, 50));
    const writes = Array.from({ length: 100 }, (_, n) => {
      const [one, two] = [keys[n % 12] ?? '', keys[(n * 7 + 3) % 12] ?? ''];
      const both = [
        n % 9 === 0 ? gone(one, n) : put(one, n),
        n % 5 === 0 ? gone(two, n, 'others') : put(two, n, { stream: 'others' }),
      ];
      return apply(...(n % 2 === 0 ? both : both.reverse()));
    });
    await Promise.all([...writes, engine.run(id, { allowDeletes: true, streams: ['things', 'others'] })]);
    await checkLedger(engine, id, 'things', true);
    // Its list has no versions: the run's own copies of these records are judged by the order of their writing.
    await checkLedger(engine, id, 'others', false);
    const things = await engine.fleet.runtime.db.pool.query<{ version: string; record_id: string }>(
      `select record_id, version from sluice.records where connection_id = $1 and stream = 'things' order by record_id`,
      [id],
    );
    const newest = (key: string): string =>
      at(Math.max(...Array.from({ length: 100 }, (_, n) => n).filter((n) => keys[n % 12] === key)));
    for (const row of things.rows) expect(row.version).toBe(newest(row.record_id));
    expect(things.rows).toHaveLength(12);
  });
});
