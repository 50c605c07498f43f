/**
 * Cursors of sequence feeds: the number up to which a stream has been read, per parent record where the stream is
 * listed once per parent. A cursor belongs to its source: another account's numbers mean nothing, and reading on
 * from them would silently leave records out.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { Db } from '../store/db.ts';
import type { ErrorReport } from '../errors.ts';
import type { Forbidden } from './circuit.ts';
import type { StreamKey } from './writer.ts';

export interface SequenceCursor {
  /** for streams without a parent */
  readonly sequence?: number;
  /** by parent record */
  readonly partitions?: Readonly<Record<string, number>>;
  /** the feed's own highest number when the last complete pass began */
  readonly maximum?: number;
  /** digest of what the numbers belong to */
  readonly source: string;
}

export interface StreamState {
  readonly cursor: unknown;
  /** the next pass begins from the start */
  readonly restart: boolean;
  /** when the last complete pass ended */
  readonly lastFullAt: Date | null;
  /** where the provider refused the stream */
  readonly forbidden: Forbidden | undefined;
}

/**
 * What the numbers of a feed belong to: its API, the account that the key opens, the list with its parameters, and
 * what identifies a record in it, since records under other ids are not there yet.
 */
export function sourceOf(connection: ResolvedConnection, stream: StreamDefinition): string {
  const { provider, endpoints, credentials } = connection;
  const account = [provider.id, endpoints.api, credentials.apiKey ?? null];
  const query = Object.entries(stream.query ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const numbers = stream.paging.style === 'sequence' ? stream.paging.numberAt : null;
  const parts = [account, stream.path, query, stream.parent ?? null, stream.items, stream.id, numbers];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

/** The stored cursor, or undefined where the next pass has to begin from the start. */
export function usableCursor(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  cursor: unknown,
): SequenceCursor | undefined {
  if (cursor === null || typeof cursor !== 'object' || !('source' in cursor)) return undefined;
  // Of another way to detect changes, which the stream had in another version.
  if ('detect' in cursor) return undefined;
  return cursor.source === sourceOf(connection, stream) ? (cursor as SequenceCursor) : undefined;
}

/** How the streams of a connection stand between two passes, by name. */
export async function streamStates(db: Db, connectionId: string): Promise<ReadonlyMap<string, StreamState>> {
  const result = await db.pool.query<StreamRow>(
    `select stream, cursor, restart, last_full_at, forbidden_count, forbidden_until, forbidden_error
       from sluice.streams where connection_id = $1`,
    [connectionId],
  );
  return new Map(result.rows.map((row) => [row.stream, stateOf(row)]));
}

interface StreamRow {
  readonly stream: string;
  readonly cursor: unknown;
  readonly restart: boolean;
  readonly last_full_at: Date | null;
  readonly forbidden_count: number;
  readonly forbidden_until: Date | null;
  readonly forbidden_error: ErrorReport | null;
}

function stateOf(row: StreamRow): StreamState {
  const { cursor, restart, forbidden_until: until, forbidden_error: error, forbidden_count: count } = row;
  const forbidden = until === null || error === null ? undefined : { until, count, error };
  return { cursor, restart, lastFullAt: row.last_full_at, forbidden };
}

/** The cursor as it stands under the stream's lock. */
export async function readCursor(
  client: pg.PoolClient,
  key: StreamKey,
  connection: ResolvedConnection,
  stream: StreamDefinition,
): Promise<SequenceCursor | undefined> {
  const result = await client.query<{ cursor: unknown }>(
    `select cursor from sluice.streams where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream],
  );
  return usableCursor(connection, stream, result.rows[0]?.cursor);
}

/** Puts the cursor to the start. From here on an interrupted pass goes on, so the wish for it is fulfilled. */
export async function startOver(
  client: pg.PoolClient,
  key: StreamKey,
  connection: ResolvedConnection,
  stream: StreamDefinition,
): Promise<SequenceCursor> {
  const source = sourceOf(connection, stream);
  const cursor: SequenceCursor =
    stream.parent === undefined ? { sequence: 0, source } : { partitions: {}, source };
  await client.query(
    `update sluice.streams set cursor = $3, restart = false where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream, JSON.stringify(cursor)],
  );
  return cursor;
}

/** Moves the cursor, of one partition where `partition` isn't empty. In the transaction of the page that was read. */
export async function moveCursor(
  client: pg.PoolClient,
  key: StreamKey,
  partition: string,
  sequence: number,
): Promise<void> {
  const path = partition === '' ? ['sequence'] : ['partitions', partition];
  await client.query(
    `update sluice.streams set cursor = jsonb_set(cursor, $3::text[], to_jsonb($4::bigint))
      where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream, path, sequence],
  );
}

/** Writes down that a pass is complete, and how far the feed went when it began; null where the feed doesn't say. */
export async function completeCursor(
  client: pg.PoolClient,
  key: StreamKey,
  maximum: number | null,
  full: boolean,
): Promise<void> {
  await client.query(
    `update sluice.streams
        set cursor = case when $3::bigint is null then cursor else jsonb_set(cursor, '{maximum}', to_jsonb($3::bigint)) end,
            last_success_at = now(), last_full_at = case when $4 then now() else last_full_at end
      where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream, maximum, full],
  );
}

/** Forgets the cursors of parents that are gone, so that one that comes back is read from the start. */
export async function forgetLostPartitions(
  client: pg.PoolClient,
  key: StreamKey,
  parent: string,
): Promise<void> {
  await client.query(
    `update sluice.streams s
        set cursor = jsonb_set(s.cursor, '{partitions}', coalesce(
              (select jsonb_object_agg(e.key, e.value) from jsonb_each(s.cursor -> 'partitions') e
                 join sluice.records p on p.connection_id = $1 and p.stream = $3 and p.record_id = e.key
                where p.deleted_at is null), '{}'))
      where s.connection_id = $1 and s.stream = $2 and s.cursor ? 'partitions'`,
    [key.connectionId, key.stream, parent],
  );
}

/**
 * Makes other streams begin from the start with the next run: the wish is fulfilled when a pass begins, not by one
 * that has begun. A stream that was never read has no row yet, and begins there anyway.
 */
export async function askForRestart(
  client: pg.PoolClient,
  connectionId: string,
  streams: readonly string[],
): Promise<void> {
  await client.query(
    `update sluice.streams set restart = true
      where connection_id = $1 and stream = any($2::text[])`,
    [connectionId, streams],
  );
}
