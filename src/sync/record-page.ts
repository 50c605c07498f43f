/** One page of mirrored records, in the order of their ids. */
import { parseExactJson } from '../exact-json.ts';
import type { Db } from '../store/db.ts';
import type { RecordView } from './read-records.ts';
import type { StreamKey } from './writer.ts';

export interface RecordPageRequest {
  /** id of the last record of the page before */
  readonly after: string | undefined;
  readonly limit: number;
  /** also those that were deleted at the provider */
  readonly deleted: boolean;
}

/** `more`: whether another record follows. */
export async function recordPage(
  db: Pick<Db, 'pool'>,
  { connectionId, stream }: StreamKey,
  { after, limit, deleted }: RecordPageRequest,
): Promise<{ readonly records: RecordView[]; readonly more: boolean }> {
  const result = await db.pool.query<{
    record_id: string;
    body: string;
    changed_at: Date;
    deleted_at: Date | null;
  }>(
    `select record_id, data::text as body, changed_at, deleted_at from sluice.records
      where connection_id = $1 and stream = $2 and ($3::text is null or record_id > $3)
        and ($4 or deleted_at is null)
      order by record_id limit $5`,
    [connectionId, stream, after ?? null, deleted, limit + 1],
  );
  const records = result.rows.slice(0, limit).map((row) => ({
    id: row.record_id,
    record: parseExactJson(row.body),
    changedAt: row.changed_at.toISOString(),
    deletedAt: row.deleted_at?.toISOString() ?? null,
  }));
  return { records, more: result.rows.length > limit };
}
