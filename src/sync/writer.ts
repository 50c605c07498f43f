/**
 * The one way records are written, whoever writes: everything of a page commits together or not at all, under the
 * lock of the stream's row, in key order. Change numbers come from that row, so they have no gap and no reader
 * ever sees a smaller one appear later.
 *
 * A statement with a name is planned once for each connection to Postgres, which halves what it costs. Only those have one
 * that could be planned in no other way when their tables have grown: what reads or joins `records` has none.
 */
import type pg from 'pg';
import { SluiceError } from '../errors.ts';
import { raiseVersions, storeChanged, type Changed } from './store-records.ts';
import { compareVersions } from './versions.ts';

export interface IncomingRecord {
  readonly id: string;
  /** canonical JSON */
  readonly json: string;
  /** sha-256 in hexadecimal */
  readonly hash: string;
  /** the record's own update time or number, where the stream has one */
  readonly version: string | null;
  readonly partition: string;
}

export interface StreamKey {
  readonly connectionId: string;
  readonly stream: string;
}

/** Who writes: a run or an event. */
export interface Author extends StreamKey {
  readonly writer: string;
}

/** A run, under its lease. */
export interface Writer extends Author {
  readonly fence: number;
}

export interface WriteCounts {
  added: number;
  updated: number;
  unchanged: number;
}

export interface WriteResult extends WriteCounts {
  /** records left alone because another writer was there after they were asked for, and nothing tells which is newer */
  readonly contended: readonly string[];
}

export interface StoredRecord {
  readonly record_id: string;
  readonly hash: string;
  readonly version: string | null;
  readonly seq: string;
  readonly writer: string;
  readonly deleted: boolean;
}

/** Stands among the stored records where one was purged after these were asked for; nobody knows which. */
interface PurgeMark {
  readonly record_id: null;
}

function outdated(stream: string): SluiceError {
  return new SluiceError('page_outdated', `A record of ${stream} was purged while this page was on its way.`);
}

/**
 * Locks the stream's row for this transaction and checks the lease. Returns the stream's newest change number.
 *
 * @throws SluiceError `lease_lost`
 */
export async function lockStream(client: pg.PoolClient, writer: Writer): Promise<number> {
  const result = await client.query<{ last_seq: string }>({
    name: 'lock_stream',
    text: `select s.last_seq from sluice.streams s
             join sluice.stream_leases l on l.connection_id = s.connection_id and l.stream = s.stream
            where s.connection_id = $1 and s.stream = $2 and l.fence = $3
              for update of s for share of l`,
    values: [writer.connectionId, writer.stream, writer.fence],
  });
  const row = result.rows[0];
  if (row === undefined) {
    throw new SluiceError('lease_lost', `Another worker has taken over the stream ${writer.stream}.`);
  }
  return Number(row.last_seq);
}

/** The stream's newest change number, read before a request so that its answer can be told from later writes. */
export async function currentSeq(db: pg.Pool, key: StreamKey): Promise<number> {
  const result = await db.query<{ last_seq: string }>({
    name: 'current_seq',
    text: `select last_seq from sluice.streams where connection_id = $1 and stream = $2`,
    values: [key.connectionId, key.stream],
  });
  return Number(result.rows[0]?.last_seq ?? 0);
}

/**
 * The same for a writer without a lease: an event. Makes the row where a stream has never been read.
 */
export async function lockStreamForEvent(client: pg.PoolClient, key: StreamKey): Promise<number> {
  await client.query(
    `insert into sluice.streams (connection_id, stream) values ($1, $2) on conflict do nothing`,
    [key.connectionId, key.stream],
  );
  const result = await client.query<{ last_seq: string }>(
    `select last_seq from sluice.streams where connection_id = $1 and stream = $2 for update`,
    [key.connectionId, key.stream],
  );
  return Number(result.rows[0]?.last_seq ?? 0);
}

/**
 * Writes records: what is new or different gets a change number, what is equal is left untouched. A strictly older
 * version is refused. Must follow `lockStream` in the same transaction; `lastSeq` is what that returned.
 *
 * `baseSeq` is the stream's number before these records were asked for: what another writer changed after it stays
 * as it is, unless the versions say that ours is newer. Null for what was not asked for, the payload of an event:
 * there the version alone tells the order, and only a newer one brings a deleted record back.
 *
 * @throws SluiceError `page_outdated` where the page has a new record, which may be one that was purged since
 */
export async function writeRecords(
  client: pg.PoolClient,
  author: Author,
  incoming: readonly IncomingRecord[],
  lastSeq: number,
  baseSeq: number | null,
): Promise<WriteResult> {
  if (incoming.length === 0) return { added: 0, updated: 0, unchanged: 0, contended: [] };
  const stored = await storedRecords(
    client,
    author,
    incoming.map(({ id }) => id),
    baseSeq,
  );
  const plan = planWrites(author, incoming, stored, lastSeq, baseSeq);
  await storePlan(client, author, plan);
  return plan.result;
}

/** What becomes of a page's records, before any of it is written. */
export interface WritePlan {
  readonly result: WriteResult;
  readonly changed: readonly Changed[];
  readonly confirmed: readonly IncomingRecord[];
}

