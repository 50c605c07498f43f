/**
 * A pass over a sequence feed: from the stored number to the feed's highest number as it was when the pass began,
 * page by page. The number moves in the transaction of the page, so that a pass that ends early loses nothing: the
 * next one goes on from there. Records are deleted by their tombstones alone, in complete passes too, because a
 * feed also drops records silently once the provider's retention is over.
 */
import type { RequestEntry } from '../store/run-timeline.ts';
import { commitPage, takeApart, type CommittedPage } from './commit-page.ts';
import type { SyncContext } from './context.ts';
import {
  askForRestart,
  completeCursor,
  forgetLostPartitions,
  moveCursor,
  readCursor,
  startOver,
  type SequenceCursor,
} from './cursors.ts';
import { deleteOrphans } from './orphans.ts';
import { nextPartition } from './partitions.ts';
import { writerOf, type WalkInput, type WalkResult } from './pass.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { emptyTally, type Tally } from './rejection-limit.ts';
import { maximumPage, numberOf, readAnswer, sequenceNumber, sequencePage } from './sequence.ts';
import { idOf } from './validate-page.ts';
import { currentSeq, lockStream, type Writer } from './writer.ts';

/** Where a pass stands. Stored with each page; null in a finished run. */
interface Checkpoint {
  /** true for a pass that began from the start */
  readonly full: boolean;
  /** the feed's highest number when the pass began; null where the feed doesn't say */
  readonly until: number | null;
  /** the partitions that were read before have nothing new */
  readonly still: boolean;
  /** parent record that is being read; empty for streams without a parent */
  readonly partition: string;
  /** number to ask after; null: this partition has been read */
  readonly sequence: number | null;
  /** the stream's number when the pass began; absent in checkpoints of older versions, as is `tally` */
  readonly baseSeq?: number;
  readonly tally?: Tally;
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: number;
  readonly last: boolean;
  readonly baseSeq: number;
  readonly request: RequestEntry | undefined;
}

export async function walkSequence(context: SyncContext, input: WalkInput): Promise<WalkResult> {
  const { connection, stream, signal } = input;
  const writer = writerOf(input);
  let at = (input.checkpoint as Checkpoint | null) ?? (await begin(context, input, writer));
  for (;;) {
    let ahead = at.sequence === null ? undefined : fetchPage(context, input, writer, at, at.sequence);
    while (ahead !== undefined) {
      const page = await ahead;
      ahead = page.last ? undefined : fetchPage(context, input, writer, at, page.next);
      // An error of the page ahead is met where it is awaited, not as an unhandled rejection before.
      ahead?.catch(() => {});
      const committed = await commitFeedPage(context, input, writer, at, page);
      at = committed.at;
      if (at.sequence !== null && (page.last || at.sequence !== page.next)) {
        ahead = fetchPage(context, input, writer, at, at.sequence);
        ahead.catch(() => {});
      }
      if (committed.cancelled) return { status: 'cancelled', error: null };
      signal.throwIfAborted();
    }
    const partition = await nextPartition(context.db, connection, stream, at.partition);
    if (partition === undefined) break;
    at = await enterPartition(context, input, writer, at, partition);
  }
  return complete(context, input, writer, at);
}

/**
 * Decides where the pass begins. A feed whose own highest number has fallen was numbered anew, and what stands
 * below the stored number would never be seen: it is read from the start. Where the highest number is still what it
 * was at the last complete pass, there is nothing to ask for.
 */
async function begin(context: SyncContext, input: WalkInput, writer: Writer): Promise<Checkpoint> {
  const { connection, stream, delivery } = input;
  const until = await currentMaximum(context, input);
  return context.db.tx(async (client) => {
    const baseSeq = await lockStream(client, writer);
    const stored =
      delivery.row.mode === 'full' ? undefined : await readCursor(client, writer, connection, stream);
    const fallen = until !== null && stored?.maximum !== undefined && until < stored.maximum;
    if (fallen) {
      context.logger.warn(
        { connection: connection.id, stream: stream.name, until, before: stored.maximum },
        'the feed was numbered anew and is read from the start',
      );
    }
    const full = stored === undefined || fallen;
    const cursor = full ? await startOver(client, writer, connection, stream) : stored;
    const still = !full && until !== null && until === stored.maximum;
    const pass = { full, until, still };
    return { ...pass, partition: '', sequence: startOf(cursor, pass, ''), baseSeq };
  });
}

