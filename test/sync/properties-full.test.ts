import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Paging, StreamDefinition } from '../../src/providers/contract.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { startEngine, type Engine } from './engine.ts';
import { historyArbitrary, live, RUNS, SEED } from './history-of-edits.ts';
import { sourceStream, type Listing } from './source.ts';

interface Style {
  readonly name: string;
  readonly paging: Paging;
  readonly listing: Listing;
  readonly more?: Partial<StreamDefinition>;
}

const byCount: Listing = { sort: 'id', next: 'count', size: 2 };
const byKey: Listing = { sort: 'id', next: 'key', size: 2 };
const versioned = { version: 'updatedAt' } as const;

const styles: readonly Style[] = [
  { name: 'none', paging: { style: 'none' }, listing: { ...byCount, size: 1_000 } },
  { name: 'next-link', paging: { style: 'next-link', at: 'next' }, listing: byKey, more: versioned },
  { name: 'next-header', paging: { style: 'next-header', header: 'x-next' }, listing: byCount },
  {
    name: 'offset',
    paging: { style: 'offset', offsetParam: 'offset', sizeParam: 'limit', pageSize: 2 },
    listing: byCount,
    more: versioned,
  },
  {
    name: 'page',
    paging: { style: 'page', pageParam: 'page', sizeParam: 'limit', pageSize: 3 },
    listing: { ...byCount, timeless: true },
  },
];

describe('a list that is always read completely', () => {
  let engine: Engine;
  let tiny: TinyProvider;

  beforeAll(async () => {
    tiny = await startTinyProvider(
      styles.map(({ name, paging, more }) => sourceStream(name, { paging, ...more })),
    );
    engine = await startEngine([tiny.definition]);
    for (const { name } of styles) await engine.fleet.connect(name, { ...tiny.connection, streams: [name] });
  });
  afterAll(async () => {
    await engine.fleet.close();
    await tiny.close();
  });

  it.each(styles)(
    'is mirrored by the first pass without edits, whatever happened before: $name',
    async ({ name, listing, more }) => {
      const property = fc.asyncProperty(historyArbitrary({ events: true }), (steps) =>
        live({ engine, tiny, name, listing, complete: true, versioned: more?.version !== undefined }, steps),
      );
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    },
    RUNS * 20_000,
  );
});
