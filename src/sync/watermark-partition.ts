/** The walk through one partition of a watermark stream: where it begins, what each page does to it, its mark. */
import type pg from 'pg';
import type { ResolvedConnection } from '../providers/connection.ts';
import { defaultOverlapMs, type StreamDefinition, type Watermark } from '../providers/contract.ts';
import { afterSincePage, sincePage, type Ascending, type SinceWalk } from './ascending.ts';
import type { PageOutcome } from './commit-page.ts';
import type { SyncContext } from './context.ts';
import { fetchListPage, type ListPage } from './list-page.ts';
import { markOf, readMarks, usableMarks, type Mark } from './marks.ts';
import { afterFrontPage, floorOf, type FrontWalk, type Verdict } from './newest-first.ts';
import { firstPage } from './paging.ts';
import type { WalkInput } from './pass.ts';
import { pageTimes, updateTime, watermarkOf } from './update-time.ts';
import { idOf } from './validate-page.ts';
import { currentSeq, type StreamKey, type Writer } from './writer.ts';

export type PartitionWalk = {
  /** URL of the next request */
  readonly url: string;
  /** the stream's number when this walk began */
  readonly base: number;
  /** update time in milliseconds of the oldest record that was left to another writer: it is to be read again */
  readonly cap: number | null;
} & (
  | { readonly order: 'newest-first'; readonly front: FrontWalk }
  | { readonly order: 'ascending'; readonly since: SinceWalk }
);

/** What a walk knows of the pass that it belongs to. */
export interface PartOfPass {
  readonly partition: string;
  readonly full: boolean;
  /** our clock when the pass began, milliseconds */
  readonly startedAt: number;
}

/** Begins at the mark; without one, and in a complete pass, at the start. */
export async function beginWalk(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  { partition, full }: Pick<PartOfPass, 'partition' | 'full'>,
): Promise<PartitionWalk> {
  const { connection, stream } = input;
  const base = await currentSeq(context.db.pool, writer);
  const cursor = await readMarks(context.db.pool, writer, connection, stream);
  const walk = walkFrom(connection, stream, full ? undefined : markOf(cursor, partition), partition, base);
  if (walk.order === 'ascending' || walk.front.byTime || watermarkOf(stream).field === undefined) return walk;
  // In another order the walk can't tell which updates it missed: what is newest is asked for before it.
  const front = await fetchListPage(context, input, writer, firstPage(connection, stream, partition));
  return { ...walk, front: { ...walk.front, newest: pageTimes(watermarkOf(stream), front.items).newest } };
}

function walkFrom(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  mark: Mark | undefined,
  partition: string,
  base: number,
): PartitionWalk {
  const changes = watermarkOf(stream);
  const floor = floorOf(mark, overlapOf(changes));
  const cap = null;
  if (changes.order === 'ascending') {
    const url = sincePage(connection, stream, changes, partition, floor);
    return { order: 'ascending', url, base, cap, since: { since: floor, newest: null, ordered: true } };
  }
  const { completeQuery } = changes;
  const otherOrder = mark === undefined && completeQuery !== undefined;
  const listed = otherOrder ? { ...stream, query: { ...stream.query, ...completeQuery } } : stream;
  const front: FrontWalk = {
    step: mark === undefined ? 'all' : 'new',
    floor,
    settled: mark !== undefined && 'settled' in mark ? mark.settled : null,
    front: null,
    newest: null,
    byTime: !otherOrder,
    largest: 0,
    pages: 0,
  };
  return { order: 'newest-first', url: firstPage(connection, listed, partition), base, cap, front };
}

/**
 * What a pass would ask for first, and whether it would end with the answer; `cursor` is undefined where it would be
 * complete. Of records without a time that is known only once they are stored: such a pass counts as going on.
 */
export function previewWalk(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  cursor: unknown,
  partition: string,
): { readonly url: string; readonly ends: (page: Pick<ListPage, 'items' | 'next'>) => boolean } {
  const mark = markOf(usableMarks(connection, stream, cursor), partition);
  const walk = walkFrom(connection, stream, mark, partition, 0);
  return {
    url: walk.url,
    ends: (page) => stepOver({ connection, stream }, partition, walk, page).verdict === 'ends',
  };
}

function overlapOf(changes: Watermark): number {
  return changes.overlapMs ?? defaultOverlapMs;
}

export interface Step {
  /** the walk after the page, with the URL where it goes on */
  readonly walk: PartitionWalk;
  readonly verdict: Verdict;
}

/** What a page says about where its walk goes on, as far as that can be told before it is stored. */
export function stepOver(
  { connection, stream }: Pick<WalkInput, 'connection' | 'stream'>,
  partition: string,
  walk: PartitionWalk,
  page: Pick<ListPage, 'items' | 'next'>,
): Step {
  const changes = watermarkOf(stream);
  if (walk.order === 'newest-first') {
    const after = afterFrontPage(changes, walk.front, page);
    return { walk: { ...walk, front: after.walk, url: page.next ?? walk.url }, verdict: after.verdict };
  }
  const ascending = changes as Ascending;
  const { walk: since, next } = afterSincePage(ascending, walk.since, page);
  const url =
    next === 'since'
      ? sincePage(connection, stream, ascending, partition, since.since)
      : (page.next ?? walk.url);
  return { walk: { ...walk, since, url }, verdict: next === undefined ? 'ends' : 'goes on' };
}

