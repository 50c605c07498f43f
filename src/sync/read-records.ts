/**
 * Reads mirrored records in the order of their ids, a batch at a time, in memory that doesn't depend on their number
 * or size. No transaction is held while the reader works, however slow it is: each record comes at most once, as it
 * stands when its batch is read, and one that is added meanwhile is seen where its id is still ahead.
 */
import { parseExactJson } from '../exact-json.ts';
import type { Db } from '../store/db.ts';

export interface RecordView {
  readonly id: string;
  readonly record: unknown;
  readonly changedAt: string;
  readonly deletedAt: string | null;
}

export interface ReadOptions {
  /** also those that were deleted at the provider */
  readonly deleted: boolean;
  readonly limit?: number;
}

const FIRST_BATCH = 50;
const MAX_BATCH = 1_000;
/** Characters of bodies that a batch should come to: large records are read fewer at a time. */
const BATCH_CHARACTERS = 1_000_000;

interface RecordRow {
  readonly record_id: string;
  readonly body: string;
  readonly changed_at: Date;
  readonly deleted_at: Date | null;
}

export async function* readRecords(
  db: Db,
  connectionId: string,
  stream: string,
  options: ReadOptions,
): AsyncGenerator<RecordView> {
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let after: string | null = null;
  let batch = FIRST_BATCH;
  while (left > 0) {
    const { rows }: { rows: RecordRow[] } = await db.pool.query<RecordRow>(
      `select record_id, data::text as body, changed_at, deleted_at from sluice.records
        where connection_id = $1 and stream = $2 and ($3::text is null or record_id > $3)
          and ($4 or deleted_at is null)
        order by record_id limit $5`,
      [connectionId, stream, after, options.deleted, Math.min(batch, left)],
    );
    let characters = 0;
    for (const row of rows) {
      characters += row.body.length;
      yield {
        id: row.record_id,
        record: parseExactJson(row.body),
        changedAt: row.changed_at.toISOString(),
        deletedAt: row.deleted_at?.toISOString() ?? null,
      };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < Math.min(batch, left)) return;
    after = last.record_id;
    left -= rows.length;
    batch = nextBatch(rows.length, characters);
  }
}

/** As many as fit by what the last ones were like; at most twice as many as before, since the next may be larger. */
function nextBatch(count: number, characters: number): number {
  const fitting = Math.floor(BATCH_CHARACTERS / Math.max(1, characters / count));
  return Math.max(1, Math.min(fitting, count * 2, MAX_BATCH));
}
