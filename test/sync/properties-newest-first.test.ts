import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Watermark } from '../../src/providers/contract.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { startEngine, type Engine } from './engine.ts';
import { historyArbitrary, live, RUNS, same, SEED, succeed, type Story } from './history-of-edits.ts';
import { sourceStream, type Listing, type Source } from './source.ts';

interface Style {
  readonly name: string;
  readonly words: string;
  readonly changes: Watermark;
  readonly listing: Listing;
  /** everything but deletes is found by a pass that reads what is new, not only by a complete one */
  readonly always: boolean;
}

const newest = { detect: 'watermark', order: 'newest-first', field: 'updatedAt', overlapMs: 2 } as const;

const styles: readonly Style[] = [
  {
    name: 'by-key',
    words: 'the next page behind the last record',
    changes: newest,
    listing: { sort: 'newest', next: 'key', size: 2 },
    always: true,
  },
  {
    name: 'by-count',
    words: 'the next page by count',
    changes: newest,
    listing: { sort: 'newest', next: 'count', size: 2 },
    always: false,
  },
  {
    name: 'other-order',
    words: 'complete passes in the order of ids',
    changes: { ...newest, completeQuery: { sort: 'id' } },
    listing: { sort: 'newest', next: 'key', size: 3 },
    always: true,
  },
  {
    name: 'timeless',
    words: 'records without a time',
    changes: { detect: 'watermark', order: 'newest-first' },
    listing: { sort: 'newest', next: 'key', size: 2, timeless: true },
    always: false,
  },
];

describe('a list with the newest update first', () => {
  let engine: Engine;
  let tiny: TinyProvider;

  beforeAll(async () => {
    tiny = await startTinyProvider(styles.map(({ name, changes }) => sourceStream(name, { changes })));
    engine = await startEngine([tiny.definition]);
    for (const { name } of styles) await engine.fleet.connect(name, { ...tiny.connection, streams: [name] });
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });

  const storyOf = ({ name, listing, always }: Style, events: boolean): Story => {
    const story = { engine, tiny, name, listing, versioned: listing.timeless !== true };
    const before = async (source: Source) => {
      await succeed(engine, name, {});
      await same(story, source, { missing: true });
    };
    return always && !events ? { ...story, before } : story;
  };

  it.each(styles)(
    'is mirrored whatever is edited between its pages and wherever its deliveries die: $words',
    async (style) => {
      const property = fc.asyncProperty(historyArbitrary({ events: false }), (steps) =>
        live(storyOf(style, false), steps),
      );
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    },
    RUNS * 20_000,
  );

  it.each(styles)(
    'is mirrored while events write the same records, late, twice and in any order: $words',
    async (style) => {
      const property = fc.asyncProperty(historyArbitrary({ events: true }), (steps) =>
        live(storyOf(style, true), steps),
      );
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    },
    RUNS * 20_000,
  );
});
