/**
 * The change feed: what was added, updated and deleted in a stream, in the order of its numbers. They have no gap and
 * become visible in order (`writer.ts`), so a reader that remembers the last number it saw misses nothing.
 */
import { SluiceError } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import type { Db } from '../store/db.ts';
import type { StreamKey } from './writer.ts';

export type ChangeOp = 'added' | 'updated' | 'deleted';

export interface ChangeView {
  readonly seq: number;
  readonly op: ChangeOp;
  /** of the record; null where the record was purged since */
  readonly id: string | null;
  /** the record as it is now, not as it was then; null where it is deleted */
  readonly record: unknown;
  readonly changedAt: string;
}

export interface ChangePage {
  readonly changes: readonly ChangeView[];
  /** number of the stream's newest change; 0 before the first */
  readonly last: number;
}

interface FeedRow {
  readonly last_seq: string;
  readonly first_seq: string;
  /** the feed alone where no change follows */
  readonly seq: string | null;
  readonly op: ChangeOp;
  readonly record_id: string;
  readonly body: string | null;
  readonly changed_at: Date;
}

/** The number that digits write; one that is too long to be exact is beyond every feed, and stays so. */
export function changeNumber(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/**
 * One statement, so that page, newest number and truncation are of one moment. The page is cut out by the primary key
 * before bodies are looked up, one by one in the other primary key: a page costs the same wherever it begins. Where
 * the feed begins follows from the oldest change that is left; where none is, every number up to the newest is gone.
 */
export const PAGE_SQL = `
  select f.last_seq, f.first_seq, c.seq, c.op, c.record_id, c.changed_at,
         case when r.deleted_at is null then r.data::text end as body
    from (select s.connection_id, s.stream, s.last_seq,
                 coalesce((select min(o.seq) from sluice.changes o
                            where o.connection_id = s.connection_id and o.stream = s.stream),
                          s.last_seq + 1) as first_seq
            from sluice.streams s where s.connection_id = $1 and s.stream = $2) f
    left join lateral (select seq, op, record_id, changed_at from sluice.changes
                        where connection_id = $1 and stream = $2 and seq > $3 order by seq limit $4) c on true
    left join lateral (select data, deleted_at from sluice.records
                        where connection_id = $1 and stream = $2 and record_id = c.record_id limit 1) r on true`;

/**
 * The changes after a number, oldest first.
 *
 * @throws SluiceError `feed_truncated` (details: `earliest`, the oldest number that is left), `cursor_ahead` (details:
 *   `last`)
 */
export async function readChanges(
  db: Pick<Db, 'pool'>,
  key: StreamKey,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<ChangePage> {
  const { rows } = await db.pool.query<FeedRow>(PAGE_SQL, [key.connectionId, key.stream, after, limit]);
  // a stream that never ran has no row
  const last = Number(rows[0]?.last_seq ?? 0);
  const earliest = Number(rows[0]?.first_seq ?? 1);
  if (after > last) throw ahead(key, after, last);
  if (after < earliest - 1) throw truncated(key, after, earliest);
  const changes = rows.filter((row) => row.seq !== null).map(toView);
  // the statement gives them in this order already, without promising it
  return { changes: changes.sort((one, other) => one.seq - other.seq), last };
}

function toView(row: FeedRow): ChangeView {
  return {
    seq: Number(row.seq),
    op: row.op,
    id: row.record_id === '' ? null : row.record_id,
    record: row.body === null ? null : parseExactJson(row.body),
    changedAt: row.changed_at.toISOString(),
  };
}

function truncated({ stream }: StreamKey, after: number, earliest: number): SluiceError {
  return new SluiceError(
    'feed_truncated',
    `The changes of ${stream} after ${after} are kept no more: the earliest that is left is ${earliest}.`,
    { details: { earliest } },
  );
}

function ahead({ stream }: StreamKey, after: number, last: number): SluiceError {
  return new SluiceError(
    'cursor_ahead',
    `The newest change of ${stream} is ${last}, so nothing can come after ${after}.`,
    { details: { last } },
  );
}
