/** Connections as rows: configuration, encrypted credentials, state. */
import type { ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';
import { compose } from './notifications.ts';
import { cancelOpenRuns } from './open-runs.ts';
import type pg from 'pg';

export type ConnectionState = 'active' | 'paused' | 'needs_reconnect' | 'needs_attention';

export interface ConnectionRow {
  readonly id: string;
  readonly provider: string;
  readonly managed_by: 'file' | 'api';
  readonly config: unknown;
  readonly credentials: string;
  readonly state: ConnectionState;
  readonly state_code: string | null;
  readonly state_reason: string | null;
  readonly state_advice: string | null;
  readonly state_since: Date;
  /** runs in a row in which no stream succeeded */
  readonly failed_runs: number;
  readonly next_run_at: Date | null;
  readonly created_at: Date;
  /** grows with every change of configuration or credentials */
  readonly revision: string;
}

type Queryable = pg.Pool | pg.PoolClient;

export async function findConnection(db: Queryable, id: string): Promise<ConnectionRow | undefined> {
  const result = await db.query<ConnectionRow>(`select * from sluice.connections where id = $1`, [id]);
  return result.rows[0];
}

export async function allConnections(db: Queryable): Promise<ConnectionRow[]> {
  return (await db.query<ConnectionRow>(`select * from sluice.connections order by id`)).rows;
}

/** By id, those that come after one. */
export async function connectionsAfter(db: Queryable, id: string, limit: number): Promise<ConnectionRow[]> {
  const result = await db.query<ConnectionRow>(
    `select * from sluice.connections where id > $1 order by id limit $2`,
    [id, limit],
  );
  return result.rows;
}

export interface ConnectionWrite {
  readonly id: string;
  readonly provider: string;
  readonly managedBy: 'file' | 'api';
  readonly config: unknown;
  readonly credentials: string;
  readonly nextRunAt: Date | null;
}

/**
 * Creates or replaces a connection. A change gives a connection that needed a person another chance, and forgets the
 * failures that slowed it down.
 */
export async function writeConnection(db: Queryable, connection: ConnectionWrite): Promise<void> {
  await db.query(
    `insert into sluice.connections as c (id, provider, managed_by, config, credentials, next_run_at)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do update
        set provider = excluded.provider, managed_by = excluded.managed_by, config = excluded.config,
            credentials = excluded.credentials, updated_at = now(), revision = c.revision + 1,
            state = case when c.state = 'paused' then 'paused' else 'active' end,
            state_code = null, state_reason = null, state_advice = null, failed_runs = 0,
            state_since = case when c.state in ('active', 'paused') then c.state_since else now() end,
            next_run_at = case when c.state = 'paused' then null else excluded.next_run_at end`,
    [
      connection.id,
      connection.provider,
      connection.managedBy,
      JSON.stringify(connection.config),
      connection.credentials,
      connection.nextRunAt,
    ],
  );
  await forgetForbidden(db, connection.id);
}

/** Parks a connection until a person acts; a paused one stays paused. */
export async function parkConnection(
  db: Db,
  id: string,
  state: 'needs_attention' | 'needs_reconnect',
  error: ErrorReport,
): Promise<void> {
  await parkConnectionIn(db.pool, id, state, error);
}

/** The same inside a transaction of the caller's. */
export async function parkConnectionIn(
  db: Queryable,
  id: string,
  state: 'needs_attention' | 'needs_reconnect',
  error: ErrorReport,
): Promise<void> {
  const told = compose(`connection.${state}`, { connection: id, state, error });
  await db.query(
    `with parked as (
       update sluice.connections
          set state = $2, state_code = $3, state_reason = $4, state_advice = $5, state_since = now(), next_run_at = null
        where id = $1 and state = 'active' returning id
     ) insert into sluice.notifications (id, type, body, next_attempt_at) select $6, $7, $8, now() from parked`,
    [id, state, error.code, error.message, error.advice, told.id, told.type, told.body],
  );
}

/**
 * Its credentials work: makes a parked connection active again, and brings the usual times back to an active one that
 * failures slowed down. Returns whether it was parked.
 */
export async function unparkConnection(db: Db, id: string, nextRunAt: Date | null): Promise<boolean> {
  const result = await db.pool.query<{ parked: boolean }>(
    `update sluice.connections c
        set state = 'active', state_code = null, state_reason = null, state_advice = null, failed_runs = 0,
            state_since = case when c.state = 'active' then c.state_since else now() end, next_run_at = $2
       from (select id, state from sluice.connections where id = $1 for update) before
      where c.id = before.id
        and (c.state in ('needs_attention', 'needs_reconnect') or (c.state = 'active' and c.failed_runs > 1))
      returning before.state <> 'active' as parked`,
    [id, nextRunAt],
  );
  return result.rows[0]?.parked === true;
}

/** Forgets which streams were refused, so that the schedule asks for them again. */
export async function forgetForbidden(db: Queryable, id: string): Promise<void> {
  await db.query(
    `update sluice.streams set forbidden_count = 0, forbidden_until = null, forbidden_error = null
      where connection_id = $1 and forbidden_count > 0`,
    [id],
  );
}

/** How many runs in a row had no stream that succeeded, before a run that ended now and with it. */
export interface Failures {
  readonly before: number;
  readonly after: number;
}

/**
 * After a run, in the transaction that closes it: counts the runs in a row in which no stream succeeded, and sets
 * what `next` says, undefined for the time that is set already. `succeeded` is undefined for a run that tells
 * nothing, because a person ended it.
 */
export async function afterRun(
  client: pg.PoolClient,
  id: string,
  succeeded: boolean | undefined,
  next: (failures: Failures) => Date | null | undefined,
): Promise<void> {
  const found = await client.query<{ failed_runs: number }>(
    `select failed_runs from sluice.connections where id = $1 for no key update`,
    [id],
  );
  const before = found.rows[0]?.failed_runs;
  if (before === undefined) return;
  const after = succeeded === undefined ? before : succeeded ? 0 : before + 1;
  const nextRunAt = next({ before, after });
  await client.query(
    `update sluice.connections
        set failed_runs = $2, next_run_at = case when state = 'active' and $3 then $4 else next_run_at end
      where id = $1`,
    [id, after, nextRunAt !== undefined, nextRunAt ?? null],
  );
}

/** Removes a connection and ends its open runs: a worker that is inside one notices with its next page. */
export async function removeConnection(client: pg.PoolClient, id: string): Promise<boolean> {
  const result = await client.query(`delete from sluice.connections where id = $1`, [id]);
  await cancelOpenRuns(client, id);
  return result.rowCount === 1;
}

export interface Due {
  /** null where the end of the run decides */
  readonly next: (connection: ConnectionRow) => Date | null;
  /**
   * Asks for the run, in the transaction that moves the schedule on: none is lost between the two. The connection is
   * as it was before, with the time that has come.
   */
  readonly ask: (client: pg.PoolClient, connection: ConnectionRow) => Promise<void>;
}

/** Takes connections whose schedule is due, each by one process only, and moves their schedule on. */
export async function claimDue(
  db: Db,
  now: Date,
  limit: number,
  { next, ask }: Due,
): Promise<ConnectionRow[]> {
  return db.tx(async (client) => {
    const due = await client.query<ConnectionRow>(
      `select * from sluice.connections where next_run_at <= $1 and state = 'active'
        order by next_run_at limit $2 for update skip locked`,
      [now, limit],
    );
    for (const connection of due.rows) {
      await client.query(`update sluice.connections set next_run_at = $2 where id = $1`, [
        connection.id,
        next(connection),
      ]);
      await ask(client, connection);
    }
    return due.rows;
  });
}

/** Sets other times where stored ones can't be right; `next` returns undefined for those that stay. */
export async function mendTimes(
  db: Db,
  next: (connection: ConnectionRow, stored: Date) => Date | undefined,
): Promise<string[]> {
  const mended: string[] = [];
  for (const row of await allConnections(db.pool)) {
    const stored = row.next_run_at;
    const better = stored === null || row.state !== 'active' ? undefined : next(row, stored);
    if (better === undefined) continue;
    const set = await db.pool.query(
      `update sluice.connections set next_run_at = $3 where id = $1 and next_run_at = $2 and state = 'active'`,
      [row.id, stored, better],
    );
    if (set.rowCount === 1) mended.push(row.id);
  }
  return mended;
}
