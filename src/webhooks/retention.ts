/**
 * What the inbox forgets: bodies after their retention, rows a week later, since a provider may repeat a message whose
 * body is gone, and it must still be known. And what a purge of a record takes out of it.
 */
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Db } from '../store/db.ts';
import type { RecordKey } from '../sync/purge.ts';
import { readEvent, subjectOf } from './read-event.ts';

export interface RetentionOptions {
  readonly db: Db;
  readonly now: () => number;
  /** aborted when the process stops: the next batch isn't begun */
  readonly signal: AbortSignal;
  /** rows of one statement [1,000] */
  readonly batch?: number;
}

export interface Forgotten {
  readonly bodies: number;
  readonly rows: number;
}

/** A key outlives its body by this, in milliseconds: longer than any provider repeats itself. */
const KEY_LIFE_MS = 7 * 86_400_000;
/** Where a connection is gone, or names none; in milliseconds. */
const DEFAULT_MS = 30 * 86_400_000;
const BATCH = 1_000;

/** An event that isn't over keeps its body, however old; those of a connection that is gone have nothing to wait for. */
const OVER = `(e.status in ('processed', 'ignored', 'dead') or c.id is null)`;
const RETENTION = `make_interval(secs => coalesce((c.config -> 'retention' ->> 'eventsMs')::float8, $2::float8) / 1000)`;
const EVENTS = `sluice.webhook_events e left join sluice.connections c on c.id = e.connection_id`;

/** Forgets what is due, in batches of a transaction each, so that nobody waits for it. */
export async function applyEventRetention(options: RetentionOptions): Promise<Forgotten> {
  const { db, signal } = options;
  const batch = options.batch ?? BATCH;
  const now = new Date(options.now());
  const repeat = async (statement: string, values: readonly unknown[]): Promise<number> => {
    let total = 0;
    while (!signal.aborted) {
      const count = (await db.pool.query(statement, [...values, batch])).rowCount ?? 0;
      total += count;
      if (count < batch) break;
    }
    return total;
  };
  const bodies = await repeat(
    `update sluice.webhook_events set body = null where id in (
       select e.id from ${EVENTS} where e.body is not null and ${OVER} and e.received_at < $1::timestamptz - ${RETENTION}
        order by e.id limit $3)`,
    [now, DEFAULT_MS],
  );
  const rows = await repeat(
    `delete from sluice.webhook_events where id in (
       select e.id from ${EVENTS}
        where e.body is null and ${OVER}
          and e.received_at < $1::timestamptz - ${RETENTION} - make_interval(secs => $3::float8 / 1000)
        order by e.id limit $4)`,
    [now, DEFAULT_MS, KEY_LIFE_MS],
  );
  return { bodies, rows };
}

/** Bodies that are read at once, to see what they are about: each may have a megabyte. */
const PURGE_BATCH = 50;

/**
 * Takes a record out of the inbox: the bodies of its events, and its key. An event of it that waits still is dropped;
 * were it applied, the record would be back. Events that were never read are read for it; where their connection is
 * gone, those that mention its id are taken. Returns how many it found.
 */
export async function purgeFromInbox(
  db: Db,
  key: RecordKey,
  connection: ResolvedConnection | undefined,
): Promise<number> {
  const known = await db.pool.query<{ id: string }>(
    `select id from sluice.webhook_events where connection_id = $1 and stream = $2 and record_id = $3`,
    [key.connectionId, key.stream, key.recordId],
  );
  const ids = known.rows.map(({ id }) => id);
  let after = '';
  for (;;) {
    const unread = await db.pool.query<{ id: string; body: Buffer }>(
      `select id, body from sluice.webhook_events
        where connection_id = $1 and record_id is null and body is not null and id > $2 order by id limit ${PURGE_BATCH}`,
      [key.connectionId, after],
    );
    ids.push(...unread.rows.filter(({ body }) => isAbout(connection, body, key)).map(({ id }) => id));
    if (unread.rows.length < PURGE_BATCH) break;
    after = unread.rows.at(-1)?.id ?? after;
  }
  await db.pool.query(
    `update sluice.webhook_events
        set body = null, record_id = null, error = null,
            outcome = case when status in ('received', 'queued', 'waiting') then '{"reason":"purged"}' else outcome end,
            status = case when status in ('received', 'queued', 'waiting') then 'ignored' else status end
      where id = any($1)`,
    [ids],
  );
  return ids.length;
}

function isAbout(
  connection: ResolvedConnection | undefined,
  body: Buffer,
  { stream, recordId }: RecordKey,
): boolean {
  if (connection === undefined) return body.includes(recordId);
  try {
    const subject = subjectOf(connection, readEvent(connection, body));
    return subject.stream === stream && subject.recordId === recordId;
  } catch {
    // It can't be read, so it can't be known; a body that mentions the id is dropped to be safe.
    return body.includes(recordId);
  }
}
