/** The commit of a page: records, tombstones, rejected records, keys and checkpoint together, or nothing of it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import { commitProgress } from '../store/run-streams.ts';
import type { RequestEntry } from '../store/run-timeline.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { noTracing } from '../telemetry/tracing.ts';
import type { SyncContext } from './context.ts';
import { deleteMarked, type Deletion } from './delete-records.ts';
import { storeRejected, storeSeen } from './page-rows.ts';
import { give, take, type WalkInput } from './pass.ts';
import { withoutRefused } from './refused-records.ts';
import { tallied, type Tally } from './rejection-limit.ts';
import { splitTombstones } from './tombstones.ts';
import { validatePage, type ValidatedPage } from './validate-page.ts';
import {
  lockStream,
  noneStored,
  planWrites,
  storedRecords,
  storePlan,
  type Stored,
  type WriteCounts,
  type Writer,
} from './writer.ts';

/** A page's items, taken apart: what is to be stored, what can't be, and what is gone. */
export interface PageContent extends ValidatedPage {
  /** how many items the page had */
  readonly read: number;
  readonly gone: readonly Deletion[];
}

/** Records that are taken apart before others get their turn: a millisecond or two. */
const SLICE = 50;

/**
 * Needs no database, so that it can be done while the page before is written; in slices, so that the statements of
 * that one are sent and answered meanwhile. `rank`: which of two items with one id counts.
 */
export async function takeApart(
  stream: StreamDefinition,
  items: readonly unknown[],
  partition: string,
  rank: (item: unknown) => number,
): Promise<PageContent> {
  const { live, gone } = splitTombstones(stream, items, rank, partition);
  const content: PageContent = { records: [], rejected: [], read: items.length, gone };
  for (let from = 0; from < live.length; from += SLICE) {
    if (from > 0) await nextTurn();
    const { records, rejected } = validatePage(stream, live.slice(from, from + SLICE), partition);
    content.records.push(...records);
    content.rejected.push(...rejected);
  }
  return content;
}

export interface PageToCommit<Checkpoint> {
  readonly content: PageContent;
  /** the stream's number before the page was asked for */
  readonly baseSeq: number;
  /** that brought the page */
  readonly request: RequestEntry | undefined;
  readonly partition: string;
  /** of the pass before this page */
  readonly tally: Tally;
  /** number of this page in the pass, under which its keys are kept; undefined where nobody will ask for them */
  readonly keysAs: number | undefined;
  /**
   * Called with the stream's number once its row is locked for this page: what is asked for from now on has that base,
   * since nobody else writes before the commit. Once more where the page is stored again without what Postgres refused.
   */
  readonly onLocked?: (seq: number) => void;
  /** Says where the pass stands after this page, and stores what belongs to that; in the page's transaction. */
  readonly conclude: (client: pg.PoolClient, outcome: PageOutcome) => Checkpoint | Promise<Checkpoint>;
}

export interface PageOutcome extends WriteCounts {
  readonly deleted: number;
  readonly rejected: number;
  /** rejected records whose id could not be read */
  readonly unidentified: number;
  /** records of this page that are left to who wrote them meanwhile */
  readonly contended: readonly string[];
  /** ids of the records that were accepted */
  readonly ids: readonly string[];
  readonly tally: Tally;
}

export interface CommittedPage<Checkpoint> {
  /** where the pass stands after the page */
  readonly at: Checkpoint;
  /** somebody asked for the end of the run, or ended it: by removing its connection */
  readonly cancelled: boolean;
}

/** @throws SluiceError `records_rejected`, `lease_lost`, `page_outdated` */
export async function commitPage<Checkpoint>(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  page: PageToCommit<Checkpoint>,
): Promise<CommittedPage<Checkpoint>> {
  const attributes = { 'sluice.connection.id': input.connection.id, 'sluice.stream': input.stream.name };
  return (context.tracing ?? noTracing).span({ name: 'page commit', attributes }, async (span) => {
    span.set({ 'sluice.page.records': page.content.read });
    return withoutRefused(context.db, page.content, (valid) =>
      storePage(context, input, writer, page, valid),
    );
  });
}

async function storePage<Checkpoint>(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  page: PageToCommit<Checkpoint>,
  { records, rejected }: ValidatedPage,
): Promise<CommittedPage<Checkpoint>> {
  const { connection, job, counts } = input;
  const { partition, baseSeq } = page;
  const { gone, read } = page.content;
  const tally = await tallied(context.db, input, writer, page.tally, { partition, read, rejected });
  const ids = records.map((record) => record.id);
  const named = rejected.flatMap((record) => (record.id === null ? [] : [record.id]));
  const spent = take(counts, page.request);
  try {
    const { written, at, cancelled } = await context.db.txAfter(
      (client) => lockAndRead(client, writer, ids, page),
      async (client, { lastSeq, stored }, send) => {
        const plan = planWrites(writer, records, stored, lastSeq, baseSeq);
        const { contended, ...result } = plan.result;
        send(storePlan(client, writer, plan));
        const newest = lastSeq + result.added + result.updated;
        const marked = await deleteMarked(client, writer, gone, newest, baseSeq);
        send(storeRejected(client, writer, job.runId, partition, rejected));
        const outcome: PageOutcome = {
          ...result,
          deleted: marked.deleted,
          rejected: rejected.length,
          unidentified: rejected.length - named.length,
          contended: [...contended, ...marked.contended],
          ids,
          tally,
        };
        const at = await page.conclude(client, outcome);
        if (page.keysAs !== undefined)
          send(storeSeen(client, writer, job.runId, page.keysAs, [...ids, ...named]));
        const written = { ...result, deleted: marked.deleted };
        const progress = { ...written, rejected: rejected.length, pages: 1, ...spent };
        const cancelled = commitProgress(client, job.runId, writer.stream, progress, at);
        send(cancelled);
        return { written, at, cancelled };
      },
    );
    context.onRecords?.(connection.provider.id, { ...written, rejected: rejected.length });
    return { at, cancelled: await cancelled };
  } catch (error) {
    give(counts, spent);
    throw error;
  }
}

/** The lease and the lock of the stream's row, and what stands under these ids once nobody else can change it. */
async function lockAndRead(
  client: pg.PoolClient,
  writer: Writer,
  ids: readonly string[],
  { baseSeq, onLocked }: { readonly baseSeq: number; readonly onLocked?: (seq: number) => void },
): Promise<{ readonly lastSeq: number; readonly stored: Stored }> {
  const locked = async (): Promise<number> => {
    const seq = await lockStream(client, writer);
    onLocked?.(seq);
    return seq;
  };
  // Two statements, though sent together: the second sees what was committed while the first waited for the lock.
  const [lastSeq, stored] = await Promise.all([
    locked(),
    ids.length === 0 ? noneStored : storedRecords(client, writer, ids, baseSeq),
  ]);
  return { lastSeq, stored };
}
