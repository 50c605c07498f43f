/**
 * Orphans: records whose parent record is deleted, or no longer there at all. A parent whose deletion is held still
 * counts as alive, so its children stay with it.
 */
import type { ErrorReport } from '../errors.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { Db } from '../store/db.ts';
import { commitProgress } from '../store/run-streams.ts';
import type { SyncContext } from './context.ts';
import { deleteRecords } from './delete-records.ts';
import { heldReport, mustHold, type Vanished } from './deletes.ts';
import { take, type WalkInput } from './pass.ts';
import { lockStream, type StreamKey, type Writer } from './writer.ts';

const BATCH = 1_000;

/** What another writer brought since the pass began may belong to a parent that the mirror doesn't have yet. */
const ORPHANS = `
  from sluice.records r
 where r.connection_id = $1 and r.stream = $2 and r.deleted_at is null and r.seq <= $4
   and not exists (select 1 from sluice.records p
                    where p.connection_id = $1 and p.stream = $3 and p.record_id = r.partition
                      and p.deleted_at is null)`;

/**
 * True where the parent's own deletes are the provider's word for each record. Those of its children follow without
 * a question; where a parent merely wasn't named any more, they count among what may be held.
 */
export function parentSaysSo({ connection, stream }: WalkInput): boolean {
  const parent: StreamDefinition | undefined = connection.streams.find(({ name }) => name === stream.parent);
  return parent !== undefined && (parent.changes.detect === 'sequence' || parent.tombstones !== undefined);
}

/**
 * Deletes the orphans of a stream that is listed per parent, in batches, each under the lease; `at` is the
 * checkpoint, `baseSeq` the stream's number when the pass began. Returns why, where they are held instead.
 */
export async function deleteOrphans(
  context: SyncContext,
  input: WalkInput,
  writer: Writer,
  at: unknown,
  baseSeq: number,
): Promise<ErrorReport | undefined> {
  const { connection, stream, job, counts, signal, delivery } = input;
  const { parent } = stream;
  if (parent === undefined) return undefined;
  if (!delivery.allowDeletes && !parentSaysSo(input)) {
    const orphans = await countOrphans(context.db, writer, parent, baseSeq);
    if (mustHold(orphans, connection.deletes)) return heldReport(connection.id, stream.name, orphans);
  }
  for (;;) {
    signal.throwIfAborted();
    const count = await context.db.tx(async (client) => {
      const lastSeq = await lockStream(client, writer);
      const orphans = await client.query<{ record_id: string }>(
        `select r.record_id ${ORPHANS} order by r.record_id limit ${BATCH}`,
        [writer.connectionId, writer.stream, parent, baseSeq],
      );
      if (orphans.rows.length === 0) return 0;
      const gone = orphans.rows.map((row) => ({ id: row.record_id, version: null }));
      const deleted = await deleteRecords(client, writer, gone, lastSeq);
      await commitProgress(client, job.runId, stream.name, { deleted, ...take(counts) }, at);
      return deleted;
    });
    if (count === 0) return undefined;
    context.onRecords?.(connection.provider.id, { added: 0, updated: 0, deleted: count });
  }
}

async function countOrphans(db: Db, key: StreamKey, parent: string, baseSeq: number): Promise<Vanished> {
  const result = await db.pool.query<Vanished>(
    `select (select count(*)::int from sluice.records
              where connection_id = $1 and stream = $2 and deleted_at is null) as live,
            count(*)::int as vanished ${ORPHANS}`,
    [key.connectionId, key.stream, parent, baseSeq],
  );
  return result.rows[0] ?? { live: 0, vanished: 0 };
}
