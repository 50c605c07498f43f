/** Reads the records that could not be mirrored, newest first, a batch at a time. */
import { isUtf8 } from 'node:buffer';
import { exactJson, parseExactJson } from '../exact-json.ts';
import type { Db } from '../store/db.ts';

export interface RejectedView {
  /** null where it could not be read */
  readonly id: string | null;
  readonly reason: string;
  readonly rejectedAt: string;
  readonly run: string;
  /** null where it can't be shown as JSON: `raw` has its bytes */
  readonly record: unknown;
  /** base64 */
  readonly raw?: string;
}

interface RejectedRow {
  readonly id: string;
  readonly record_id: string | null;
  readonly reason: string;
  readonly rejected_at: Date;
  readonly run_id: string;
  readonly raw: Buffer;
}

/** Small, since a rejected record may be as large as a whole page. */
const BATCH = 50;

export async function* readRejected(
  db: Db,
  connectionId: string,
  stream: string,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<RejectedView> {
  let left = limit;
  let before: string | null = null;
  while (left > 0) {
    const batch: { rows: RejectedRow[] } = await db.pool.query<RejectedRow>(
      `select id, record_id, reason, rejected_at, run_id, raw from sluice.rejected_records
        where connection_id = $1 and stream = $2 and ($3::bigint is null or id < $3)
        -- as the index has it: otherwise it sorts, or walks back over every stream's
        order by id desc nulls last limit $4`,
      [connectionId, stream, before, Math.min(BATCH, left)],
    );
    for (const row of batch.rows) {
      yield {
        id: row.record_id,
        reason: row.reason,
        rejectedAt: row.rejected_at.toISOString(),
        run: row.run_id,
        ...recordOf(row.raw),
      };
    }
    const last = batch.rows.at(-1);
    if (last === undefined) return;
    before = last.id;
    left -= batch.rows.length;
  }
}

/** The record where it can be parsed and written again: one may be nested deeper than the stack reaches. */
function recordOf(raw: Buffer): Pick<RejectedView, 'record' | 'raw'> {
  try {
    if (isUtf8(raw)) {
      const record = parseExactJson(raw);
      exactJson(record);
      return { record };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
  return { record: null, raw: raw.toString('base64') };
}
