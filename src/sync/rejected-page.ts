/** One page of the records of a stream that could not be mirrored, newest first, each with the reason. */
import type { Db } from '../store/db.ts';
import type { StreamKey } from './writer.ts';

export interface RejectedLine {
  /** where it stands in the list */
  readonly number: number;
  /** null where it could not be read */
  readonly id: string | null;
  readonly reason: string;
  readonly rejectedAt: string;
  readonly run: string;
  /** as received, cut to its beginning; what is no UTF-8 shows as replacement characters */
  readonly beginning: string;
  /** of the whole */
  readonly bytes: number;
}

/** Bytes of a rejected record that are shown: one may be as large as a page of its provider. */
const BEGINNING = 4_000;

/** `before`: number of the last line of the page before. */
export async function rejectedPage(
  db: Pick<Db, 'pool'>,
  { connectionId, stream }: StreamKey,
  { before, limit }: { readonly before: number | undefined; readonly limit: number },
): Promise<{ readonly lines: RejectedLine[]; readonly next: number | null }> {
  const result = await db.pool.query<{
    id: string;
    record_id: string | null;
    reason: string;
    rejected_at: Date;
    run_id: string;
    beginning: Buffer;
    bytes: number;
  }>(
    `select id, record_id, reason, rejected_at, run_id, substring(raw from 1 for ${BEGINNING}) as beginning,
            octet_length(raw) as bytes
       from sluice.rejected_records
      where connection_id = $1 and stream = $2 and ($3::bigint is null or id < $3)
      -- as the index has it: otherwise it sorts, or walks back over every stream's
      order by id desc nulls last limit $4`,
    [connectionId, stream, before ?? null, limit + 1],
  );
  const lines = result.rows.slice(0, limit).map((row) => ({
    number: Number(row.id),
    id: row.record_id,
    reason: row.reason,
    rejectedAt: row.rejected_at.toISOString(),
    run: row.run_id,
    beginning: row.beginning.toString(),
    bytes: row.bytes,
  }));
  return { lines, next: result.rows.length > limit ? (lines.at(-1)?.number ?? null) : null };
}
