/** The end of a complete pass: what vanished is deleted, or held for a person. */
import { commitProgress } from '../store/run-streams.ts';
import type { SyncContext } from './context.ts';
import { deleteVanished, findVanished, heldReport, mustHold, type Difference } from './deletes.ts';
import { deleteOrphans, parentSaysSo } from './orphans.ts';
import { take, type WalkInput, type WalkResult } from './pass.ts';
import { lockStream, type Writer } from './writer.ts';

/** What the end of a pass needs to know of its checkpoint. */
export interface PassEnd {
  /** the stream's newest change number when the pass began */
  readonly baseSeq: number;
  /** rejected records whose id could not be read: with any of them nothing is deleted */
  readonly unidentified: number;
}

const NOTHING: Difference = { live: 0, vanished: 0, first: [] };

/** `at` is the checkpoint, stored again with each batch of deletes. */
export async function finishPass(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: PassEnd,
): Promise<WalkResult> {
  const { db } = context;
  const { stream, job, delivery, connection, counts, signal } = input;
  if (parentSaysSo(input)) await deleteOrphans(context, input, writer, at, at.baseSeq);
  const vanished = at.unidentified > 0 ? NOTHING : await findVanished(db, writer, job.runId, at.baseSeq);
  if (!delivery.allowDeletes && mustHold(vanished, connection.deletes))
    return { status: 'held', error: heldReport(connection.id, stream.name, vanished) };
  if (vanished.vanished > 0) {
    await deleteVanished(db, writer, job.runId, at.baseSeq, vanished, signal, async (client, count) => {
      await commitProgress(client, job.runId, stream.name, { deleted: count, ...take(counts) }, at);
      context.onRecords?.(connection.provider.id, { added: 0, updated: 0, deleted: count });
    });
  }
  // The keys stay until the run is closed: a delivery that dies here is made again, and would find nothing seen.
  await db.txAfter(
    (client) => lockStream(client, writer),
    (client) =>
      client.query(
        `update sluice.streams set last_success_at = $3, last_full_at = $3
          where connection_id = $1 and stream = $2`,
        [writer.connectionId, writer.stream, new Date(context.now())],
      ),
  );
  return { status: 'succeeded', error: null };
}