/**
 * Decides about each record; `stored` is what stood under their ids once the stream's row was locked, the rest as in
 * `writeRecords`.
 *
 * @throws SluiceError `page_outdated`
 */
export function planWrites(
  author: Author,
  incoming: readonly IncomingRecord[],
  { byId: stored, purged }: Stored,
  lastSeq: number,
  baseSeq: number | null,
): WritePlan {
  const counts: WriteCounts = { added: 0, updated: 0, unchanged: 0 };
  const contended: string[] = [];
  const byId = newestById(incoming);
  const ids = [...byId.keys()].sort();
  const changed: Changed[] = [];
  const confirmed: IncomingRecord[] = [];
  let seq = lastSeq;
  for (const id of ids) {
    const record = byId.get(id);
    if (record === undefined) continue;
    const before = stored.get(id);
    if (purged && before === undefined) throw outdated(author.stream);
    const verdict = before === undefined ? 'write' : judge(record, before, author, baseSeq);
    if (verdict !== 'write') {
      counts.unchanged += 1;
      if (verdict === 'contended') contended.push(id);
      if (verdict === 'equal' && baseSeq === null && isNewerVersion(record, before)) confirmed.push(record);
      continue;
    }
    const op = before === undefined || before.deleted ? 'added' : 'updated';
    counts[op] += 1;
    seq += 1;
    changed.push({ record, op, seq, fresh: before === undefined });
  }
  return { result: { ...counts, contended }, changed, confirmed };
}

/** Writes what was decided, in the transaction that has the lock. Its statements are sent together. */
export async function storePlan(
  client: pg.PoolClient,
  author: Author,
  { changed, confirmed }: WritePlan,
): Promise<void> {
  await Promise.all([
    storeChanged(client, author, changed),
    confirmed.length > 0 ? raiseVersions(client, author, confirmed) : undefined,
  ]);
}

/** Each record once; where a page names one twice, the later one unless its version is older. */
function newestById(incoming: readonly IncomingRecord[]): Map<string, IncomingRecord> {
  const byId = new Map<string, IncomingRecord>();
  for (const record of incoming) {
    const before = byId.get(record.id);
    if (before === undefined || (compareVersions(record.version, before.version) ?? 0) >= 0)
      byId.set(record.id, record);
  }
  return byId;
}

export interface Stored {
  readonly byId: ReadonlyMap<string, StoredRecord>;
  /** a record was purged after `baseSeq`; nobody knows which */
  readonly purged: boolean;
}

export const noneStored: Stored = { byId: new Map(), purged: false };

/** What stands under these ids, deleted or not. `baseSeq` as in `writeRecords`. */
export async function storedRecords(
  client: pg.PoolClient,
  key: StreamKey,
  ids: readonly string[],
  baseSeq: number | null,
): Promise<Stored> {
  const found = await client.query<StoredRecord | PurgeMark>(
    `select record_id, encode(hash, 'hex') as hash, version, seq, writer, deleted_at is not null as deleted
       from sluice.records where connection_id = $1 and stream = $2 and record_id = any($3::text[])
     union all
     select null, null, null, purged_seq, '', false
       from sluice.streams where connection_id = $1 and stream = $2 and purged_seq > $4`,
    [key.connectionId, key.stream, ids, baseSeq],
  );
  const byId = new Map<string, StoredRecord>();
  let purged = false;
  for (const row of found.rows) {
    if (row.record_id === null) purged = true;
    else byId.set(row.record_id, row);
  }
  return { byId, purged };
}

function judge(
  record: IncomingRecord,
  before: StoredRecord,
  author: Author,
  baseSeq: number | null,
): 'write' | 'equal' | 'older' | 'contended' {
  if (!before.deleted && before.hash === record.hash) return 'equal';
  const order = compareVersions(record.version, before.version);
  if (order !== undefined && order < 0) return 'older';
  if (baseSeq === null) return before.deleted && order === 0 ? 'older' : 'write';
  if (!isForeign(before, author, baseSeq)) return 'write';
  // The version of a deleted record can be that of its last body: then it says nothing of when it was deleted.
  return order !== undefined && order > 0 && !before.deleted ? 'write' : 'contended';
}

/** Whether another writer was there after `baseSeq`. */
export function isForeign(before: StoredRecord, author: Author, baseSeq: number): boolean {
  return Number(before.seq) > baseSeq && before.writer !== author.writer;
}

function isNewerVersion({ version }: IncomingRecord, before: StoredRecord | undefined): boolean {
  if (version === null || before === undefined) return false;
  return before.version === null || (compareVersions(version, before.version) ?? 0) > 0;
}

/** Whether a record replaces a stored one: equal content doesn't, and neither does a strictly older version. */
export function differs(
  record: IncomingRecord,
  before: Pick<StoredRecord, 'hash' | 'version' | 'deleted'>,
): boolean {
  if (!before.deleted && before.hash === record.hash) return false;
  return (compareVersions(record.version, before.version) ?? 0) >= 0;
}

/** Writes down the newest number that a change has got. */
export async function advanceSeq(client: pg.PoolClient, key: StreamKey, seq: number): Promise<void> {
  await client.query(`update sluice.streams set last_seq = $3 where connection_id = $1 and stream = $2`, [
    key.connectionId,
    key.stream,
    seq,
  ]);
}
