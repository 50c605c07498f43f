/**
 * Erasing one record for good: its row, the key and the bodies of its changes, and whatever else holds it. The
 * numbers of its changes stay, so that the feed has no gap, and one `deleted` is appended, which tells readers to
 * erase their copies. It is another writer than a sync: it holds the stream's row, and no lease.
 */
import type pg from 'pg';
import type { Db } from '../store/db.ts';
import type { StreamKey } from './writer.ts';

export interface RecordKey extends StreamKey {
  readonly recordId: string;
}

export interface Purged {
  /** true where the record was mirrored, deleted or not */
  readonly record: boolean;
  /** changes that were blanked */
  readonly changes: number;
  /** rejected versions of it that were erased */
  readonly rejected: number;
  /** number of the `deleted` that was appended; null where no reader ever saw the record */
  readonly seq: number | null;
}

/** Returns undefined where nothing of the record is stored, or only the mark of an earlier purge. */
export async function purgeRecord(db: Db, key: RecordKey): Promise<Purged | undefined> {
  const known = await lookUp(db, key);
  if (known === undefined) return undefined;
  await erasePaths(db, key);
  return db.tx((client) => purgeIn(client, key, known));
}

interface Known {
  readonly lastSeq: number;
  /** numbers of its changes */
  readonly seqs: readonly number[];
}

/**
 * Looks without a lock: the changes have no index by key, and the stream must not stand still while all of them are
 * read.
 */
async function lookUp(db: Db, key: RecordKey): Promise<Known | undefined> {
  const values = [key.connectionId, key.stream, key.recordId];
  const stream = await db.pool.query<{ last_seq: string; known: boolean }>(
    `select s.last_seq,
            exists (select 1 from sluice.records r
                     where r.connection_id = $1 and r.stream = $2 and r.record_id = $3)
            or exists (select 1 from sluice.rejected_records j
                        where j.connection_id = $1 and j.stream = $2 and j.record_id = $3) as known
       from sluice.streams s where s.connection_id = $1 and s.stream = $2`,
    values,
  );
  const row = stream.rows[0];
  if (row === undefined) return undefined;
  const changes = await db.pool.query<{ seq: string; mark: boolean }>(
    `select seq, ${IS_MARK} as mark from sluice.changes
      where connection_id = $1 and stream = $2 and record_id = $3 order by seq`,
    values,
  );
  if (!row.known && changes.rows.every(({ mark }) => mark)) return undefined;
  return { lastSeq: Number(row.last_seq), seqs: changes.rows.map(({ seq }) => Number(seq)) };
}

/** A `deleted` of any other writer keeps the last body. */
const IS_MARK = `(op = 'deleted' and previous is null)`;

async function purgeIn(client: pg.PoolClient, key: RecordKey, known: Known): Promise<Purged> {
  const values = [key.connectionId, key.stream, key.recordId];
  const locked = await client.query<{ last_seq: string }>(
    `select last_seq from sluice.streams where connection_id = $1 and stream = $2 for update`,
    [key.connectionId, key.stream],
  );
  const seq = Number(locked.rows[0]?.last_seq ?? 0) + 1;
  const records = await client.query(
    `delete from sluice.records where connection_id = $1 and stream = $2 and record_id = $3`,
    values,
  );
  const changes = await client.query(
    `update sluice.changes set record_id = '', previous = null
      where connection_id = $1 and stream = $2 and record_id = $3 and (seq = any($4::bigint[]) or seq > $5)`,
    [...values, known.seqs, known.lastSeq],
  );
  const rejected = await client.query(
    `delete from sluice.rejected_records where connection_id = $1 and stream = $2 and record_id = $3`,
    values,
  );
  await client.query(
    `update sluice.seen_keys k set keys = array_remove(k.keys, $3)
       from sluice.runs r
      where r.id = k.run_id and r.connection_id = $1 and k.stream = $2 and $3 = any(k.keys)`,
    values,
  );
  const told = (records.rowCount ?? 0) + (changes.rowCount ?? 0) > 0;
  if (told) {
    await client.query(
      `insert into sluice.changes (connection_id, stream, seq, op, record_id, previous, changed_at)
       values ($1, $2, $4, 'deleted', $3, null, now())`,
      [...values, seq],
    );
    await client.query(
      `update sluice.streams set last_seq = $3, purged_seq = $3 where connection_id = $1 and stream = $2`,
      [key.connectionId, key.stream, seq],
    );
  }
  return {
    record: records.rowCount === 1,
    changes: changes.rowCount ?? 0,
    rejected: rejected.rowCount ?? 0,
    seq: told ? seq : null,
  };
}

/**
 * Takes the key out of the history of runs: a stream that is listed once per record has the record's id in the path
 * of its requests, in what it says of their failures, and in its checkpoint. One entry at a time and before the stream is locked, so that no page waits for it in a circle.
 */
async function erasePaths(db: Db, key: RecordKey): Promise<void> {
  const forms = [key.recordId, encodeURIComponent(key.recordId)];
  const found = await db.pool.query<{ run_id: string; stream: string; slot: number; number: number }>(
    `select t.run_id, t.stream, t.slot, t.number from sluice.run_timeline t
       join sluice.runs r on r.id = t.run_id
      where r.connection_id = $1
        and string_to_array(split_part(t.entry ->> 'path', '?', 1), '/') && $2::text[]`,
    [key.connectionId, forms],
  );
  for (const { run_id: runId, stream, slot, number } of found.rows) {
    await db.pool.query(
      `update sluice.run_timeline set entry = jsonb_set(entry, '{path}', '"(erased)"')
        where run_id = $1 and stream = $2 and slot = $3 and number = $4`,
      [runId, stream, slot, number],
    );
  }
  await db.pool.query(
    `update sluice.run_streams s set checkpoint = null from sluice.runs r
      where r.id = s.run_id and r.connection_id = $1 and r.slot is null and s.checkpoint ->> 'partition' = $2`,
    [key.connectionId, key.recordId],
  );
  // Messages name the path that was refused, some of them at the end of the sentence.
  const words = [...forms, ...forms.map((form) => `${form}.`)];
  for (const update of ERASE_MESSAGES) await db.pool.query(update, [key.connectionId, words]);
}

const HAS_PATH = (error: string): string =>
  `string_to_array(translate(${error} ->> 'message', ' ', '/'), '/') && $2::text[] and ${error} ->> 'message' like '%/%'`;

const ERASE_MESSAGES = [
  `update sluice.run_streams s set error = jsonb_set(s.error, '{message}', '"(erased)"') from sluice.runs r
    where r.id = s.run_id and r.connection_id = $1 and r.slot is null and ${HAS_PATH('s.error')}`,
  `update sluice.runs r set error = jsonb_set(r.error, '{message}', '"(erased)"')
    where r.connection_id = $1 and r.slot is null and ${HAS_PATH('r.error')}`,
];
