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

const oldest = {
  detect: 'watermark',
  order: 'ascending',
  field: 'updatedAt',
  overlapMs: 2,
  since: { param: 'since' },
} as const;

const styles: readonly Style[] = [
  {
    name: 'inclusive',
    words: 'the moment counted in, the next page by count',
    changes: oldest,
    listing: { sort: 'oldest', next: 'count', size: 2, inclusive: true },
    always: true,
  },
  {
    name: 'exclusive',
    words: 'the moment not counted in, the next page behind the last record',
    changes: oldest,
    listing: { sort: 'oldest', next: 'key', size: 3 },
    always: true,
  },
];

describe('a list with the oldest update first', () => {
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
