import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startTinyProvider,
  tinyStream,
  type TinyAnswer,
  type TinyProvider,
} from '../support/tiny-provider.ts';
import { checkLedger, startEngine, type Engine } from './engine.ts';
import { feedStream, SequenceFeed } from './sequence-feed.ts';

const moment = '2026-01-01T00:00:00.000Z';

/** Three levels below a list, and two streams below a feed that marks what is gone. */
const streams = [
  tinyStream('parents'),
  tinyStream('children', { parent: 'parents', path: '/parents/{parent}/children' }),
  tinyStream('leaves', { parent: 'children', path: '/children/{parent}/leaves' }),
  tinyStream('visits', {
    parent: 'parents',
    path: '/parents/{parent}/visits',
    changes: { detect: 'watermark', order: 'newest-first', field: 'updatedAt' },
  }),
  feedStream('partners'),
  tinyStream('offers', { parent: 'partners', path: '/partners/{parent}/offers' }),
  feedStream('supplies', {
    parent: 'partners',
    path: '/supplies/sync/{sequence}',
    query: { parent: '{parent}' },
  }),
];

describe('the records of a parent that is gone', () => {
  let engine: Engine;
  let tiny: TinyProvider;
  let parents: string[] = [];
  let partners: SequenceFeed;
  let empty: Set<string>;
  let id = '';
  let count = 0;

  beforeAll(async () => {
    tiny = await startTinyProvider(streams);
    engine = await startEngine([tiny.definition]);
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `o${(count += 1)}`;
    parents = ['p1', 'p2', 'p3'];
    empty = new Set();
    partners = new SequenceFeed();
    for (const name of ['x', 'y', 'z']) partners.put(name);
    tiny.answer = (url) => {
      const [, , kind = '', key = '', nested] = url.pathname.split('/');
      const list = (ids: string[]): TinyAnswer => ({
        body: { items: ids.map((name) => ({ id: name, updatedAt: moment })), next: null },
      });
      if (empty.has(key)) return list([]);
      if (kind === 'parents' && nested === undefined) return list(parents);
      if (kind === 'partners' && nested === undefined)
        return key === 'maximum'
          ? { body: partners.maximum }
          : partners.page(Number(url.pathname.split('/').at(-1)), 10);
      if (kind === 'partners') return key === 'maximum' ? { body: partners.maximum } : feed(url);
      if (kind === 'supplies')
        return key === 'maximum' ? { body: 2 } : suppliesOf(url.searchParams.get('parent') ?? '', url);
      return list([`${key}-${nested ?? ''}-1`, `${key}-${nested ?? ''}-2`]);
    };
    // The feed's own path has one part more than the lists below it.
    const feed = (url: URL): TinyAnswer =>
      url.pathname.includes('/sync/')
        ? partners.page(Number(url.pathname.split('/').at(-1)), 10)
        : { body: { items: [{ id: `${url.pathname.split('/')[3] ?? ''}-offer` }], next: null } };
    const suppliesOf = (parent: string, url: URL): TinyAnswer => {
      const given = Number(url.pathname.split('/').at(-1));
      const items = [1, 2].filter((n) => n > given).map((n) => ({ id: `${parent}-${n}`, n }));
      return { body: { items, top: 2 } };
    };
    await engine.fleet.connect(id, { ...tiny.connection });
  });

  const keys = async (stream: string): Promise<string[]> =>
    [...(await engine.fleet.mirror(id, stream)).keys()].sort();
  const ledgers = async (): Promise<void> => {
    for (const { name } of streams) await checkLedger(engine, id, name, false);
  };
  const deletions = async (stream: string): Promise<string[]> =>
    (
      await engine.fleet.runtime.db.pool.query<{ record_id: string }>(
        `select record_id from sluice.changes where connection_id = $1 and stream = $2 and op = 'deleted' order by seq`,
        [id, stream],
      )
    ).rows.map((row) => row.record_id);

  it('go with it, on every level and whatever detects their changes, once and with numbers', async () => {
    await engine.run(id);
    parents = ['p1', 'p3'];
    const ended = await engine.run(id);
    expect([...ended.values()].map(({ status }) => status)).toEqual(streams.map(() => 'succeeded'));
    expect(ended.get('visits')).toMatchObject({ mode: 'incremental', deleted: 2 });
    expect(await deletions('children')).toEqual(['p2-children-1', 'p2-children-2']);
    expect(await deletions('leaves')).toHaveLength(4);
    expect(await deletions('visits')).toEqual(['p2-visits-1', 'p2-visits-2']);
    await engine.run(id);
    expect(await deletions('children')).toHaveLength(2);
    await ledgers();
    // Comes back: its lists are read from the start.
    parents = ['p1', 'p2', 'p3'];
    await engine.run(id);
    expect(await keys('visits')).toHaveLength(6);
    expect(await keys('leaves')).toHaveLength(12);
    await ledgers();
  });

  it('go with one that its feed marks as gone, even where they were all there was', async () => {
    await engine.run(id);
    for (const name of ['x', 'y', 'z']) partners.put(name, { isDeleted: true });
    const ended = await engine.run(id);
    expect(ended.get('partners')).toMatchObject({ status: 'succeeded', deleted: 3 });
    expect(ended.get('offers')).toMatchObject({ status: 'succeeded', deleted: 3 });
    expect(ended.get('supplies')).toMatchObject({ status: 'succeeded', deleted: 6 });
    await ledgers();
  });

  it('go with one whose record was erased without a trace', async () => {
    await engine.run(id);
    await engine.fleet.runtime.db.pool.query(
      `delete from sluice.records where connection_id = $1 and record_id = 'y'`,
      [id],
    );
    expect((await engine.run(id)).get('supplies')).toMatchObject({ deleted: 2 });
    expect(await keys('offers')).toEqual(['x-offer', 'z-offer']);
  });

  it('stay while its own deletion is held, also where their lists answer with nothing', async () => {
    await engine.run(id);
    parents = [];
    empty = new Set(['p2']);
    const ended = await engine.run(id, { full: true });
    expect(ended.get('parents')).toMatchObject({ status: 'held', error: { code: 'deletes_held' } });
    expect(ended.get('children')).toMatchObject({ status: 'succeeded', deleted: 0 });
    expect(ended.get('visits')).toMatchObject({ status: 'succeeded', deleted: 0 });
    expect(await keys('children')).toHaveLength(6);
    expect(await keys('visits')).toHaveLength(6);
    // Accepted: now they follow.
    await engine.run(id, { allowDeletes: true });
    for (const stream of ['parents', 'children', 'leaves', 'visits']) expect(await keys(stream)).toEqual([]);
    await ledgers();
  });

  it('are held themselves where they are too much, counted over all partitions', async () => {
    await engine.run(id);
    // One parent of three goes unasked; all that the others have goes with it.
    parents = ['p1', 'p3'];
    empty = new Set(['p1', 'p3']);
    const ended = await engine.run(id, { full: true });
    expect(ended.get('parents')).toMatchObject({ status: 'succeeded', deleted: 1 });
    expect(ended.get('children')).toMatchObject({ status: 'held', deleted: 0 });
    expect(ended.get('visits')).toMatchObject({ status: 'held', deleted: 0 });
    expect(ended.get('children')?.error?.message).toContain('6 of 6 records of children');
    expect(await keys('children')).toHaveLength(6);
  });

  it('are held in a pass that reads what is new, too, until somebody allows it', async () => {
    parents = ['p1'];
    await engine.run(id);
    await engine.fleet.runtime.db.pool.query(
      `update sluice.records set deleted_at = now() where connection_id = $1 and stream = 'parents'`,
      [id],
    );
    parents = [];
    expect((await engine.run(id)).get('visits')).toMatchObject({ mode: 'incremental', status: 'held' });
    expect(await keys('visits')).toHaveLength(2);
    expect((await engine.run(id, { allowDeletes: true })).get('visits')).toMatchObject({ deleted: 2 });
  });

  it('bring their parents along where those were not chosen', async () => {
    await engine.fleet.connect(id, { ...tiny.connection, streams: ['leaves'] });
    expect([...(await engine.run(id)).keys()].sort()).toEqual(['children', 'leaves', 'parents']);
    expect(await keys('parents')).toHaveLength(3);
  });

  it('a partition that is new to a watermark stream is read completely, the others from their own watermark', async () => {
    await engine.run(id);
    parents = ['p1', 'p2', 'p3', 'p4'];
    const cursor = async (): Promise<unknown> =>
      (
        await engine.fleet.runtime.db.pool.query<{ cursor: unknown }>(
          `select cursor from sluice.streams where connection_id = $1 and stream = 'visits'`,
          [id],
        )
      ).rows[0]?.cursor;
    expect(Object.keys(((await cursor()) as { partitions: object }).partitions)).toEqual(['p1', 'p2', 'p3']);
    expect((await engine.run(id)).get('visits')).toMatchObject({ mode: 'incremental' });
    expect(await keys('visits')).toHaveLength(8);
    expect(await cursor()).toMatchObject({ partitions: { p4: { watermark: moment } } });
  });
});

