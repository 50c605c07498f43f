/**
 * Where watermark streams have been read up to, per parent record where a stream is listed once per parent. Like a
 * sequence cursor it belongs to its source, and to the request that it was read with.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { sourceOf } from './cursors.ts';
import type { StreamKey } from './writer.ts';

export type Mark =
  /** the newest update time that was seen, ISO 8601 */
  | { readonly watermark: string }
  /** where records carry no time: the walk that was completed last, and the stream's number when it began */
  | { readonly settled: { readonly seq: number; readonly run: string } };

export interface WatermarkCursor {
  readonly detect: 'watermark';
  /** for streams without a parent */
  readonly mark?: Mark;
  /** by parent record */
  readonly partitions?: Readonly<Record<string, Mark>>;
  /** digest of what the marks belong to */
  readonly source: string;
}

function digest(connection: ResolvedConnection, stream: StreamDefinition): string {
  const parts = [sourceOf(connection, stream), stream.changes];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

/** The stored cursor, or undefined where the next pass has to be complete. */
export function usableMarks(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  cursor: unknown,
): WatermarkCursor | undefined {
  if (cursor === null || typeof cursor !== 'object' || !('detect' in cursor) || !('source' in cursor))
    return undefined;
  if (cursor.detect !== 'watermark' || cursor.source !== digest(connection, stream)) return undefined;
  return cursor as WatermarkCursor;
}

export function markOf(cursor: WatermarkCursor | undefined, partition: string): Mark | undefined {
  return partition === '' ? cursor?.mark : cursor?.partitions?.[partition];
}

/** The cursor as it stands. */
export async function readMarks(
  client: Pick<pg.PoolClient, 'query'>,
  key: StreamKey,
  connection: ResolvedConnection,
  stream: StreamDefinition,
): Promise<WatermarkCursor | undefined> {
  const result = await client.query<{ cursor: unknown }>(
    `select cursor from sluice.streams where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream],
  );
  return usableMarks(connection, stream, result.rows[0]?.cursor);
}

/** Begins with no marks, under the stream's lock. The wish to start again is fulfilled with that. */
export async function forgetMarks(
  client: pg.PoolClient,
  key: StreamKey,
  connection: ResolvedConnection,
  stream: StreamDefinition,
): Promise<void> {
  const cursor: WatermarkCursor = {
    detect: 'watermark',
    source: digest(connection, stream),
    ...(stream.parent === undefined ? {} : { partitions: {} }),
  };
  await client.query(
    `update sluice.streams set cursor = $3, restart = false where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream, JSON.stringify(cursor)],
  );
}

/** Stores a mark in the transaction of the page that it rests on. A cursor that was taken away meanwhile stays away. */
export async function setMark(
  client: pg.PoolClient,
  key: StreamKey,
  partition: string,
  mark: Mark,
): Promise<void> {
  const path = partition === '' ? ['mark'] : ['partitions', partition];
  await client.query(
    `update sluice.streams set cursor = jsonb_set(cursor, $3::text[], $4::jsonb)
      where connection_id = $1 and stream = $2`,
    [key.connectionId, key.stream, path, JSON.stringify(mark)],
  );
}
