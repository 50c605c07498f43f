import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resetStreams } from '../../src/sync/reset.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { startEngine, type Engine } from './engine.ts';
import { Source, sourceStream, type Listing } from './source.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const field = 'updatedAt';

const listings: Readonly<Record<string, Listing>> = {
  fresh: { sort: 'newest', next: 'key', size: 2 },
  sorted: { sort: 'newest', next: 'key', size: 2 },
  timeless: { sort: 'newest', next: 'key', size: 2, timeless: true },
  rising: { sort: 'oldest', next: 'count', size: 2 },
};

describe('a stream with a watermark', () => {
  let engine: Engine;
  let tiny: TinyProvider;
  let source: Source;
  let count = 0;
  let id = '';
  let onPage: (request: number) => void = () => undefined;

  beforeAll(async () => {
    tiny = await startTinyProvider([
      sourceStream('fresh', {
        changes: { detect: 'watermark', order: 'newest-first', field, overlapMs: 10 },
        tombstones: [{ field: 'gone', values: [true] }],
      }),
      sourceStream('sorted', {
        changes: {
          detect: 'watermark',
          order: 'newest-first',
          field,
          overlapMs: 10,
          completeQuery: { sort: 'id' },
        },
      }),
      sourceStream('timeless', { changes: { detect: 'watermark', order: 'newest-first' } }),
      sourceStream('rising', {
        changes: { detect: 'watermark', order: 'ascending', field, overlapMs: 10, since: { param: 'since' } },
      }),
    ]);
    engine = await startEngine([tiny.definition]);
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });
  beforeEach(() => {
    source = new Source();
    onPage = () => undefined;
    engine.clock = Date.now;
    tiny.answer = (url) => {
      onPage(tiny.asked.length);
      return source.page(
        url,
        listings[url.pathname.split('/').at(-1) ?? ''] ?? { sort: 'id', next: 'key', size: 2 },
      );
    };
  });

  const open = async (stream: string, more: Record<string, unknown> = {}): Promise<void> => {
    id = `w${(count += 1)}`;
    await engine.fleet.connect(id, { ...tiny.connection, streams: [stream], ...more });
  };
  const edit = (kind: 'add' | 'update' | 'touch' | 'delete', pick: number, after = 100): void =>
    source.edit({ kind, pick, after });
  const addMany = (many: number): void => {
    for (let n = 0; n < many; n += 1) edit('add', n);
  };
  const run = async (options: Parameters<Engine['run']>[1] = {}) => {
    tiny.asked.splice(0);
    const ended = [...(await engine.run(id, options)).values()];
    if (ended.length !== 1 || ended[0] === undefined) throw new Error(JSON.stringify(ended));
    return ended[0];
  };
  const mirrored = async (stream: string): Promise<Map<string, unknown>> => engine.fleet.mirror(id, stream);
  const values = async (stream: string): Promise<unknown> =>
    Object.fromEntries(
      [...(await mirrored(stream))].map(([key, body]) => [key, (body as { value: number }).value]),
    );
  const truth = (): unknown =>
    Object.fromEntries([...source.records].map(([key, { value }]) => [key, value]));
  const cursor = async (): Promise<unknown> =>
    (
      await engine.fleet.runtime.db.pool.query<{ cursor: unknown }>(
        'select cursor from sluice.streams where connection_id = $1',
        [id],
      )
    ).rows[0]?.cursor;
  const iso = (ms: number): string => new Date(START + ms).toISOString();

  describe('newest first', () => {
    it('is read completely at first, and then until it meets what is older than its watermark', async () => {
      await open('fresh');
      addMany(6);
      expect(await run()).toMatchObject({ mode: 'full', pages: 4, status: 'succeeded' });
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(600) } });
      edit('update', 0);
      edit('add', 9);
      expect(await run()).toMatchObject({ mode: 'incremental', pages: 2, status: 'succeeded' });
      expect(await values('fresh')).toEqual(truth());
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(800) } });
    });

    it('asks for no page behind the one in which it ends', async () => {
      await open('fresh');
      addMany(8);
      await run();
      expect(await run()).toMatchObject({ pages: 1 });
      expect(tiny.asked).toEqual(['/fresh']);
    });

    it('reads the records of its overlap again, and what became visible late with them', async () => {
      await open('fresh');
      addMany(4);
      await run();
      // Another machine of the provider writes a time that lies a little back.
      source.records.set('late', { id: 'late', value: 77, updatedAt: iso(395) });
      await run();
      expect(await values('fresh')).toEqual(truth());
    });

    it('keeps its watermark until the walk is complete, and goes on from its page', async () => {
      await open('fresh');
      addMany(8);
      await run();
      const before = await cursor();
      for (let n = 0; n < 6; n += 1) edit('update', n);
      const seen: unknown[] = [];
      onPage = () => void cursor().then((now) => seen.push(now));
      await run({ fuses: [22] });
      expect(tiny.asked.length).toBeGreaterThan(2);
      expect(seen).toEqual(seen.map(() => before));
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(1400) } });
      expect(await values('fresh')).toEqual(truth());
    });

    it('never lets a record from the future hide those that follow', async () => {
      await open('fresh');
      engine.clock = () => START + 1000;
      addMany(3);
      source.records.set('future', { id: 'future', value: 1, updatedAt: '2999-01-01T00:00:00.000Z' });
      await run();
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(1000) } });
      source.edit({ kind: 'update', pick: 1, after: 1000 });
      await run();
      expect(await values('fresh')).toEqual(truth());
    });

    it('goes on behind a page that is not in the order that was promised', async () => {
      await open('fresh');
      addMany(6);
      await run();
      edit('update', 2);
      const answer = tiny.answer;
      const oldest = ['r0', 'r1'].map((key) => source.records.get(key));
      tiny.answer = (url) =>
        url.searchParams.has('after') ? answer(url) : { body: { items: oldest, next: '/api/fresh?after=~' } };
      expect(await run()).toMatchObject({ mode: 'incremental', pages: 3 });
      expect(await values('fresh')).toEqual(truth());
    });

    it('deletes by tombstones between complete passes', async () => {
      await open('fresh');
      addMany(3);
      await run();
      const answer = tiny.answer;
      tiny.answer = async (url) => {
        const page = (await answer(url)) ?? { body: {} };
        const body = page.body as { items: unknown[] };
        if (!url.searchParams.has('after')) body.items.unshift({ id: 'r1', gone: true, updatedAt: iso(900) });
        return page;
      };
      expect(await run()).toMatchObject({ mode: 'incremental', deleted: 1 });
      expect([...(await mirrored('fresh')).keys()].sort()).toEqual(['r0', 'r2']);
    });

    it('does not delete what moved to the front while it was on its way there', async () => {
      await open('fresh');
      addMany(8);
      await run();
      onPage = (request) => {
        if (request === 3) edit('update', 1);
      };
      expect(await run({ full: true })).toMatchObject({ deleted: 0, status: 'succeeded' });
      expect(await values('fresh')).toEqual(truth());
    });

    it('lists in an order that updates do not change where the provider has one, and misses no update by that', async () => {
      await open('sorted');
      addMany(6);
      onPage = (request) => {
        // Seen already, then updated; and a later one, so that its time is the newest that the walk meets.
        if (request === 3) edit('update', 0);
        if (request === 4) edit('update', 5);
      };
      await run();
      expect(tiny.asked[0]).toBe('/sorted');
      expect(tiny.asked.slice(1).every((path) => path.startsWith('/sorted?sort=id'))).toBe(true);
      onPage = () => undefined;
      expect(await run()).toMatchObject({ mode: 'incremental' });
      expect(await values('sorted')).toEqual(truth());
    });
  });

  describe('whose records carry no time', () => {
    it('ends at the first full page that is stored and unchanged, and asks for none behind it', async () => {
      await open('timeless');
      addMany(6);
      await run();
      edit('update', 0);
      expect(await run()).toMatchObject({ mode: 'incremental', pages: 2 });
      expect(tiny.asked).toHaveLength(2);
      expect(await values('timeless')).toEqual(truth());
    });

    it('does not end at what a walk has stored that never came to its end', async () => {
      await open('timeless');
      addMany(6);
      await run();
      for (let n = 0; n < 6; n += 1) edit('update', n);
      // The provider refuses the second page, so that this run ends for good behind the first.
      const answer = tiny.answer;
      tiny.answer = (url) => (url.searchParams.has('after') ? { status: 400, body: {} } : answer(url));
      expect(await run()).toMatchObject({ status: 'failed', pages: 1 });
      tiny.answer = answer;
      await run();
      expect(await values('timeless')).toEqual(truth());
    });

    it('does not end at what an event has stored', async () => {
      await open('timeless');
      addMany(6);
      await run();
      for (let n = 0; n < 4; n += 1) edit('update', n);
      const newest = [...source.records.values()].slice(2, 4);
      for (const { id: key, value } of newest) {
        const { canonical } = await import('../../src/sync/canonical.ts');
        const record = { id: key, ...canonical({ id: key, value }), version: iso(5000), partition: '' };
        await engine.event(id, `e-${key}`, [
          { stream: 'timeless', records: [record], deletions: [], baseSeq: null },
        ]);
      }
      await run();
      expect(await values('timeless')).toEqual(truth());
    });
  });

  describe('ascending', () => {
    it('asks from its watermark on, and anew after each page', async () => {
      await open('rising');
      addMany(5);
      expect(await run()).toMatchObject({ mode: 'full', status: 'succeeded' });
      expect(tiny.asked[0]).toBe('/rising');
      edit('update', 1);
      edit('update', 2);
      edit('update', 3);
      expect(await run()).toMatchObject({ mode: 'incremental' });
      const since = (ms: number): string => `/rising?since=${encodeURIComponent(iso(ms))}`;
      expect(tiny.asked).toEqual([since(490), since(599), since(699)]);
      expect(await values('rising')).toEqual(truth());
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(800) } });
    });

    it('moves its watermark with each page, so that the next run goes on where one failed', async () => {
      await open('rising');
      addMany(2);
      await run();
      for (let n = 2; n < 8; n += 1) edit('add', n);
      let pages = 0;
      const answer = tiny.answer;
      tiny.answer = (url) => ((pages += 1) > 2 ? { status: 400, body: {} } : answer(url));
      expect(await run()).toMatchObject({ status: 'failed', pages: 2 });
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(400) } });
      tiny.answer = answer;
      await run();
      expect(tiny.asked[0]).toBe(`/rising?since=${encodeURIComponent(iso(390))}`);
      expect(await values('rising')).toEqual(truth());
    });

    it('keeps its watermark on a list that is not in the order that was promised', async () => {
      await open('rising');
      addMany(2);
      await run();
      for (let n = 2; n < 8; n += 1) edit('add', n);
      let pages = 0;
      const answer = tiny.answer;
      tiny.answer = async (url) => {
        if ((pages += 1) > 1) return { status: 400, body: {} };
        const page = (await answer(url)) ?? { body: {} };
        (page.body as { items: unknown[] }).items.reverse();
        return page;
      };
      expect(await run()).toMatchObject({ status: 'failed', pages: 1 });
      expect(await cursor()).toMatchObject({ mark: { watermark: iso(200) } });
    });

    it('follows the list itself where one moment has more records than a page', async () => {
      await open('rising');
      for (let n = 0; n < 7; n += 1) edit('add', n, 0);
      await run();
      for (let n = 0; n < 7; n += 1) source.edit({ kind: 'update', pick: n, after: n === 0 ? 100 : 0 });
      expect(await run()).toMatchObject({ mode: 'incremental', status: 'succeeded' });
      expect(await values('rising')).toEqual(truth());
    });

    it('puts records aside that have no update time', async () => {
      await open('rising');
      addMany(2);
      tiny.answer = () => ({
        body: { items: [...source.records.values(), { id: 'x', value: 1 }], next: null },
      });
      await run();
      expect([...(await mirrored('rising')).keys()].sort()).toEqual(['r0', 'r1']);
    });
  });

  describe.each(['fresh', 'rising', 'timeless'])('%s', (stream) => {
    it('is read completely every fullEvery by the clock, which finds what vanished', async () => {
      const began = Date.now();
      await open(stream, { fullEvery: '2d' });
      engine.clock = () => began;
      addMany(5);
      await run();
      edit('delete', 1);
      engine.clock = () => began + 2 * DAY - 1;
      expect(await run()).toMatchObject({ mode: 'incremental', deleted: 0 });
      engine.clock = () => began + 2 * DAY + 1;
      expect(await run()).toMatchObject({ mode: 'full', deleted: 1 });
      engine.clock = () => began + 3 * DAY;
      expect(await run()).toMatchObject({ mode: 'incremental' });
      expect(await values(stream)).toEqual(truth());
    });

    it('is read completely when it is asked for, and after a reset', async () => {
      await open(stream);
      addMany(5);
      await run();
      edit('delete', 0);
      expect(await run()).toMatchObject({ mode: 'incremental', deleted: 0 });
      expect(await run({ full: true })).toMatchObject({ mode: 'full', deleted: 1 });
      expect(await run()).toMatchObject({ mode: 'incremental' });
      await resetStreams(engine.fleet.runtime.db, id, [stream]);
      expect(await run()).toMatchObject({ mode: 'full' });
      expect(await run()).toMatchObject({ mode: 'incremental' });
    });

    it('is read completely from another source', async () => {
      await open(stream);
      addMany(3);
      await run();
      const endpoints = {
        ...(tiny.connection.endpoints as object),
        api: `${String((tiny.connection.endpoints as { api: string }).api)}/v2`,
      };
      await engine.fleet.connect(id, { ...tiny.connection, streams: [stream], endpoints });
      expect(await run()).toMatchObject({ mode: 'full' });
    });

    it('goes on with an interrupted complete pass at its page', async () => {
      await open(stream);
      addMany(8);
      await run();
      edit('delete', 2);
      // Dies about the middle of the pass, at whatever step that is.
      expect(await run({ full: true, fuses: [18] })).toMatchObject({ deleted: 1, status: 'succeeded' });
      expect(tiny.asked.filter((path) => path === `/${stream}`).length).toBeLessThanOrEqual(2);
      expect(await values(stream)).toEqual(truth());
    });
  });
});
