/** Histories that fast-check makes up: edits of a source, runs that die, and events that arrive when they will. */
import fc from 'fast-check';
import type { Engine, Fuse } from './engine.ts';
import { checkLedger } from './engine.ts';
import { Source, writeOf, type SourceRecord, type Edit, type Listing } from './source.ts';
import type { TinyAnswer, TinyProvider } from '../support/tiny-provider.ts';

/** PROPERTY_SEED looks at other histories; a failure prints the seed together with the path to the counterexample. */
export const SEED = Number(process.env.PROPERTY_SEED ?? 20_261_121);
/** Histories of each property; more of them are worth the time after a change of the engine. */
export const RUNS = Number(process.env.PROPERTY_RUNS ?? 5);

interface Meanwhile {
  /** at which request of the run */
  readonly request: number;
  readonly edits: readonly Edit[];
  /** which of the events that happened so far arrive, in this order */
  readonly events: readonly number[];
  /** the events arrive after the page was made and before it is answered */
  readonly late: boolean;
}

export type Step =
  | { readonly kind: 'edits'; readonly edits: readonly Edit[] }
  | { readonly kind: 'events'; readonly events: readonly number[] }
  | {
      readonly kind: 'run';
      readonly full: boolean;
      readonly fuses: readonly Fuse[];
      readonly meanwhile: readonly Meanwhile[];
    };

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('add', 'add', 'add', 'update', 'update', 'touch', 'delete'),
  pick: fc.nat(30),
  after: fc.nat(3),
});
const edits = (most: number): fc.Arbitrary<Edit[]> => fc.array(edit, { maxLength: most });

/** Steps of one history. `events` says whether any arrive. */
export function historyArbitrary(options: { readonly events: boolean }): fc.Arbitrary<Step[]> {
  const arrivals = options.events ? fc.array(fc.nat(40), { maxLength: 3 }) : fc.constant([]);
  const meanwhile = fc.record({
    request: fc.nat(6),
    edits: edits(3),
    events: arrivals,
    late: fc.boolean(),
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('edits' as const), edits: edits(6) }) },
    {
      weight: options.events ? 1 : 0,
      arbitrary: fc.record({ kind: fc.constant('events' as const), events: arrivals }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('run' as const),
        full: fc.nat(5).map((n) => n === 0),
        fuses: fc.array(fc.nat(45), { maxLength: 3 }),
        meanwhile: fc.array(meanwhile, { maxLength: 3 }),
      }),
    },
  );
  return fc.array(step, { minLength: 1, maxLength: 8 });
}

export interface Story {
  readonly engine: Engine;
  readonly tiny: TinyProvider;
  /** of the stream; its connection has the same one */
  readonly name: string;
  /** makes the answers; default: the source's pages */
  readonly answer?: (source: Source, url: URL) => TinyAnswer;
  readonly listing: Listing;
  /** the stream takes `updatedAt` as the version of its records */
  readonly versioned: boolean;
  /** every pass is complete */
  readonly complete?: boolean;
  /** the source's records carry the number `n` of their newest event */
  readonly numbered?: boolean;
  /** after the history, while the source stands still and before the complete pass */
  readonly before?: (source: Source) => Promise<void>;
}

/**
 * Lets a history happen, then one complete pass while the source stands still. Throws where the mirror isn't the
 * source then, and where numbers or versions were ever wrong.
 */
export async function live(story: Story, steps: readonly Step[]): Promise<void> {
  const { engine, tiny, name, listing } = story;
  await engine.clear();
  const source = new Source();
  let arrived = 0;
  const arrive = async (picks: readonly number[]): Promise<void> => {
    for (const pick of picks) {
      const event = source.events[pick % Math.max(1, source.events.length)];
      if (event === undefined) continue;
      arrived += 1;
      await engine.event(name, `event-${arrived}`, [writeOf(name, event, listing)]);
    }
  };
  let requests = 0;
  let script: readonly Meanwhile[] = [];
  tiny.answer = async (url) => {
    const now = script.filter(({ request }) => request === requests);
    requests += 1;
    for (const { edits: changes, events, late } of now) {
      changes.forEach((change) => source.edit(change));
      if (!late) await arrive(events);
    }
    const page = (story.answer ?? ((from, at) => from.page(at, listing)))(source, url);
    for (const { events, late } of now) if (late) await arrive(events);
    return page;
  };
  for (const step of steps) {
    if (step.kind === 'edits') step.edits.forEach((change) => source.edit(change));
    else if (step.kind === 'events') await arrive(step.events);
    else {
      requests = 0;
      script = step.meanwhile;
      await succeed(engine, name, { full: step.full, fuses: step.fuses });
      script = [];
      const quiet = step.meanwhile.every((now) => now.edits.length === 0 && now.events.length === 0);
      if (quiet && (step.full || story.complete === true)) await same(story, source);
    }
    await checkLedger(engine, name, name, story.versioned);
  }
  await story.before?.(source);
  await succeed(engine, name, { full: true });
  await checkLedger(engine, name, name, story.versioned);
  await same(story, source);
}

/** One run to its end; deletes are allowed, since small sources are emptied easily. */
export async function succeed(
  engine: Engine,
  name: string,
  options: { readonly full?: boolean; readonly fuses?: readonly Fuse[] },
): Promise<void> {
  const ended = (await engine.run(name, { ...options, allowDeletes: true })).get(name);
  if (ended?.status !== 'succeeded') throw new Error(`the run ended so: ${JSON.stringify(ended)}`);
}

/** Throws where mirror and source differ; `missing`: only in what the mirror lacks or has otherwise. */
export async function same(
  { engine, name, listing, numbered }: Story,
  source: Source,
  options: { readonly missing?: boolean } = {},
): Promise<void> {
  const mirror = await engine.fleet.mirror(name, name);
  const shown = (record: SourceRecord): object =>
    numbered === true
      ? { ...record, n: source.events.findLastIndex(({ id }) => id === record.id) + 1 }
      : source.shown(record, listing);
  const wanted = [...source.records.values()].map((record) => [record.id, shown(record)] as const);
  const wrong = wanted.filter(
    ([id, record]) => JSON.stringify(sorted(mirror.get(id))) !== JSON.stringify(sorted(record)),
  );
  const tooMany = options.missing === true ? [] : [...mirror.keys()].filter((id) => !source.records.has(id));
  if (wrong.length > 0 || tooMany.length > 0)
    throw new Error(
      `mirror ${JSON.stringify([...mirror.values()])}, source ${JSON.stringify(wanted.map(([, record]) => record))}`,
    );
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
