import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunView } from '../../src/sync/history.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { answerFrom, feedStream, SequenceFeed } from './sequence-feed.ts';

describe('a sequence feed', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let feed: SequenceFeed;
  let id = '';
  let count = 0;

  beforeAll(async () => {
    tiny = await startTinyProvider([
      feedStream('things'),
      feedStream('endless', {
        paging: { style: 'sequence', sizeParam: 'size', pageSize: 3, maximumAt: 'top', numberAt: 'n' },
      }),
    ]);
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    feed = new SequenceFeed();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) feed.put(name, { name });
    tiny.answer = answerFrom(() => feed);
    id = `c${(count += 1)}`;
    await connect();
    tiny.asked.splice(0);
  });

  const connect = (more: Record<string, unknown> = {}) =>
    fleet.connect(id, {
      ...tiny.connection,
      streams: ['things'],
      retry: { attempts: 2, baseDelay: '50ms', maxDelay: '100ms' },
      ...more,
    });
  const sync = async (more: Parameters<Fleet['sync']>[1] = {}): Promise<RunView['streams'][number]> => {
    tiny.asked.splice(0);
    const run = await fleet.sync(id, more);
    const [stream] = run.streams;
    if (stream === undefined || run.streams.length !== 1) throw new Error(JSON.stringify(run));
    return stream;
  };
  const keys = async (stream = 'things'): Promise<string[]> =>
    [...(await fleet.mirror(id, stream)).keys()].sort();
  const changes = async (): Promise<[number, string, string][]> => {
    const result = await fleet.runtime.db.pool.query<{ seq: string; op: string; record_id: string }>(
      `select seq, op, record_id from sluice.changes where connection_id = $1 and stream = 'things' order by seq`,
      [id],
    );
    return result.rows.map((row) => [Number(row.seq), row.op, row.record_id]);
  };
  const pages = () => tiny.asked.filter((path) => path.includes('/sync/'));

  it('is read from 0 at first, and from its cursor afterwards', async () => {
    expect(await sync()).toMatchObject({
      status: 'succeeded',
      mode: 'full',
      added: 7,
      pages: 3,
      cursor: { sequence: 7, maximum: 7 },
    });
    expect(tiny.asked).toEqual([
      '/things/maximum',
      '/things/sync/0?size=3',
      '/things/sync/3?size=3',
      '/things/sync/6?size=3',
    ]);
    feed.put('h');
    feed.put('b', { name: 'new' });
    expect(await sync()).toMatchObject({ mode: 'incremental', added: 1, updated: 1, unchanged: 0, pages: 1 });
    expect(pages()).toEqual(['/things/sync/7?size=3']);
    expect(await keys()).toEqual(feed.live());
  });

  it('costs one request where its highest number has not moved', async () => {
    await sync();
    expect(await sync()).toMatchObject({ status: 'succeeded', mode: 'incremental', pages: 0 });
    expect(tiny.asked).toEqual(['/things/maximum']);
  });

  it('deletes by tombstones of any kind, in key order among the page, and ignores those of records never seen', async () => {
    await sync();
    feed.put('c', { isDeleted: true });
    feed.put('a', { status: 'DELETED' });
    feed.put('never', { isDeleted: true });
    feed.put('b', { isDeleted: false, status: 'AVAILABLE' });
    expect(await sync()).toMatchObject({
      status: 'succeeded',
      updated: 1,
      deleted: 2,
      added: 0,
      rejected: 0,
    });
    expect(await keys()).toEqual(['b', 'd', 'e', 'f', 'g']);
    expect((await changes()).slice(7)).toEqual([
      [8, 'deleted', 'a'],
      [9, 'deleted', 'c'],
      [10, 'updated', 'b'],
    ]);
    feed.put('a', { name: 'back' });
    expect(await sync()).toMatchObject({ added: 1 });
  });

  it('takes a tombstone that has nothing but an id, and one of a record that its schema refuses', async () => {
    await sync();
    feed.put('d', { isDeleted: true, name: 7 });
    expect(await sync()).toMatchObject({ deleted: 1, rejected: 0 });
  });

  it('keeps the higher number where a page names a record twice', async () => {
    await sync();
    feed.put('a', { isDeleted: true });
    const number = feed.last;
    tiny.answer = (url) =>
      url.pathname.includes('/sync/7')
        ? {
            body: {
              top: 9,
              items: [
                { id: 'a', n: number },
                { id: 'b', n: 9, isDeleted: true },
                { id: 'b', n: 2 },
                { id: 'a', n: 4, isDeleted: true },
              ],
            },
          }
        : { body: 9 };
    expect(await sync()).toMatchObject({ updated: 1, deleted: 1 });
    expect(await keys()).toEqual(['a', 'c', 'd', 'e', 'f', 'g']);
  });

  it('goes on over pages that filters have emptied', async () => {
    feed.visible = ({ id: name }) => name === 'g';
    expect(await sync()).toMatchObject({ status: 'succeeded', added: 1, pages: 3, cursor: { sequence: 7 } });
    expect(await keys()).toEqual(['g']);
  });

  it('never takes a maximum that names the whole feed over the numbers of the page', async () => {
    feed.feedWideMaximum = true;
    expect(await sync()).toMatchObject({ added: 7, pages: 3 });
    expect(await keys()).toEqual(feed.live());
  });

  it('ends where neither records nor maximum lead on, although the feed claims more', async () => {
    tiny.answer = (url) =>
      url.pathname.endsWith('/maximum')
        ? { body: 500 }
        : { body: { top: Number(url.pathname.split('/').at(-1)), items: [] } };
    expect(await sync()).toMatchObject({ status: 'succeeded', pages: 1 });
    expect(pages()).toHaveLength(1);
    tiny.answer = (url) =>
      url.pathname.endsWith('/maximum') ? { body: 501 } : { body: { top: 0, items: [] } };
    expect(await sync()).toMatchObject({ status: 'succeeded', pages: 1 });
  });

  it('ends at the number that the feed had when the pass began, however fast it grows', async () => {
    feed.onPage = () => {
      for (let more = 0; more < 5; more += 1) feed.put(`n${feed.last}`);
    };
    expect(await sync()).toMatchObject({ status: 'succeeded', pages: 3 });
    expect(pages()).toHaveLength(3);
  });

  it('comes further on a feed that counts the given number in, even with the smallest page', async () => {
    feed.inclusive = true;
    await connect({ limits: { pageSize: 1 } });
    expect(await sync()).toMatchObject({ status: 'succeeded', added: 7 });
    expect(pages()[0]).toBe('/things/sync/0?size=2');
    feed.put('h');
    expect(await sync()).toMatchObject({ added: 1, unchanged: 1 });
  });

  it('asks for no more than the provider gives', async () => {
    await connect({ limits: { pageSize: 500 } });
    await sync();
    expect(pages()[0]).toBe('/things/sync/0?size=3');
  });

  it('is read to its end where nothing tells how far it goes', async () => {
    await connect({ streams: ['endless'] });
    expect(await sync()).toMatchObject({ name: 'endless', status: 'succeeded', added: 7, pages: 4 });
    feed.put('a');
    expect(await sync()).toMatchObject({ mode: 'incremental', updated: 1, cursor: { sequence: 8 } });
  });

  it.each([
    ['the maximum of a page', (n: string) => `{"top":${n},"items":[{"id":"a","n":1}]}`],
    ['a record', (n: string) => `{"top":9,"items":[{"id":"a","n":${n}}]}`],
  ])('refuses a number in %s that it cannot read exactly, and stores nothing', async (_where, body) => {
    await sync();
    tiny.answer = (url) =>
      url.pathname.endsWith('/maximum') ? { body: 9 } : { body: body('9007199254740993') };
    const stream = await sync();
    expect(stream).toMatchObject({ status: 'failed', updated: 0, cursor: { sequence: 7 } });
    expect(stream.error).toMatchObject({
      code: 'response_unexpected',
      message: expect.stringContaining('9007199254740991') as string,
    });
  });

  it.each([
    ['no number', '{"items":[]}'],
    ['a fraction', '{"top":1.5,"items":[]}'],
    ['text', '{"top":"8","items":[]}'],
  ])('refuses an answer with %s for its maximum', async (_what, body) => {
    tiny.answer = (url) => (url.pathname.endsWith('/maximum') ? { body: 9 } : { body });
    expect(await sync()).toMatchObject({ status: 'failed', error: { code: 'response_unexpected' } });
  });

  it('turns away a record that is malformed, keeps it, and goes on', async () => {
    feed.put('bad', { name: 7 });
    feed.put('h');
    expect(await sync()).toMatchObject({
      status: 'succeeded',
      added: 8,
      rejected: 1,
      cursor: { sequence: 9 },
    });
  });

  it('reads everything again when asked to, and deletes nothing that the feed merely no longer has', async () => {
    await sync();
    feed.expire('a');
    feed.put('b', { isDeleted: true });
    const before = await changes();
    expect(await sync({ full: true })).toMatchObject({
      status: 'succeeded',
      mode: 'full',
      unchanged: 5,
      deleted: 1,
    });
    expect(pages()[0]).toBe('/things/sync/0?size=3');
    expect(await keys()).toEqual(['a', 'c', 'd', 'e', 'f', 'g']);
    expect((await changes()).slice(before.length)).toEqual([[8, 'deleted', 'b']]);
  });

  it('is read from the start when its numbers have fallen', async () => {
    await sync();
    feed.last = 0;
    feed.entries.clear();
    feed.put('a', { name: 'a' });
    feed.put('z', { name: 'z' });
    expect(await sync()).toMatchObject({ status: 'succeeded', cursor: { sequence: 2, maximum: 2 } });
    expect(pages()).toEqual(['/things/sync/0?size=3']);
    expect(await keys()).toContain('z');
    await sync();
    expect(pages()).toEqual([]);
  });

  it('is read from the start when the connection leads to another source', async () => {
    await sync();
    const endpoints = tiny.connection.endpoints as { token: string; api: string };
    await connect({ endpoints: { ...endpoints, api: endpoints.api.replace('/api', '/other') } });
    expect(await sync()).toMatchObject({ status: 'succeeded', mode: 'full', unchanged: 7 });
  });

  it('goes on with the page after the last one committed when a pass was cut short by an error', async () => {
    let fail = true;
    const answer = answerFrom(() => feed);
    tiny.answer = (url) => {
      if (fail && url.pathname.endsWith('/sync/6')) return { status: 400, body: {} };
      return answer(url);
    };
    expect(await sync()).toMatchObject({ status: 'failed', added: 6, cursor: { sequence: 6 } });
    fail = false;
    expect(await sync()).toMatchObject({ status: 'succeeded', mode: 'incremental', added: 1 });
    expect(pages()).toEqual(['/things/sync/6?size=3']);
  });

  it('waits for a feed that is being prepared, without spending an attempt', async () => {
    let busy = true;
    const answer = answerFrom(() => feed);
    tiny.answer = (url) => {
      if (!busy) return answer(url);
      busy = false;
      return { status: 423, headers: { 'retry-after': '1' }, body: {} };
    };
    expect(await sync()).toMatchObject({ status: 'succeeded', added: 7 });
  });
});
