/**
 * A pass over a stream that tells what was updated by its update times: of what is new since the watermark, or
 * complete, which also finds what vanished. Each partition has a watermark of its own.
 */
import type pg from 'pg';
import { SluiceError } from '../errors.ts';
import { commitPage, takeApart, type CommittedPage } from './commit-page.ts';
import type { SyncContext } from './context.ts';
import { forgetLostPartitions } from './cursors.ts';
import { finishPass } from './finish-pass.ts';
import { fetchListPage, isGone, type ListPage } from './list-page.ts';
import { forgetMarks, readMarks, setMark } from './marks.ts';
import { deleteOrphans } from './orphans.ts';
import { isHeldParent, keepChildren, nextPartition } from './partitions.ts';
import { writerOf, type WalkInput, type WalkResult } from './pass.ts';
import { emptyTally, type Tally } from './rejection-limit.ts';
import { updateTime, watermarkOf } from './update-time.ts';
import { beginWalk, settleStep, stepOver, type PartitionWalk, type Step } from './watermark-partition.ts';
import { lockStream, type Writer } from './writer.ts';

/** Where a pass stands. Stored with each page; null in a finished run. */
interface Checkpoint {
  /** true for a pass that reads everything */
  readonly full: boolean;
  /** the stream's newest change number when the pass began */
  readonly baseSeq: number;
  /** by our clock, milliseconds: no watermark lies beyond it, or a record from the future would hide all others */
  readonly startedAt: number;
  /** pages committed in this pass */
  readonly page: number;
  readonly unidentified: number;
  readonly tally: Tally;
  /** parent record whose list is being read; empty for streams without a parent */
  readonly partition: string;
  /** null: this partition has been read */
  readonly walk: PartitionWalk | null;
}

export async function walkWatermark(context: SyncContext, input: WalkInput): Promise<WalkResult> {
  const { connection, stream, signal } = input;
  const writer = writerOf(input);
  let at = (input.checkpoint as Checkpoint | null) ?? (await begin(context, input, writer));
  for (;;) {
    const seen = new Set<string>();
    let ahead: Promise<ListPage> | undefined;
    while (at.walk !== null) {
      const { walk } = at;
      const page = await (ahead ?? fetchListPage(context, input, writer, walk.url)).catch(
        goneOr(at.partition),
      );
      ahead = undefined;
      if (page === undefined) {
        at = await leavePartition(context, input, writer, at);
        break;
      }
      if (seen.has(page.url))
        throw new SluiceError('paging_loop', `The list of ${stream.name} names the same page twice.`);
      seen.add(page.url);
      const step = stepOver(input, at.partition, walk, page);
      // Never across a watermark: only where the page says, before it is stored, that the walk goes on.
      if (step.verdict === 'goes on') {
        ahead = fetchListPage(context, input, writer, step.walk.url);
        ahead.catch(() => {});
      }
      const committed = await commitWalkPage(context, input, writer, at, { page, step });
      at = committed.at;
      // A walk that begins once more at the front asks for the same pages.
      if (step.verdict !== 'goes on') seen.clear();
      if (committed.cancelled) return { status: 'cancelled', error: null };
      signal.throwIfAborted();
    }
    const partition = await nextPartition(context.db, connection, stream, at.partition);
    if (partition === undefined) break;
    at = await enterPartition(context, input, writer, at, partition);
  }
  if (!at.full) return finishIncrement(context, input, writer, at);
  if (stream.parent !== undefined) await forgetGone(context, writer, stream.parent);
  return finishPass(context, input, writer, at);
}

/** Of a list per parent, an answer that the parent is gone is no failure. */
function goneOr(partition: string): (error: unknown) => undefined {
  return (error) => {
    if (partition === '' || !isGone(error)) throw error;
  };
}

/** A pass is complete where the run says so, and where nothing is known of what was read before. */
async function begin(context: SyncContext, input: WalkInput, writer: Writer): Promise<Checkpoint> {
  const { connection, stream, delivery } = input;
  const { full, baseSeq } = await context.db.tx(async (client) => {
    const seq = await lockStream(client, writer);
    const cursor = await readMarks(client, writer, connection, stream);
    const restart = await wantsRestart(client, writer);
    if (cursor === undefined || restart) await forgetMarks(client, writer, connection, stream);
    return { full: delivery.row.mode === 'full' || cursor === undefined || restart, baseSeq: seq };
  });
  const at: Checkpoint = {
    full,
    baseSeq,
    startedAt: context.now(),
    page: 0,
    unidentified: 0,
    tally: emptyTally,
    partition: '',
    walk: null,
  };
  return stream.parent === undefined ? enterPartition(context, input, writer, at, '') : at;
}

async function wantsRestart(client: pg.PoolClient, writer: Writer): Promise<boolean> {
  const result = await client.query<{ restart: boolean }>(
    `select restart from sluice.streams where connection_id = $1 and stream = $2`,
    [writer.connectionId, writer.stream],
  );
  return result.rows[0]?.restart ?? false;
}

async function enterPartition(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
  partition: string,
): Promise<Checkpoint> {
  const walk = await beginWalk(context, input, writer, { partition, full: at.full });
  const entered: Checkpoint = { ...at, partition, walk };
  const held =
    at.full && partition !== '' && (await isHeldParent(context.db, input.job.runId, input.stream, partition));
  return held ? keepChildren(context, input, writer, entered) : entered;
}

/** Goes past a parent that the provider knows no more. Its mark stays: should it come back, it is read on. */
async function leavePartition(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
): Promise<Checkpoint> {
  const left: Checkpoint = { ...at, walk: null };
  return at.full ? keepChildren(context, input, writer, left) : left;
}

async function commitWalkPage(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
  { page, step }: { readonly page: ListPage; readonly step: Step },
): Promise<CommittedPage<Checkpoint>> {
  const changes = watermarkOf(input.stream);
  return commitPage(context, input, writer, {
    content: await takeApart(
      input.stream,
      page.items,
      at.partition,
      (item) => updateTime(changes, item) ?? 0,
    ),
    baseSeq: page.baseSeq,
    request: page.request,
    partition: at.partition,
    tally: at.tally,
    keysAs: at.full ? at.page : undefined,
    conclude: async (client, outcome) => {
      const { walk, mark } = await settleStep(client, input, writer, at, { ...step, page, outcome });
      if (mark !== undefined) await setMark(client, writer, at.partition, mark);
      return {
        ...at,
        page: at.page + 1,
        unidentified: at.unidentified + outcome.unidentified,
        tally: outcome.tally,
        walk,
      };
    },
  });
}

/** The end of a pass that read what is new: the children of parents that are gone follow them. */
async function finishIncrement(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: Checkpoint,
): Promise<WalkResult> {
  const { parent } = input.stream;
  const held = await deleteOrphans(context, input, writer, at, at.baseSeq);
  if (held !== undefined) return { status: 'held', error: held };
  if (parent !== undefined) await forgetGone(context, writer, parent);
  await context.db.tx(async (client) => {
    await lockStream(client, writer);
    await client.query(
      `update sluice.streams set last_success_at = $3 where connection_id = $1 and stream = $2`,
      [writer.connectionId, writer.stream, new Date(context.now())],
    );
  });
  return { status: 'succeeded', error: null };
}

/** A parent that comes back is read from the start. */
async function forgetGone(context: SyncContext, writer: Writer, parent: string): Promise<void> {
  await context.db.tx(async (client) => {
    await lockStream(client, writer);
    await forgetLostPartitions(client, writer, parent);
  });
}
