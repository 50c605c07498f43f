import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tooMany } from '../../src/sync/rejection-limit.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { startEngine, type Engine } from './engine.ts';

describe('rejected records', () => {
  it.each([
    ['a whole page of 20', { read: 20, rejected: 20 }, { read: 1000, rejected: 20 }, true],
    ['a whole page of 19', { read: 19, rejected: 19 }, { read: 1000, rejected: 19 }, false],
    ['all but one of a page', { read: 100, rejected: 99 }, { read: 1000, rejected: 99 }, false],
    ['half of the pass', { read: 10, rejected: 5 }, { read: 100, rejected: 50 }, false],
    ['more than half of the pass', { read: 10, rejected: 6 }, { read: 100, rejected: 51 }, true],
    ['more than half of very little', { read: 19, rejected: 18 }, { read: 19, rejected: 18 }, false],
    ['nothing of nothing', { read: 0, rejected: 0 }, { read: 0, rejected: 0 }, false],
  ])('%s are too many: %j of %j, %s', (_what, page, pass, expected) => {
    expect(tooMany(page, pass)).toBe(expected);
  });

  describe('of a provider that has changed its format', () => {
    let engine: Engine;
    let tiny: TinyProvider;
    let id = '';
    let count = 0;
    let bad: (n: number) => boolean = () => false;

    beforeAll(async () => {
      const schema = z.looseObject({ name: z.string() });
      tiny = await startTinyProvider([
        tinyStream('listed', { schema }),
        tinyStream('fed', {
          schema,
          path: '/fed/{sequence}',
          paging: { style: 'sequence', sizeParam: 'size', pageSize: 30, maximumAt: 'top', numberAt: 'n' },
          changes: { detect: 'sequence' },
        }),
      ]);
      engine = await startEngine([tiny.definition]);
    });
    afterAll(async () => {
      await engine.fleet.close();
      await tiny.close();
    });
    beforeEach(async () => {
      id = `r${(count += 1)}`;
      bad = () => false;
      const item = (n: number) => ({ id: `r${n}`, n, name: bad(n) ? 5 : `name ${n}` });
      const range = (from: number, to: number) =>
        Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => item(from + k));
      tiny.answer = (url) => {
        if (url.pathname.startsWith('/api/fed')) {
          const given = Number(url.pathname.split('/').at(-1));
          const items = range(given + 1, Math.min(90, given + 30));
          return { body: { items, top: Math.max(given, items.at(-1)?.n ?? 0) } };
        }
        const page = Number(url.searchParams.get('page') ?? 1);
        return {
          body: {
            items: range(page * 30 - 29, page * 30),
            next: page < 3 ? `/api/listed?page=${page + 1}` : null,
          },
        };
      };
    });

    const rejectedRows = async (): Promise<number> =>
      Number(
        (
          await engine.fleet.runtime.db.pool.query<{ count: string }>(
            'select count(*) from sluice.rejected_records where connection_id = $1',
            [id],
          )
        ).rows[0]?.count,
      );

    it.each(['listed', 'fed'])(
      'end the pass over %s with a clear error; what was stored stays',
      async (stream) => {
        await engine.fleet.connect(id, { ...tiny.connection, streams: [stream] });
        expect((await engine.run(id)).get(stream)).toMatchObject({ status: 'succeeded' });
        bad = (n) => n > 30;
        const ended = (await engine.run(id, { full: true })).get(stream);
        expect(ended).toMatchObject({
          status: 'failed',
          pages: 1,
          deleted: 0,
          error: { code: 'records_rejected', kind: 'data' },
        });
        expect(ended?.error?.message).toContain('30 of 60 records');
        expect(ended?.error?.message).toContain('name: ');
        expect(ended?.error?.advice).toContain(`sluice rejected ${id} ${stream}`);
        expect(await rejectedRows()).toBe(10);
        expect((await engine.fleet.mirror(id, stream)).size).toBe(90);
        bad = () => false;
        expect((await engine.run(id, { full: true })).get(stream)).toMatchObject({ status: 'succeeded' });
      },
    );

    it('go on being put aside while they are few, and their stored selves are not deleted', async () => {
      await engine.fleet.connect(id, { ...tiny.connection, streams: ['listed'] });
      await engine.run(id);
      bad = (n) => n % 3 === 0;
      expect((await engine.run(id)).get('listed')).toMatchObject({ status: 'succeeded', deleted: 0 });
      expect(await rejectedRows()).toBe(30);
      expect((await engine.fleet.mirror(id, 'listed')).size).toBe(90);
    });

    it('are counted through a death: a pass that goes on has not forgotten them', async () => {
      await engine.fleet.connect(id, { ...tiny.connection, streams: ['listed'] });
      // 16 of each page: more than half at the second page only together with the first.
      bad = (n) => n % 30 < 16;
      expect((await engine.run(id, { fuses: [12] })).get('listed')).toMatchObject({
        status: 'failed',
        error: { code: 'records_rejected' },
      });
    });
  });
});
