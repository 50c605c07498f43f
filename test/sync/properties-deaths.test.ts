import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { checkLedger, startEngine, type Engine } from './engine.ts';
import { Source, sourceStream, type Listing } from './source.ts';

const field = 'updatedAt';
const styles: readonly {
  readonly name: string;
  readonly more: Partial<StreamDefinition>;
  readonly listing: Listing;
}[] = [
  { name: 'full', more: {}, listing: { sort: 'id', next: 'key', size: 2 } },
  {
    name: 'newest',
    more: { changes: { detect: 'watermark', order: 'newest-first', field } },
    listing: { sort: 'newest', next: 'key', size: 2 },
  },
  {
    name: 'rising',
    more: { changes: { detect: 'watermark', order: 'ascending', field, since: { param: 'since' } } },
    listing: { sort: 'oldest', next: 'count', size: 2 },
  },
];

describe('a complete pass', () => {
  let engine: Engine;
  let tiny: TinyProvider;
  beforeAll(async () => {
    tiny = await startTinyProvider(styles.map(({ name, more }) => sourceStream(name, more)));
    engine = await startEngine([tiny.definition]);
    for (const { name } of styles) await engine.fleet.connect(name, { ...tiny.connection, streams: [name] });
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });

  it.each(styles)(
    'survives a death at each of its steps: $name',
    async ({ name, listing }) => {
      const source = new Source();
      for (let n = 0; n < 5; n += 1) source.edit({ kind: 'add', pick: n, after: 10 });
      tiny.answer = (url) => source.page(url, listing);
      await engine.run(name);
      // Until a process lives long enough to make the whole pass.
      for (let fuse = 0, died = true; died; fuse += 1) {
        source.edit({ kind: 'update', pick: fuse, after: 10 });
        source.edit({ kind: 'delete', pick: fuse, after: 10 });
        source.edit({ kind: 'add', pick: fuse, after: 10 });
        const deaths = engine.deaths;
        const ended = (await engine.run(name, { full: true, allowDeletes: true, fuses: [fuse] })).get(name);
        died = engine.deaths > deaths;
        expect({ fuse, ended }).toMatchObject({ ended: { status: 'succeeded', mode: 'full' } });
        const mirror = await engine.fleet.mirror(name, name);
        expect(Object.fromEntries(mirror), `after ${fuse} steps`).toEqual(Object.fromEntries(source.records));
        await checkLedger(engine, name, name, true);
      }
      expect(engine.deaths).toBeGreaterThan(15);
    },
    120_000,
  );
});
