/** `sync`: our engine against the shortest loops over the same pages. Under three minutes in all. */
import type { Bench } from './contract.ts';
import { openEngine, type Delivered, type Engine } from './engine.ts';
import {
  bareLoop,
  drizzleValues,
  emptyFloorTable,
  makeFloorTable,
  readOnly,
  rowByRow,
  type Floor,
} from './floors.ts';
import { startPageServer, type PageServer } from './page-server.ts';
import { CHANGED_EVERY, RECORD_BYTES } from './records.ts';
import { median } from './rounds.ts';
import { startServers } from './servers.ts';
import { table } from './table.ts';

const CASES = ['first', 'unchanged', 'changed'] as const;
type Case = (typeof CASES)[number];
const WAYS = ['ours', 'bare', 'drizzle'] as const;
type Way = (typeof WAYS)[number];

interface Spread {
  /** records a second */
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

interface SyncFigures {
  readonly recordBytes: number;
  readonly sizes: readonly {
    readonly pageSize: number;
    readonly records: number;
    readonly rounds: number;
    readonly rates: Readonly<Record<Case, Readonly<Record<Way, Spread>>>>;
    /** medians of the rounds' own ratios */
    readonly toBare: Readonly<Record<Case, number>>;
    readonly toDrizzle: Readonly<Record<Case, number>>;
    /** of ours: unchanged to first */
    readonly unchangedToFirst: number;
    readonly rowByRow: Spread;
    /** the pages alone: nobody can be faster */
    readonly readOnly: Spread;
  }[];
}

const SIZES = [
  { pageSize: 100, records: 6_000, rounds: 5 },
  { pageSize: 1_000, records: 20_000, rounds: 5 },
] as const;
/** Row by row is slow: a part of the records tells its rate as well. */
const ROW_BY_ROW = 1_500;

type Rates = Record<Case, number>;

export const sync: Bench<SyncFigures> = {
  async run({ signal, progress }) {
    progress('starting servers');
    const servers = await startServers();
    const pages = await startPageServer();
    try {
      const engine = await openEngine(servers.postgresUrl, pages.origin);
      try {
        await makeFloorTable(engine.runtime.db);
        const sizes: SyncFigures['sizes'][number][] = [];
        for (const size of SIZES) {
          progress(`${size.pageSize} records a page`);
          sizes.push(await measure({ engine, pages, signal, ...size }));
        }
        return { recordBytes: RECORD_BYTES, sizes };
      } finally {
        await engine.close();
      }
    } finally {
      await pages.close();
      await servers.close();
    }
  },

  print({ recordBytes, sizes }) {
    const titles = { first: 'first sync', unchanged: 'nothing changed', changed: '5 % changed' };
    const spread = ({ median: middle, least, most }: Spread): string =>
      `${middle.toFixed(0)} (${least.toFixed(0)}-${most.toFixed(0)})`;
    const percent = (ratio: number): string => `${(ratio * 100).toFixed(0)} %`;
    return sizes.flatMap(
      ({ pageSize, records, rounds, rates, toBare, toDrizzle, unchangedToFirst, ...rest }) => [
        `${records} records of ${recordBytes} bytes, ${pageSize} a page, ${rounds} rounds; records a second, median (least-most)`,
        ...table([
          ['', 'ours', 'bare loop', 'drizzle', 'ours to bare', 'ours to drizzle'],
          ...CASES.map((name) => [
            titles[name],
            ...WAYS.map((way) => spread(rates[name][way])),
            percent(toBare[name]),
            percent(toDrizzle[name]),
          ]),
          ['row by row', '', spread(rest.rowByRow)],
          ['read and parsed, nothing written', '', spread(rest.readOnly)],
        ]),
        `ours, nothing changed to first sync: ${unchangedToFirst.toFixed(1)} x (if it only read and parsed: ${(rest.readOnly.median / rates.first.ours.median).toFixed(1)} x)`,
        '',
      ],
    );
  },
};

interface Place {
  readonly engine: Engine;
  readonly pages: PageServer;
  readonly signal: AbortSignal;
  readonly pageSize: number;
  readonly records: number;
  readonly rounds: number;
}

/** The first round warms everything up and isn't counted. Who goes first changes from round to round. */
async function measure(place: Place): Promise<SyncFigures['sizes'][number]> {
  const { pageSize, records, rounds } = place;
  const done: Record<Way, Rates>[] = [];
  const single: number[] = [];
  const reading: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    place.signal.throwIfAborted();
    const sides: Record<Way, () => Promise<Rates>> = {
      ours: () => ourRound(place, round),
      bare: () => floorRound(place, bareLoop),
      drizzle: () => floorRound(place, drizzleValues),
    };
    const figures: Partial<Record<Way, Rates>> = {};
    for (const way of round % 2 === 0 ? WAYS : [...WAYS].reverse()) figures[way] = await sides[way]();
    const { ours, bare, drizzle } = figures;
    if (ours !== undefined && bare !== undefined && drizzle !== undefined && round > 0)
      done.push({ ours, bare, drizzle });
    if (round > 0) {
      single.push(await rowByRowRate(place));
      reading.push((await floorRound(place, readOnly)).unchanged);
    }
  }
  const of = (name: Case, way: Way): number[] => done.map((round) => round[way][name]);
  const ratio = (name: Case, to: Way): number =>
    median(done.map((round) => round.ours[name] / round[to][name]));
  const each = <T>(make: (name: Case) => T): Record<Case, T> => ({
    first: make('first'),
    unchanged: make('unchanged'),
    changed: make('changed'),
  });
  return {
    pageSize,
    records,
    rounds,
    rates: each((name) => ({
      ours: spreadOf(of(name, 'ours')),
      bare: spreadOf(of(name, 'bare')),
      drizzle: spreadOf(of(name, 'drizzle')),
    })),
    toBare: each((name) => ratio(name, 'bare')),
    toDrizzle: each((name) => ratio(name, 'drizzle')),
    unchangedToFirst: median(done.map(({ ours }) => ours.unchanged / ours.first)),
    rowByRow: spreadOf(single),
    readOnly: spreadOf(reading),
  };
}