/**
 * The walk once its page is stored, in the page's transaction; null where the partition has been read. Its mark
 * where it moved: in ascending order with each page, otherwise when the walk is over.
 */
export async function settleStep(
  client: pg.PoolClient,
  input: WalkInput,
  writer: Writer,
  pass: PartOfPass,
  { page, outcome, ...step }: Step & { readonly page: ListPage; readonly outcome: PageOutcome },
): Promise<{ readonly walk: PartitionWalk | null; readonly mark: Mark | undefined }> {
  const walk: PartitionWalk = {
    ...step.walk,
    cap: lower(step.walk.cap, oldestOf(input, pass.partition, page, outcome)),
  };
  const ends =
    step.verdict === 'ends' ||
    (step.verdict === 'when stored' && (await isKnown(client, input, writer, walk, page, outcome)));
  if (walk.order === 'ascending') {
    const mark = walk.since.ordered || ends ? markAt(walk, walk.since.newest, pass) : undefined;
    const before = await readMarks(client, writer, input.connection, input.stream);
    return {
      walk: ends ? null : walk,
      mark: isLater(mark, markOf(before, pass.partition)) ? mark : undefined,
    };
  }
  if (!ends) return { walk, mark: undefined };
  const again = pass.full ? onceMore(input, pass.partition, walk) : undefined;
  if (again !== undefined) return { walk: again, mark: undefined };
  const { field } = watermarkOf(input.stream);
  if (field === undefined) return { walk: null, mark: { settled: { seq: walk.base, run: input.job.runId } } };
  return {
    walk: null,
    mark: markAt(walk, walk.front.newest, pass) ?? (await firstMark(client, input, writer, pass)),
  };
}

/**
 * Before anything is deleted, a complete walk in the order of updates goes over the front once more: what moved there
 * while it was further down was never named. One page, or an order that updates don't change, can't miss anything so.
 */
function onceMore(
  { connection, stream, job }: WalkInput,
  partition: string,
  walk: PartitionWalk,
): PartitionWalk | undefined {
  if (walk.order !== 'newest-first' || walk.front.step !== 'all') return undefined;
  if (!walk.front.byTime || walk.front.pages === 1) return undefined;
  const { front } = walk;
  return {
    ...walk,
    url: firstPage(connection, stream, partition),
    front: {
      ...front,
      step: 'again',
      floor: front.front === null ? null : front.front - overlapOf(watermarkOf(stream)),
      settled: { seq: walk.base, run: job.runId },
      pages: 0,
    },
  };
}

/** Update time of the oldest record of a page that was left to another writer. */
function oldestOf(
  { stream }: WalkInput,
  partition: string,
  { items }: ListPage,
  { contended }: PageOutcome,
): number | null {
  if (contended.length === 0) return null;
  const changes = watermarkOf(stream);
  const wanted = new Set(contended);
  let oldest: number | null = null;
  for (const item of items)
    if (wanted.has(idOf(stream, item, partition) ?? ''))
      oldest = lower(oldest, updateTime(changes, item) ?? null);
  return oldest;
}

function lower(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function markAt({ cap }: PartitionWalk, newest: number | null, { startedAt }: PartOfPass): Mark | undefined {
  if (newest === null) return undefined;
  return { watermark: new Date(Math.min(newest, startedAt, cap ?? Infinity)).toISOString() };
}

function isLater(mark: Mark | undefined, than: Mark | undefined): boolean {
  if (mark === undefined || !('watermark' in mark)) return false;
  return than === undefined || !('watermark' in than) || mark.watermark > than.watermark;
}

/** Of a partition in which nothing has a time yet: it counts as read, and everything that comes is new. */
async function firstMark(
  client: pg.PoolClient,
  { connection, stream }: WalkInput,
  writer: StreamKey,
  { partition }: PartOfPass,
): Promise<Mark | undefined> {
  const known = markOf(await readMarks(client, writer, connection, stream), partition);
  return known === undefined ? { watermark: new Date(0).toISOString() } : undefined;
}

/**
 * Where records carry no time: whether a full page holds nothing but what an earlier walk that was completed, or
 * this pass before it, has seen as it is. What somebody else wrote since, or a walk that never came to its end,
 * doesn't count: behind it there may be more that is new.
 */
async function isKnown(
  client: pg.PoolClient,
  { job }: WalkInput,
  writer: Writer,
  walk: PartitionWalk,
  { items }: ListPage,
  { unchanged, contended, ids }: PageOutcome,
): Promise<boolean> {
  if (walk.order !== 'newest-first' || walk.front.settled === null) return false;
  if (unchanged !== items.length || contended.length > 0) return false;
  const { seq, run } = walk.front.settled;
  const result = await client.query<{ known: number }>(
    `select count(*)::int as known from sluice.records
      where connection_id = $1 and stream = $2 and record_id = any($3::text[]) and (seq <= $4 or writer = $5)
        and ($6::text is null or record_id in (
              select unnest(keys) from sluice.seen_keys where run_id = $6 and stream = $2))`,
    [writer.connectionId, writer.stream, ids, seq, run, walk.front.step === 'again' ? job.runId : null],
  );
  return result.rows[0]?.known === ids.length;
}