/** The number that a partition is asked after; null where it needn't be. */
function startOf(
  cursor: SequenceCursor,
  pass: Pick<Checkpoint, 'full' | 'until' | 'still'>,
  partition: string,
): number | null {
  // Of a stream that is listed per parent, the empty partition stands for none.
  if (partition === '' && cursor.partitions !== undefined) return null;
  const known = partition === '' ? cursor.sequence : cursor.partitions?.[partition];
  return pass.still && known !== undefined ? null : (known ?? 0);
}

async function enterPartition(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
  partition: string,
): Promise<Checkpoint> {
  const cursor = await context.db.tx((client) => readCursor(client, writer, input.connection, input.stream));
  return { ...at, partition, sequence: cursor === undefined ? 0 : startOf(cursor, at, partition) };
}

async function currentMaximum(context: SyncContext, input: WalkInput): Promise<number | null> {
  const { connection, stream, counts, signal, job } = input;
  const url = maximumPage(connection, stream);
  if (url === undefined) return null;
  const answer = await context.outbound.getJson({ connection, flow: job.runId, url, stream, counts, signal });
  return sequenceNumber(answer.body, `the answer of ${new URL(url).pathname}`);
}

async function fetchPage(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  { partition, until }: Pick<Checkpoint, 'partition' | 'until'>,
  sequence: number,
): Promise<Page> {
  const { connection, stream, counts, signal, job } = input;
  signal.throwIfAborted();
  const baseSeq = await currentSeq(context.db.pool, writer);
  const url = sequencePage(connection, stream, sequence, partition);
  const answer = await context.outbound.getJson({ connection, flow: job.runId, url, stream, counts, signal });
  const { items, next } = readAnswer(stream, answer.body, sequence);
  return {
    items,
    next,
    last: next === sequence || (until !== null && next >= until),
    baseSeq,
    request: answer.request,
  };
}

/**
 * A record that another writer changed after the page was asked for is left to that one, and asked for again: the
 * feed names it once, so that going past it would leave what the feed says of it unseen.
 */
async function commitFeedPage(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
  page: Page,
): Promise<CommittedPage<Checkpoint>> {
  const { connection, stream } = input;
  const dependents = connection.streams.filter((other) => other.restartsWith === stream.name);
  return commitPage(context, input, writer, {
    content: await takeApart(stream, page.items, at.partition, (item) => numberOf(stream, item)),
    baseSeq: page.baseSeq,
    request: page.request,
    partition: at.partition,
    tally: at.tally ?? emptyTally,
    keysAs: undefined,
    conclude: async (client, { added, contended, tally }) => {
      const again = firstOf(stream, at.partition, page, contended);
      const next = Math.max(at.sequence ?? 0, Math.min(page.next, again - 1));
      await moveCursor(client, writer, at.partition, next);
      if (added > 0 && dependents.length > 0)
        await askForRestart(
          client,
          connection.id,
          dependents.map(({ name }) => name),
        );
      return { ...at, sequence: page.last && contended.length === 0 ? null : next, tally };
    },
  });
}

/** The lowest number that the page gives one of these records. */
function firstOf(
  stream: StreamDefinition,
  partition: string,
  { items }: Page,
  ids: readonly string[],
): number {
  if (ids.length === 0) return Infinity;
  const wanted = new Set(ids);
  return Math.min(
    ...items
      .filter((item) => wanted.has(idOf(stream, item, partition) ?? ''))
      .map((item) => numberOf(stream, item)),
  );
}

async function complete(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
): Promise<WalkResult> {
  const { parent } = input.stream;
  // Its checkpoint is one of an older version where it has no number.
  const held = await deleteOrphans(context, input, writer, at, at.baseSeq ?? Number.MAX_SAFE_INTEGER);
  if (held !== undefined) return { status: 'held', error: held };
  await context.db.tx(async (client) => {
    await lockStream(client, writer);
    if (parent !== undefined) await forgetLostPartitions(client, writer, parent);
    await completeCursor(client, writer, at.until, at.full);
  });
  return { status: 'succeeded', error: null };
}
