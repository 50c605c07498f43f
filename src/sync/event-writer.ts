/**
 * How an event is applied: by the same writer as a sync, in a transaction of the caller's, so that the event's own
 * row is marked as processed together with what it changed. It needs no lease: the lock of the stream's row keeps
 * it apart from a run that writes the same stream, and whoever comes later is judged by version and number.
 */
import type pg from 'pg';
import { SluiceError } from '../errors.ts';
import { deleteMarked, type Deletion } from './delete-records.ts';
import { lockStreamForEvent, writeRecords, type IncomingRecord } from './writer.ts';

export interface EventWrite {
  readonly stream: string;
  /**
   * Validated records. The version is the record's own where the stream has one, else the event's time: one kind
   * for each stream.
   */
  readonly records: readonly IncomingRecord[];
  /** with the event's time, where it names one */
  readonly deletions: readonly Deletion[];
  /**
   * The stream's number (`currentSeq`) before the object was asked for, where the event only names it. Null for the
   * payload of the event itself.
   */
  readonly baseSeq: number | null;
}

export interface EventCounts {
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  /** equal, or older than what is stored */
  readonly unchanged: number;
  /**
   * Records that somebody else wrote while the object was being asked for, so that nothing tells which is newer:
   * the caller asks for them again.
   */
  readonly contended: readonly string[];
}

/**
 * Writes what an event says, of one or several streams of a connection, and returns the counts of all together.
 * Streams are locked in the order of their names, so that two events never wait for each other. `eventId` names the
 * event as the writer of its rows.
 *
 * @throws SluiceError `connection_removed` where there is no such connection any more
 */
export async function writeEvent(
  client: pg.PoolClient,
  connectionId: string,
  eventId: string,
  writes: readonly EventWrite[],
): Promise<EventCounts> {
  // Before the streams, as the removal of a connection takes its locks.
  const connection = await client.query(`select 1 from sluice.connections where id = $1 for key share`, [
    connectionId,
  ]);
  if (connection.rowCount === 0)
    throw new SluiceError('connection_removed', `The connection ${connectionId} was removed.`);
  const total = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  const contended: string[] = [];
  for (const write of inOrder(writes)) {
    const author = { connectionId, stream: write.stream, writer: eventId };
    const lastSeq = await lockStreamForEvent(client, author);
    const written = await writeRecords(client, author, write.records, lastSeq, write.baseSeq);
    const newest = lastSeq + written.added + written.updated;
    const gone = await deleteMarked(client, author, write.deletions, newest, write.baseSeq);
    total.added += written.added;
    total.updated += written.updated;
    total.unchanged += written.unchanged;
    total.deleted += gone.deleted;
    contended.push(...written.contended, ...gone.contended);
  }
  return { ...total, contended };
}

function inOrder(writes: readonly EventWrite[]): EventWrite[] {
  return [...writes].sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0));
}
