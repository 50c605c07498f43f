/**
 * The inbox as processing sees it: which events have a job in the queue, how one begins, waits and ends. A connection
 * has as many in the queue as its `limits.concurrency` allows; the others wait here, so that no tenant crowds out
 * another. The connection's row is the lock: whoever stores an event or ends one looks for the next under it.
 */
import type pg from 'pg';
import type { ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';

/** An event that was started this often without ever returning an outcome kills its workers. */
const MAX_STARTS = 10;
/** Where a connection names no `limits.concurrency`; as for its streams. */
const DEFAULT_CONCURRENCY = 4;

export interface EventTicket {
  readonly eventId: string;
  readonly jobId: string;
}

export interface EventRow {
  readonly id: string;
  readonly connection_id: string;
  readonly body: Buffer | null;
  readonly received_at: Date;
  readonly status: string;
  readonly attempts: number;
  readonly starts: number;
  readonly waited: string;
  readonly wait_until: Date | null;
}

/** Locks the connection for a look at its slots. Undefined where it is gone, paused or waits for a person. */
async function lockSlots(client: pg.PoolClient, connectionId: string): Promise<number | undefined> {
  const result = await client.query<{ free: number }>(
    `with own as materialized (
       select coalesce((config -> 'limits' ->> 'concurrency')::int, $2) as allowed
         from sluice.connections where id = $1 and state = 'active' for no key update
     ) select allowed as free from own`,
    [connectionId, DEFAULT_CONCURRENCY],
  );
  const allowed = result.rows[0]?.free;
  if (allowed === undefined) return undefined;
  const taken = await client.query<{ count: number }>(
    `select count(*)::int as count from sluice.webhook_events where connection_id = $1 and status = 'queued'`,
    [connectionId],
  );
  return Math.max(0, allowed - (taken.rows[0]?.count ?? 0));
}

/** Gives free slots of a connection to the events that have waited longest. Their jobs must be added by the caller. */
export async function releaseEvents(db: Db, connectionId: string): Promise<EventTicket[]> {
  return db.tx(async (client) => {
    const free = await lockSlots(client, connectionId);
    if (free === undefined || free === 0) return [];
    const result = await client.query<{ id: string; job_id: string }>(
      `update sluice.webhook_events e
          set status = 'queued', enqueues = e.enqueues + 1, job_id = e.id || '.' || (e.enqueues + 1),
              enqueued_at = now()
         from (select id from sluice.webhook_events where connection_id = $1 and status = 'received'
                order by id limit $2) next
        where e.id = next.id
       returning e.id, e.job_id`,
      [connectionId, free],
    );
    return result.rows.map((row) => ({ eventId: row.id, jobId: row.job_id }));
  });
}

/** As it stands for this job; undefined where another job stands for it, or it is over. */
export async function eventStanding(db: Db, eventId: string, jobId: string): Promise<EventRow | undefined> {
  const result = await db.pool.query<EventRow>(
    `select id, connection_id, body, received_at, status, attempts, starts, waited, wait_until
       from sluice.webhook_events where id = $1 and job_id = $2 and status in ('queued', 'waiting')`,
    [eventId, jobId],
  );
  return result.rows[0];
}

/** An event whose wait is over takes a slot again. False while its connection has none to give. */
export async function resumeEvent(db: Db, event: EventRow, jobId: string): Promise<boolean> {
  return db.tx(async (client) => {
    const free = await lockSlots(client, event.connection_id);
    // Without an active connection it goes on to the engine, which puts it back to the others.
    if (free === 0) return false;
    await client.query(
      `update sluice.webhook_events set status = 'queued', wait_until = null
        where id = $1 and job_id = $2 and status = 'waiting'`,
      [event.id, jobId],
    );
    return true;
  });
}

export interface EventDelivery {
  readonly event: EventRow;
  /** true where this start is one too many without an outcome */
  readonly poisoned: boolean;
}

/** Begins a delivery and counts the start. Undefined where there is nothing to do. */
export async function beginEvent(db: Db, eventId: string, jobId: string): Promise<EventDelivery | undefined> {
  const result = await db.pool.query<EventRow>(
    `update sluice.webhook_events set starts = starts + 1
      where id = $1 and job_id = $2 and status = 'queued'
     returning id, connection_id, body, received_at, status, attempts, starts, waited, wait_until`,
    [eventId, jobId],
  );
  const event = result.rows[0];
  return event === undefined ? undefined : { event, poisoned: event.starts > MAX_STARTS };
}

/** What a message turned out to be about. */
export interface EventSubject {
  readonly type: string | null;
  readonly effect: string | null;
  readonly occurredAt: string | null;
  readonly stream: string | null;
  readonly recordId: string | null;
}

export interface EventEnd extends EventSubject {
  readonly status: 'processed' | 'ignored' | 'dead';
  readonly outcome: Readonly<Record<string, unknown>> | null;
  readonly error: ErrorReport | null;
}

/** Ends an event, in the transaction of what it did. False where somebody else has ended it: then nothing may commit. */
export async function endEvent(
  client: pg.Pool | pg.PoolClient,
  eventId: string,
  jobId: string,
  end: EventEnd,
): Promise<boolean> {
  const result = await client.query(
    `update sluice.webhook_events
        set status = $3, type = $4, outcome = $5, error = $6, stream = $7, record_id = $8, effect = $9,
            occurred_at = $10, processed_at = now(), starts = 0, wait_until = null
      where id = $1 and job_id = $2 and status = 'queued'`,
    [
      eventId,
      jobId,
      end.status,
      end.type,
      asJson(end.outcome),
      asJson(end.error),
      end.stream,
      end.recordId,
      end.effect,
      end.occurredAt,
    ],
  );
  return result.rowCount === 1;
}

export interface EventWait {
  readonly until: Date;
  readonly error: ErrorReport;
  readonly countsAttempt: boolean;
  readonly waitedMs: number;
}

/** Gives the slot back until then. False where another job stands for the event by now. */
export async function waitEvent(db: Db, eventId: string, jobId: string, wait: EventWait): Promise<boolean> {
  const result = await db.pool.query(
    `update sluice.webhook_events
        set status = 'waiting', wait_until = $3, error = $4, attempts = attempts + $5, waited = waited + $6, starts = 0
      where id = $1 and job_id = $2 and status = 'queued'`,
    [eventId, jobId, wait.until, asJson(wait.error), wait.countsAttempt ? 1 : 0, Math.round(wait.waitedMs)],
  );
  return result.rowCount === 1;
}

/** Puts an event back to those that have no job: its connection can't be worked with now. */
export async function holdEvent(
  db: Db,
  eventId: string,
  jobId: string,
  error: ErrorReport | null,
): Promise<void> {
  await db.pool.query(
    `update sluice.webhook_events
        set status = 'received', job_id = null, attempts = 0, starts = 0, waited = 0, wait_until = null, error = $3
      where id = $1 and job_id = $2 and status = 'queued'`,
    [eventId, jobId, asJson(error)],
  );
}

/** This process stops: the start that ends here was no fault of the event. */
export async function returnEvent(db: Db, eventId: string, jobId: string): Promise<boolean> {
  const result = await db.pool.query(
    `update sluice.webhook_events set starts = greatest(0, starts - 1)
      where id = $1 and job_id = $2 and status = 'queued'`,
    [eventId, jobId],
  );
  return result.rowCount === 1;
}

/** What a sweep looks at: events that should have a job, and connections that have a backlog. */
export interface OpenEvents {
  readonly events: readonly { readonly id: string; readonly jobId: string | null }[];
  readonly connections: readonly string[];
}

/** Rows of one sweep; the next one goes on. */
const SWEEP_ROWS = 1_000;

export async function openEvents(db: Db, graceSeconds: number): Promise<OpenEvents> {
  const events = await db.pool.query<{ id: string; job_id: string | null }>(
    `select id, job_id from sluice.webhook_events
      where (status = 'queued' and enqueued_at < now() - make_interval(secs => $1))
         or (status = 'waiting' and wait_until < now() - make_interval(secs => $1))
      order by enqueued_at limit ${SWEEP_ROWS}`,
    [graceSeconds],
  );
  const connections = await db.pool.query<{ connection_id: string }>(
    `select distinct e.connection_id from sluice.webhook_events e
       join sluice.connections c on c.id = e.connection_id and c.state = 'active'
      where e.status = 'received' and e.received_at < now() - make_interval(secs => $1) limit ${SWEEP_ROWS}`,
    [graceSeconds],
  );
  return {
    events: events.rows.map((row) => ({ id: row.id, jobId: row.job_id })),
    connections: connections.rows.map((row) => row.connection_id),
  };
}

/** A new job for an event whose own was lost; undefined where another one stands for it by now. */
export async function ticketForEvent(
  db: Db,
  eventId: string,
  instead: string | null,
): Promise<EventTicket | undefined> {
  const result = await db.pool.query<{ job_id: string }>(
    `update sluice.webhook_events
        set enqueues = enqueues + 1, job_id = id || '.' || (enqueues + 1), enqueued_at = now()
      where id = $1 and job_id is not distinct from $2 and status in ('queued', 'waiting') returning job_id`,
    [eventId, instead],
  );
  const row = result.rows[0];
  return row === undefined ? undefined : { eventId, jobId: row.job_id };
}

/** The times of deletes of a record that were processed, whether or not there was anything to delete then. */
export async function deletesOf(
  client: pg.PoolClient,
  connectionId: string,
  stream: string,
  recordId: string,
): Promise<string[]> {
  const result = await client.query<{ occurred_at: string }>(
    `select occurred_at from sluice.webhook_events
      where connection_id = $1 and stream = $2 and record_id = $3 and effect = 'delete' and status = 'processed'
        and occurred_at is not null`,
    [connectionId, stream, recordId],
  );
  return result.rows.map((row) => row.occurred_at);
}

function asJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
