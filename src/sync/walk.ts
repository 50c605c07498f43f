/**
 * The core loop: page after page, each committed with its checkpoint before the next one counts. While a page is
 * written the next is already on its way; what goes wrong with that one surfaces after the commit.
 */
import { AsyncResource } from 'node:async_hooks';
import { SluiceError } from '../errors.ts';
import { commitPage, takeApart, type CommittedPage, type PageContent } from './commit-page.ts';
import type { SyncContext } from './context.ts';
import { finishPass } from './finish-pass.ts';
import { fetchListPage, isGone, type ListPage } from './list-page.ts';
import { firstPage } from './paging.ts';
import { firstPageOf, isHeldParent, keepChildren, nextPartition } from './partitions.ts';
import { writerOf, type WalkInput, type WalkResult } from './pass.ts';
import { emptyTally, type Tally } from './rejection-limit.ts';
import { currentSeq, type Writer } from './writer.ts';

/** Where a pass stands. Stored with each page; null in a finished run. */
interface Checkpoint {
  /** the stream's newest change number when the pass began */
  readonly baseSeq: number;
  /** parent record whose list is being read; empty for streams without a parent */
  readonly partition: string;
  /** URL of the next page; null: the list of this partition is complete */
  readonly next: string | null;
  /** pages committed in this pass */
  readonly page: number;
  /** rejected records whose id could not be read: with any of them nothing is deleted */
  readonly unidentified: number;
  /** absent in checkpoints of older versions */
  readonly tally?: Tally;
}

export async function walk(context: SyncContext, input: WalkInput): Promise<WalkResult> {
  const { db } = context;
  const { stream, connection, job } = input;
  const writer = writerOf(input);
  let at = (input.checkpoint as Checkpoint | null) ?? (await begin(context, input, writer));
  const seen = new Set<string>();

  for (;;) {
    // One partition: from where it stands to its last page.
    const { partition: current } = at;
    // Bound: what is asked for while a page is committed is no part of that commit, in a trace.
    const fetchNext = AsyncResource.bind((url: string, base?: number): Promise<PageToStore> => {
      const coming = fetchAndTakeApart(context, input, writer, url, current, base);
      // An error of the page ahead is met where it is awaited, not as an unhandled rejection before.
      coming.catch(() => {});
      return coming;
    });
    let ahead = at.next === null ? undefined : fetchNext(at.next);
    while (ahead !== undefined) {
      const page = await ahead.catch((error: unknown) => {
        if (at.partition === '' || !isGone(error)) throw error;
        return undefined;
      });
      if (page === undefined) {
        at = await keepChildren(context, input, writer, { ...at, next: null });
        break;
      }
      if (seen.has(page.url)) {
        throw new SluiceError('paging_loop', `The list of ${stream.name} names the same page twice.`);
      }
      seen.add(page.url);
      ahead = undefined;
      const { next } = page;
      const committed = await commitListPage(context, input, writer, at, page, (seq) => {
        if (next !== undefined) ahead ??= fetchNext(next, seq);
      });
      at = committed.at;
      if (committed.cancelled) return { status: 'cancelled', error: null };
      input.signal.throwIfAborted();
    }
    const partition = await nextPartition(db, connection, stream, at.partition);
    if (partition === undefined) break;
    const next = await firstPageOf(db, connection, stream, partition);
    at = { ...at, partition, next };
    if (next === null || (await isHeldParent(db, job.runId, stream, partition)))
      at = await keepChildren(context, input, writer, at);
    seen.clear();
  }
  return finishPass(context, input, writer, at);
}

async function begin(context: SyncContext, input: WalkInput, writer: Writer): Promise<Checkpoint> {
  const { stream, connection } = input;
  const baseSeq = await currentSeq(context.db.pool, writer);
  const next = stream.parent === undefined ? firstPage(connection, stream) : null;
  return { baseSeq, partition: '', next, page: 0, unidentified: 0 };
}

interface PageToStore extends Omit<ListPage, 'items'> {
  readonly content: PageContent;
}

/** The page ahead is taken apart as soon as it is there: Postgres is busy with the one before meanwhile. */
async function fetchAndTakeApart(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  url: string,
  partition: string,
  base: number | undefined,
): Promise<PageToStore> {
  const { items, ...page } = await fetchListPage(context, input, writer, url, base);
  return { ...page, content: await takeApart(input.stream, items, partition, () => 0) };
}

function commitListPage(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
  page: PageToStore,
  onLocked: (seq: number) => void,
): Promise<CommittedPage<Checkpoint>> {
  return commitPage(context, input, writer, {
    content: page.content,
    baseSeq: page.baseSeq,
    request: page.request,
    partition: at.partition,
    tally: at.tally ?? emptyTally,
    keysAs: at.page,
    onLocked,
    conclude: (_client, { unidentified, tally }) => ({
      ...at,
      next: page.next ?? null,
      page: at.page + 1,
      unidentified: at.unidentified + unidentified,
      tally,
    }),
  });
}