describe('a list that is suddenly empty', () => {
  let engine: Engine;
  let tiny: TinyProvider;
  let ids: string[] = [];
  beforeAll(async () => {
    tiny = await startTinyProvider([tinyStream('things')]);
    engine = await startEngine([tiny.definition]);
    await engine.fleet.connect('acme', { ...tiny.connection });
    tiny.answer = () => ({ body: { items: ids.map((name) => ({ id: name })), next: null } });
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });

  it('is held with 40 rows, says which command allows it, and is nothing once the data is back', async () => {
    const all = Array.from({ length: 40 }, (_, n) => `r${n}`);
    ids = all;
    await engine.run('acme');
    ids = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const held = (await engine.run('acme')).get('things');
      expect(held).toMatchObject({ status: 'held', deleted: 0, error: { code: 'deletes_held' } });
      expect(held?.error?.advice).toContain('sluice sync acme --stream things --allow-deletes');
    }
    ids = all;
    expect((await engine.run('acme')).get('things')).toMatchObject({ status: 'succeeded', deleted: 0 });
    ids = [];
    expect((await engine.run('acme', { allowDeletes: true })).get('things')).toMatchObject({ deleted: 40 });
    // Allowed for that run alone.
    ids = all;
    await engine.run('acme');
    ids = [];
    expect((await engine.run('acme')).get('things')).toMatchObject({ status: 'held' });
    await checkLedger(engine, 'acme', 'things', false);
  });
});
