/**
 * The outbox of notifications: a row is written in the transaction of what it tells, so that nothing is told that didn't
 * happen and nothing that happened stays untold; it is sent afterwards, and stays as a log.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';

export type NotificationType =
  | 'run.failed'
  | 'run.held'
  | 'connection.needs_reconnect'
  | 'connection.needs_attention'
  | 'changes.available'
  | 'notify.test';

export interface NotificationRow {
  readonly id: string;
  readonly type: NotificationType;
  readonly body: string;
  readonly created_at: Date;
  readonly status: 'pending' | 'sent' | 'failed' | 'skipped';
  readonly attempts: number;
  readonly next_attempt_at: Date | null;
  readonly last_status: number | null;
  readonly error: ErrorReport | null;
  readonly sent_at: Date | null;
}

type Queryable = pg.Pool | pg.PoolClient;

export interface Composed {
  readonly id: string;
  readonly type: NotificationType;
  readonly body: string;
}

/** The shape that Standard Webhooks recommends: `type`, `timestamp`, `data`. */
export function compose(
  type: NotificationType,
  data: Readonly<Record<string, unknown>>,
  at = new Date(),
): Composed {
  return {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type,
    body: JSON.stringify({ type, timestamp: at.toISOString(), data }),
  };
}

export async function writeNotification(
  client: Queryable,
  type: NotificationType,
  data: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { id, body } = compose(type, data);
  await client.query(
    `insert into sluice.notifications (id, type, body, next_attempt_at) values ($1, $2, $3, now())`,
    [id, type, body],
  );
  return id;
}

/** What the end of a run has to tell, in its transaction. */
export async function notifyRunEnd(client: pg.PoolClient, runId: string, status: string): Promise<void> {
  const found = await client.query<{ connection_id: string; error: ErrorReport | null }>(
    `select connection_id, error from sluice.runs where id = $1`,
    [runId],
  );
  const run = found.rows[0];
  if (run === undefined) return;
  const about = { connection: run.connection_id, run: runId, status };
  if (status === 'failed' || status === 'partial')
    await writeNotification(client, 'run.failed', { ...about, error: run.error });
  if (status === 'held') await writeNotification(client, 'run.held', { ...about, error: run.error });
  const changed = await client.query<{ name: string; last: string }>(
    `select r.stream as name, s.last_seq as last from sluice.run_streams r
       join sluice.streams s on s.connection_id = $2 and s.stream = r.stream
      where r.run_id = $1 and r.added + r.updated + r.deleted > 0 order by 1`,
    [runId, run.connection_id],
  );
  if (changed.rows.length === 0) return;
  const streams = changed.rows.map(({ name, last }) => ({ name, last: Number(last) }));
  await writeNotification(client, 'changes.available', { connection: run.connection_id, streams });
}

/** Changes by events are told this much later, in seconds, so that a burst of them is told once. */
const GATHER_SECONDS = 2;

/** An event changed records of a stream; under its lock, so that the numbers of one notification only grow. */
export async function notifyEventChanges(
  client: pg.PoolClient,
  { connectionId, stream }: { readonly connectionId: string; readonly stream: string },
): Promise<void> {
  const found = await client.query<{ last: string }>(
    `select last_seq as last from sluice.streams where connection_id = $1 and stream = $2`,
    [connectionId, stream],
  );
  const streams = [{ name: stream, last: Number(found.rows[0]?.last ?? 0) }];
  const { id, type, body } = compose('changes.available', { connection: connectionId, streams });
  await client.query(
    `insert into sluice.notifications (id, type, body, merge_key, next_attempt_at)
     values ($1, $2, $3, $4, now() + make_interval(secs => $5))
     on conflict (merge_key) where merge_key is not null do update set body = excluded.body`,
    [id, type, body, `changes of ${connectionId} ${stream}`, GATHER_SECONDS],
  );
}

/**
 * Takes what is due, each by one process only, and puts it off by `leaseMs`: a process that dies with it only delays it.
 * What is overdue by more than `overdueMs` is left alone: it is news no longer.
 */
