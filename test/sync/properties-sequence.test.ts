import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { startTinyProvider, type TinyAnswer, type TinyProvider } from '../support/tiny-provider.ts';
import { startEngine, type Engine } from './engine.ts';
import { historyArbitrary, live, RUNS, same, SEED, succeed, type Story } from './history-of-edits.ts';
import { feedStream } from './sequence-feed.ts';
import { type Listing, type Source } from './source.ts';

const listing: Listing = { sort: 'id', next: 'key', size: 2 };
const name = 'things';

/** The source as a feed: every record at the number of its newest event, deleted ones as tombstones. */
function feedOf(source: Source, url: URL): TinyAnswer {
  const newest = new Map(source.events.map((event, index) => [event.id, { event, n: index + 1 }]));
  if (url.pathname.endsWith('/maximum')) return { body: source.events.length };
  const given = Number(url.pathname.split('/').at(-1));
  const entries = [...newest.values()].filter(({ n }) => n > given).sort((a, b) => a.n - b.n);
  const page = entries.slice(0, Number(url.searchParams.get('size')));
  const items = page.map(({ event, n }) =>
    event.record === null ? { id: event.id, n, isDeleted: true } : { ...event.record, n },
  );
  return { body: { items, top: page.at(-1)?.n ?? given } };
}

describe('a sequence feed', () => {
  let engine: Engine;
  let tiny: TinyProvider;

  beforeAll(async () => {
    tiny = await startTinyProvider([feedStream(name)]);
    engine = await startEngine([tiny.definition]);
    await engine.fleet.connect(name, { ...tiny.connection });
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });

  const story = (): Story => ({
    engine,
    tiny,
    name,
    listing,
    answer: feedOf,
    versioned: false,
    numbered: true,
  });

  it(
    'is mirrored by a pass that reads what is new, whatever is edited and wherever deliveries die',
    async () => {
      const before = async (source: Source) => {
        await succeed(engine, name, {});
        await same(story(), source);
      };
      const property = fc.asyncProperty(historyArbitrary({ events: false }), (steps) =>
        live({ ...story(), before }, steps),
      );
      await fc.assert(property, { seed: SEED, numRuns: RUNS * 2 });
    },
    RUNS * 40_000,
  );

  it(
    'is mirrored by a complete pass while events write the same records, late, twice and in any order',
    async () => {
      const property = fc.asyncProperty(historyArbitrary({ events: true }), (steps) => live(story(), steps));
      await fc.assert(property, { seed: SEED, numRuns: RUNS * 2 });
    },
    RUNS * 40_000,
  );
});
