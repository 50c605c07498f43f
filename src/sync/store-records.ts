/** The statements that write records, in a transaction that has the lock of the stream's row. */
import type pg from 'pg';
import type { Author, IncomingRecord, StreamKey } from './writer.ts';

export interface Changed {
  readonly record: IncomingRecord;
  readonly op: 'added' | 'updated';
  readonly seq: number;
  /** no row has its id, not even a deleted one; the lock of the stream's row keeps it so */
  readonly fresh: boolean;
}

/** Characters of bodies in one statement, unless a single body has more: `jsonb` holds 256 MB, some of it several times as long as its text. */
const BODIES_AT_ONCE = 8 * 1024 * 1024;

/** Writes records with their numbers, of which the last is the stream's newest. Its statements are sent together. */
export async function storeChanged(
  client: pg.PoolClient,
  author: Author,
  changed: readonly Changed[],
): Promise<void> {
  const newest = changed.at(-1)?.seq;
  if (newest === undefined) return;
  const fresh = changed.filter((change) => change.fresh);
  const known = changed.filter((change) => !change.fresh);
  await Promise.all([
    ...inParts(fresh).map((part) => insert(client, author, part, newest)),
    ...inParts(known).map((part) => replace(client, author, part, newest)),
  ]);
}

function inParts(changed: readonly Changed[]): Changed[][] {
  const parts: Changed[][] = [];
  let part: Changed[] = [];
  let length = 0;
  for (const change of changed) {
    if (part.length === 0 || length + change.record.json.length > BODIES_AT_ONCE) {
      part = [];
      parts.push(part);
      length = 0;
    }
    part.push(change);
    length += change.record.json.length;
  }
  return parts;
}

// Bodies travel as one JSON array: as an array of texts each quotation mark in them would be escaped here and
// unescaped there. The columns of both statements, and what stands behind the numbers of their values, are the same.
const INPUT = `input as (
       select * from rows from (unnest($4::text[]), jsonb_array_elements($5::jsonb), unnest($6::text[]), unnest($7::text[]),
                                unnest($8::text[]), unnest($9::bigint[]), unnest($11::text[]))
         as i (record_id, body, hash, version, partition, seq, op)
     ), advanced as (
       update sluice.streams set last_seq = $10 where connection_id = $1 and stream = $2 and last_seq < $10
     )`;

function inputOf(author: Author, changed: readonly Changed[], newest: number): unknown[] {
  return [
    author.connectionId,
    author.stream,
    author.writer,
    changed.map(({ record }) => record.id),
    `[${changed.map(({ record }) => record.json).join(',')}]`,
    changed.map(({ record }) => record.hash),
    changed.map(({ record }) => record.version),
    changed.map(({ record }) => record.partition),
    changed.map(({ seq }) => seq),
    newest,
    changed.map(({ op }) => op),
  ];
}

/** New rows, without ON CONFLICT, which looks into the index twice and writes a third more to the log. */
async function insert(
  client: pg.PoolClient,
  author: Author,
  changed: readonly Changed[],
  newest: number,
): Promise<void> {
  await client.query({
    name: 'insert_records',
    text: `with ${INPUT}, logged as (
       insert into sluice.changes (connection_id, stream, seq, op, record_id, previous, changed_at)
       select $1, $2, seq, op, record_id, null, now() from input
     )
     insert into sluice.records
       (connection_id, stream, record_id, partition, data, hash, version, seq, writer, changed_at, deleted_at)
     select $1, $2, record_id, partition, body, decode(hash, 'hex'), version, seq, $3, now(), null from input`,
    values: inputOf(author, changed, newest),
  });
}

/**
 * Rows that are there, deleted or not. One statement, so that `logged` sees the bodies as they were before. They are
 * looked up one by one, by the primary key, and only for updates: a join was planned as a scan of the whole stream, once
 * for every page. A record without a version keeps the event's time that stands there: an older event is still told by it.
 */
async function replace(
  client: pg.PoolClient,
  author: Author,
  changed: readonly Changed[],
  newest: number,
): Promise<void> {
  await client.query(
    `with ${INPUT}, logged as (
       insert into sluice.changes (connection_id, stream, seq, op, record_id, previous, changed_at)
       select $1, $2, i.seq, i.op, i.record_id,
              case when i.op = 'updated' then
                (select r.data from sluice.records r
                  where r.connection_id = $1 and r.stream = $2 and r.record_id = i.record_id)
              end, now()
         from input i
     )
     update sluice.records r
        set partition = i.partition, data = i.body, hash = decode(i.hash, 'hex'), version = coalesce(i.version, r.version),
            seq = i.seq, writer = $3, changed_at = now(), deleted_at = null
       from input i
      where r.connection_id = $1 and r.stream = $2 and r.record_id = any($4::text[]) and r.record_id = i.record_id`,
    inputOf(author, changed, newest),
  );
}

/** Notes a newer moment for what it leaves as it is, so that an older event is told by it; no change, no number. */
export async function raiseVersions(
  client: pg.PoolClient,
  key: StreamKey,
  to: readonly { readonly id: string; readonly version: string | null }[],
): Promise<void> {
  await client.query(
    `update sluice.records r set version = i.version
       from unnest($3::text[], $4::text[]) as i (record_id, version)
      where r.connection_id = $1 and r.stream = $2 and r.record_id = any($3::text[]) and r.record_id = i.record_id`,
    [key.connectionId, key.stream, to.map(({ id }) => id), to.map(({ version }) => version)],
  );
}
