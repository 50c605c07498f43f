/**
 * One record with the history of its changes, newest first. Changes have no index by key, which every write would pay
 * for: the newest one's number stands in the record, and from there a look goes back through `LOOKED_BACK` numbers of
 * the stream, reading no body but those of this record. Of a stream with more changes the answer says where to look on.
 */
import { parseExactJson } from '../exact-json.ts';
import type { Db } from '../store/db.ts';
import type { ChangeOp } from './read-changes.ts';
import type { StreamKey } from './writer.ts';

/** Changes of the stream that one look goes through. */
export const LOOKED_BACK = 20_000;
/** Changes of the record that one look shows. */
const SHOWN = 50;

export interface RecordChange {
  readonly seq: number;
  readonly op: ChangeOp;
  readonly changedAt: string;
  /** the body before it; null for `added` */
  readonly previous: unknown;
}

export interface RecordHistory {
  readonly id: string;
  readonly record: unknown;
  readonly partition: string;
  readonly version: string | null;
  readonly changedAt: string;
  readonly deletedAt: string | null;
  readonly changes: readonly RecordChange[];
  /** number below which to look on; null where nothing older is kept */
  readonly next: number | null;
}

/** Undefined where there is no such record. `before`: only changes with a smaller number. */
export async function recordHistory(
  db: Pick<Db, 'pool'>,
  { connectionId, stream }: StreamKey,
  recordId: string,
  before?: number,
): Promise<RecordHistory | undefined> {
  const found = await db.pool.query<{
    body: string;
    partition: string;
    version: string | null;
    seq: string;
    changed_at: Date;
    deleted_at: Date | null;
    first_seq: string;
  }>(
    `select r.data::text as body, r.partition, r.version, r.seq, r.changed_at, r.deleted_at, s.first_seq
       from sluice.records r
       join sluice.streams s on s.connection_id = r.connection_id and s.stream = r.stream
      where r.connection_id = $1 and r.stream = $2 and r.record_id = $3`,
    [connectionId, stream, recordId],
  );
  const [row] = found.rows;
  if (row === undefined) return undefined;
  const from = Math.min(before ?? Number.MAX_SAFE_INTEGER, Number(row.seq) + 1);
  const lowest = from - LOOKED_BACK;
  const changes = await db.pool.query<{ seq: string; op: ChangeOp; before: string | null; changed_at: Date }>(
    `select seq, op, previous::text as before, changed_at from sluice.changes
      where connection_id = $1 and stream = $2 and seq < $4 and seq >= $5 and record_id = $3
      order by seq desc limit $6`,
    [connectionId, stream, recordId, from, lowest, SHOWN + 1],
  );
  const shown = changes.rows.slice(0, SHOWN);
  const end = changes.rows.length > SHOWN ? Number(shown.at(-1)?.seq) : lowest;
  return {
    id: recordId,
    record: parseExactJson(row.body),
    partition: row.partition,
    version: row.version,
    changedAt: row.changed_at.toISOString(),
    deletedAt: row.deleted_at?.toISOString() ?? null,
    changes: shown.map(({ seq, op, before: body, changed_at }) => ({
      seq: Number(seq),
      op,
      changedAt: changed_at.toISOString(),
      previous: body === null ? null : parseExactJson(body),
    })),
    next: end > Math.max(1, Number(row.first_seq)) ? end : null,
  };
}