/** A connection of its own, so that the first sync meets an empty mirror. */
async function ourRound({ engine, pages, pageSize, records }: Place, round: number): Promise<Rates> {
  const id = `c${pageSize}-${round}`;
  await engine.connect(id, pageSize);
  const changes = Math.ceil(records / CHANGED_EVERY);
  const time = async (expected: Partial<Delivered>): Promise<number> => {
    const started = performance.now();
    const counts = await engine.sync(id);
    const seconds = (performance.now() - started) / 1000;
    for (const [key, count] of Object.entries(expected))
      if (counts[key as keyof Delivered] !== count)
        throw new Error(`wrong counts: ${JSON.stringify(counts)}`);
    return records / seconds;
  };
  await pages.set({ records, version: 0, keep: true });
  await warm(pages, records, pageSize);
  const first = await time({ added: records });
  const unchanged = await time({ unchanged: records });
  await pages.set({ records, version: 1, keep: true });
  await warm(pages, records, pageSize);
  const changed = await time({ updated: changes, unchanged: records - changes });
  return { first, unchanged, changed };
}

async function floorRound({ engine, pages, pageSize, records }: Place, floor: Floor): Promise<Rates> {
  const { db } = engine.runtime;
  await emptyFloorTable(db);
  const time = async (): Promise<number> => {
    const started = performance.now();
    const count = await floor(db, pages.origin, pageSize);
    if (count !== records) throw new Error(`the floor read ${count} records of ${records}`);
    return (count * 1000) / (performance.now() - started);
  };
  await pages.set({ records, version: 0, keep: true });
  await warm(pages, records, pageSize);
  const first = await time();
  const unchanged = await time();
  await pages.set({ records, version: 1, keep: true });
  await warm(pages, records, pageSize);
  return { first, unchanged, changed: await time() };
}

async function rowByRowRate({ engine, pages, pageSize }: Place): Promise<number> {
  const { db } = engine.runtime;
  await emptyFloorTable(db);
  await pages.set({ records: ROW_BY_ROW, version: 0, keep: true });
  const started = performance.now();
  await rowByRow(db, pages.origin, pageSize);
  return (ROW_BY_ROW * 1000) / (performance.now() - started);
}

/** Has the server make its pages before anybody's time runs. */
async function warm({ origin }: PageServer, records: number, size: number): Promise<void> {
  for (let page = 1; page <= Math.ceil(records / size); page += 1)
    await (await fetch(`${origin}/api/records?limit=${size}&page=${page}`)).arrayBuffer();
}

function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}
