import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dryRun, type DryRunStream } from '../../src/sync/dry-run.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { startEngine, type Engine } from './engine.ts';
import { answerFrom, feedStream, SequenceFeed } from './sequence-feed.ts';
import { Source, sourceStream } from './source.ts';

const field = 'updatedAt';

describe('a dry run', () => {
  let engine: Engine;
  let tiny: TinyProvider;
  let source: Source;
  let feed: SequenceFeed;
  let id = '';
  let count = 0;

  beforeAll(async () => {
    tiny = await startTinyProvider([
      sourceStream('newest', {
        changes: { detect: 'watermark', order: 'newest-first', field, overlapMs: 10 },
      }),
      sourceStream('rising', {
        changes: { detect: 'watermark', order: 'ascending', field, overlapMs: 10, since: { param: 'since' } },
      }),
      feedStream('fed'),
      tinyStream('parents'),
      sourceStream('visits', {
        parent: 'parents',
        path: '/parents/{parent}/visits',
        changes: { detect: 'watermark', order: 'newest-first', field, overlapMs: 10 },
      }),
    ]);
    engine = await startEngine([tiny.definition]);
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `d${(count += 1)}`;
    source = new Source();
    feed = new SequenceFeed();
    for (let n = 0; n < 5; n += 1) source.edit({ kind: 'add', pick: n, after: 100 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) feed.put(name);
    const fed = answerFrom(() => feed);
    tiny.answer = (url) => {
      if (url.pathname.includes('/fed/')) return fed(url);
      if (url.pathname.endsWith('/parents'))
        return { body: { items: [{ id: 'p1' }, { id: 'p2' }], next: null } };
      return source.page(url, {
        sort: url.pathname.endsWith('/rising') ? 'oldest' : 'newest',
        next: 'key',
        size: 2,
      });
    };
    await engine.fleet.connect(id, { ...tiny.connection });
  });

  const look = async (stream: string, full = false): Promise<DryRunStream> => {
    tiny.asked.splice(0);
    const connection = await engine.context.loadConnection(id, { requireUsable: true });
    const [seen, ...others] = await dryRun(engine.context, connection, { streams: [stream], full });
    if (seen === undefined || others.length > 0) throw new Error('one stream was asked for');
    return seen;
  };
  const written = async (): Promise<unknown> =>
    (
      await engine.fleet.runtime.db.pool.query(
        `select (select json_agg(r order by stream, record_id) from sluice.records r where connection_id = $1) as records,
                (select json_agg(s order by stream) from sluice.streams s where connection_id = $1) as streams,
                (select count(*) from sluice.changes where connection_id = $1) as changes`,
        [id],
      )
    ).rows[0];

  it.each(['newest', 'rising', 'fed', 'visits'])(
    'of %s that was never read shows its first page',
    async (stream) => {
      const seen = await look(stream);
      expect(seen).toMatchObject({ error: null, unchanged: 0, more: true, added: stream === 'fed' ? 3 : 2 });
      expect(await written()).toEqual({ records: null, streams: null, changes: '0' });
    },
  );

  it('shows the page that a watermark pass would begin with, and whether it would go on', async () => {
    await engine.run(id);
    const before = await written();
    expect(await look('newest')).toMatchObject({ records: 2, unchanged: 2, more: false });
    source.edit({ kind: 'update', pick: 0, after: 100 });
    source.edit({ kind: 'add', pick: 9, after: 100 });
    expect(await look('newest')).toMatchObject({ added: 1, updated: 1, more: true });
    expect(await look('rising')).toMatchObject({ records: 2, updated: 1, unchanged: 1, more: true });
    expect(tiny.asked).toEqual([`/rising?since=${encodeURIComponent('2026-01-01T00:00:00.490Z')}`]);
    expect(await look('visits')).toMatchObject({ added: 1, updated: 1, parent: 'p1' });
    expect(tiny.asked).toEqual(['/parents/p1/visits']);
    expect(await written()).toEqual(before);
  });

  it('begins at the start where a complete pass would: when it is asked for, and when one is due', async () => {
    await engine.run(id);
    await look('rising', true);
    expect(tiny.asked).toEqual(['/rising']);
    engine.clock = () => Date.now() + 8 * 86_400_000;
    await look('rising');
    engine.clock = Date.now;
    expect(tiny.asked).toEqual(['/rising']);
  });

  it('goes on from the number of a feed, and counts its tombstones', async () => {
    await engine.run(id);
    feed.put('b', { isDeleted: true });
    feed.put('f');
    expect(await look('fed')).toMatchObject({ records: 2, added: 1, deleted: 1, more: false });
    expect(tiny.asked).toEqual(['/fed/maximum', '/fed/sync/5?size=3']);
  });
});