export async function claimNotifications(
  db: Db,
  limit: number,
  { leaseMs, overdueMs }: { readonly leaseMs: number; readonly overdueMs: number },
): Promise<NotificationRow[]> {
  const result = await db.pool.query<NotificationRow>(
    `update sluice.notifications n
        set attempts = n.attempts + 1, merge_key = null, next_attempt_at = now() + make_interval(secs => $2::float8 / 1000)
       from (select id from sluice.notifications where status = 'pending' and next_attempt_at <= now()
                and next_attempt_at >= now() - make_interval(secs => $3::float8 / 1000)
              order by next_attempt_at limit $1 for update skip locked) due
      where n.id = due.id returning n.*`,
    [limit, leaseMs, overdueMs],
  );
  return result.rows;
}

/** Rows of one statement. */
const SKIP_BATCH = 1_000;

/**
 * Sets aside what has been due for longer than `overdueMs`: it stays in the log, with the reason, and is not sent.
 * Returns how many of each type.
 */
export async function skipNotifications(
  db: Db,
  overdueMs: number,
  error: ErrorReport,
): Promise<Map<NotificationType, number>> {
  const skipped = new Map<NotificationType, number>();
  for (;;) {
    // without its key, or the next change would be written into a row that nobody sends
    const result = await db.pool.query<{ type: NotificationType }>(
      `update sluice.notifications n set status = 'skipped', error = $2, merge_key = null, next_attempt_at = null
         from (select id from sluice.notifications
                where status = 'pending' and next_attempt_at < now() - make_interval(secs => $1::float8 / 1000)
                order by next_attempt_at limit ${SKIP_BATCH} for update skip locked) overdue
        where n.id = overdue.id returning n.type`,
      [overdueMs, JSON.stringify(error)],
    );
    for (const { type } of result.rows) skipped.set(type, (skipped.get(type) ?? 0) + 1);
    if (result.rows.length < SKIP_BATCH) return skipped;
  }
}

export interface NotificationOutcome {
  readonly status: 'sent' | 'pending' | 'failed';
  readonly lastStatus: number | null;
  readonly error: ErrorReport | null;
  /** milliseconds until the next attempt */
  readonly delayMs: number;
}

export async function noteAttempt(db: Db, id: string, outcome: NotificationOutcome): Promise<void> {
  await db.pool.query(
    `update sluice.notifications
        set status = $2, last_status = $3, error = $4,
            next_attempt_at = case when $2 = 'pending' then now() + make_interval(secs => $5::float8 / 1000) end,
            sent_at = case when $2 = 'sent' then now() end
      where id = $1 and status = 'pending'`,
    [
      id,
      outcome.status,
      outcome.lastStatus,
      outcome.error === null ? null : JSON.stringify(outcome.error),
      outcome.delayMs,
    ],
  );
}

/** Where a notification stands in the list. The time in full: a `Date` would cut it to milliseconds. */
export interface NotificationPlace {
  readonly at: string;
  readonly id: string;
}

/** Newest first; those that are older than `before`. */
export async function listNotifications(
  db: Db,
  limit: number,
  before?: NotificationPlace,
): Promise<(NotificationRow & { readonly at: string })[]> {
  const result = await db.pool.query<NotificationRow & { at: string }>(
    `select *, to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
       from sluice.notifications
      where $2::timestamptz is null or (created_at, id) < ($2, $3)
      order by created_at desc, id desc limit $1`,
    [limit, before?.at ?? null, before?.id ?? null],
  );
  return result.rows;
}

/** Forgets what was written before a moment, in batches. Returns how many. */
export async function forgetNotifications(db: Db, before: Date, signal: AbortSignal): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const result = await db.pool.query(
      `delete from sluice.notifications where id in (
         select id from sluice.notifications where created_at < $1 order by created_at limit 1000)`,
      [before],
    );
    total += result.rowCount ?? 0;
    if ((result.rowCount ?? 0) < 1000) break;
  }
  return total;
}

/** Puts one that is over back into the outbox, under its own id, so that a receiver can tell it. False where none is. */
export async function resendNotification(db: Db, id: string): Promise<boolean> {
  const result = await db.pool.query(
    `update sluice.notifications
        set status = 'pending', attempts = 0, next_attempt_at = now(), last_status = null, error = null, sent_at = null
      where id = $1 and status <> 'pending'`,
    [id],
  );
  return result.rowCount === 1;
}
