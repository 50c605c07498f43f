/** Streams that are listed once per parent: the parents in order of their ids, one after the other. */
import { commitProgress } from '../store/run-streams.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { Db } from '../store/db.ts';
import type { SyncContext } from './context.ts';
import { keepPartition } from './page-rows.ts';
import { give, take, type WalkInput } from './pass.ts';
import { lockStream, type Writer } from './writer.ts';
import { fieldAt } from './field.ts';
import { firstPage } from './paging.ts';

/**
 * The live parent record after this one. Undefined at the end, and for streams without a parent. Parents are read
 * from the mirror one at a time, so that a parent that comes or goes during the walk does no harm.
 */
export async function nextPartition(
  db: Db,
  connection: ResolvedConnection,
  stream: StreamDefinition,
  after: string,
): Promise<string | undefined> {
  if (stream.parent === undefined) return undefined;
  const result = await db.pool.query<{ record_id: string }>(
    `select record_id from sluice.records
      where connection_id = $1 and stream = $2 and deleted_at is null and record_id > $3
      order by record_id limit 1`,
    [connection.id, stream.parent, after],
  );
  return result.rows[0]?.record_id;
}

/**
 * True for a parent that was missing from its own list in this run, while the deletes of that list are held: it
 * still counts as alive, and an empty answer about its children must not take them away first.
 */
export async function isHeldParent(
  db: Db,
  runId: string,
  stream: StreamDefinition,
  partition: string,
): Promise<boolean> {
  const result = await db.pool.query<{ held: boolean }>(
    `select exists (select 1 from sluice.run_streams where run_id = $1 and stream = $2 and status = 'held')
        and not exists (select 1 from sluice.seen_keys
                         where run_id = $1 and stream = $2 and keys @> array[$3::text]) as held`,
    [runId, stream.parent ?? '', partition],
  );
  return result.rows[0]?.held ?? false;
}

/**
 * Counts the stored records of the checkpoint's partition as named by a page of this pass, so that they stay
 * whatever the provider answers. Returns the checkpoint after it.
 */
export async function keepChildren<At extends { readonly page: number; readonly partition: string }>(
  context: SyncContext,
  { job, counts }: WalkInput,
  writer: Writer,
  at: At,
): Promise<At> {
  const after = { ...at, page: at.page + 1 };
  const spent = take(counts);
  try {
    await context.db.tx(async (client) => {
      await lockStream(client, writer);
      await keepPartition(client, writer, job.runId, at.partition, at.page);
      await commitProgress(client, job.runId, writer.stream, spent, after);
    });
  } catch (error) {
    give(counts, spent);
    throw error;
  }
  return after;
}

interface Ancestor {
  readonly data: unknown;
  readonly partition: string;
}

/** Where the list of this parent begins; null where the provider has none for it, as its own or its parent's record says. */
export async function firstPageOf(
  db: Db,
  connection: ResolvedConnection,
  stream: StreamDefinition,
  parent: string,
): Promise<string | null> {
  if (stream.onlyParents === undefined && !stream.path.includes('{grandparent}'))
    return firstPage(connection, stream, parent);
  const above = connection.streams.find(({ name }) => name === stream.parent);
  const row = await ancestor(db, connection, above?.name, parent);
  const grandparent = row?.partition ?? '';
  if (stream.onlyParents !== undefined) {
    const isParent = stream.onlyParents.stream === above?.name;
    const judged = isParent ? row : await ancestor(db, connection, above?.parent, grandparent);
    if (!hasList(stream, judged?.data)) return null;
  }
  return firstPage(connection, stream, parent, grandparent);
}

/** Whether a record of the stream that `onlyParents` names has what it asks for. */
export function hasList({ onlyParents }: StreamDefinition, record: unknown): boolean {
  if (onlyParents === undefined) return true;
  const value = fieldAt(record, onlyParents.field);
  return onlyParents.values.some((wanted) => wanted === value);
}

async function ancestor(
  db: Db,
  connection: ResolvedConnection,
  stream: string | undefined,
  id: string,
): Promise<Ancestor | undefined> {
  const result = await db.pool.query<Ancestor>(
    `select data, partition from sluice.records where connection_id = $1 and stream = $2 and record_id = $3`,
    [connection.id, stream ?? '', id],
  );
  return result.rows[0];
}
