/** The one way records are deleted: each with its number and the body it had, under the lock of the stream's row. */
import type pg from 'pg';
import { raiseVersions } from './store-records.ts';
import { compareVersions } from './versions.ts';
import { advanceSeq, isForeign, storedRecords, type Author } from './writer.ts';

/** A record that its source says is gone. */
export interface Deletion {
  readonly id: string;
  /** the moment of it, in the stream's kind of version; null where it is not known */
  readonly version: string | null;
}

export interface DeleteResult {
  readonly deleted: number;
  /** as in `WriteResult` */
  readonly contended: readonly string[];
}

/**
 * Deletes what a source marks as gone. A strictly older mark is refused; `baseSeq` as in `writeRecords`. What is
 * deleted already keeps the newer moment, so that an event from between can't bring it back.
 */
export async function deleteMarked(
  client: pg.PoolClient,
  author: Author,
  marks: readonly Deletion[],
  lastSeq: number,
  baseSeq: number | null,
): Promise<DeleteResult> {
  if (marks.length === 0) return { deleted: 0, contended: [] };
  const { byId: stored } = await storedRecords(
    client,
    author,
    marks.map(({ id }) => id),
    baseSeq,
  );
  const accepted = new Map<string, Deletion>();
  const again: Deletion[] = [];
  const contended: string[] = [];
  for (const mark of marks) {
    const before = stored.get(mark.id);
    if (before === undefined) continue;
    const order = compareVersions(mark.version, before.version);
    if (order !== undefined && order < 0) continue;
    if (before.deleted) {
      if (mark.version !== null && order !== 0) again.push(mark);
    } else if (baseSeq !== null && isForeign(before, author, baseSeq) && (order ?? 0) === 0) {
      contended.push(mark.id);
    } else accepted.set(mark.id, mark);
  }
  if (again.length > 0) await raiseVersions(client, author, again);
  const deleted = await deleteRecords(client, author, [...accepted.values()], lastSeq);
  return { deleted, contended };
}

/** Marks records as deleted, each with a change that keeps its last body. Returns how many were still alive. */
export async function deleteRecords(
  client: pg.PoolClient,
  author: Author,
  gone: readonly Deletion[],
  lastSeq: number,
): Promise<number> {
  if (gone.length === 0) return 0;
  // Looked up one by one, whatever the planner believes: a stream that was filled since the table was last analysed
  // counts as a single row, and a join has put all of it with all its bodies into a hash table, 878 MiB for a million.
  const result = await client.query<{ newest: string | null; count: number }>(
    `with gone as (
       select i.record_id, r.data, i.version, $5::bigint + row_number() over (order by i.record_id) as seq
         from unnest($3::text[], $4::text[]) as i (record_id, version)
        cross join lateral (
          select data from sluice.records
           where connection_id = $1 and stream = $2 and record_id = i.record_id and deleted_at is null offset 0) r
     ), logged as (
       insert into sluice.changes (connection_id, stream, seq, op, record_id, previous, changed_at)
       select $1, $2, seq, 'deleted', record_id, data, now() from gone
     ), marked as (
       update sluice.records r
          set deleted_at = now(), changed_at = now(), seq = gone.seq, writer = $6,
              version = coalesce(gone.version, r.version)
         from gone
        where r.connection_id = $1 and r.stream = $2 and r.record_id = any($3::text[]) and r.record_id = gone.record_id
     )
     select max(seq) as newest, count(*)::int as count from gone`,
    [
      author.connectionId,
      author.stream,
      gone.map(({ id }) => id),
      gone.map(({ version }) => version),
      lastSeq,
      author.writer,
    ],
  );
  const row = result.rows[0];
  if (row === undefined || row.newest === null) return 0;
  await advanceSeq(client, author, Number(row.newest));
  return row.count;
}
