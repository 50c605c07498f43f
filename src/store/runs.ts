/**
 * Runs: asking for one, starting, releasing its streams to the queue, ending it. A connection has at most one
 * active and one queued run; the partial unique index on `slot` holds that, whoever asks at the same moment.
 * Rows are locked `for no key update`: the keys that each page stores refer to the run and must not wait for it.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { SluiceError, type ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';
import type { StreamTicket } from './run-tickets.ts';

export type RunStatus =
  'queued' | 'running' | 'waiting' | 'succeeded' | 'partial' | 'failed' | 'held' | 'cancelled';

export interface RunRequest {
  readonly connectionId: string;
  readonly trigger: 'schedule' | 'command' | 'api' | 'demo' | 'webhook';
  /** undefined: all that the connection has chosen */
  readonly streams?: readonly string[];
  readonly full?: boolean;
  readonly allowDeletes?: boolean;
  /** smaller is sooner; 1 for somebody who waits, 10 for the schedule */
  readonly priority: number;
}

export interface RunRow {
  readonly id: string;
  readonly connection_id: string;
  readonly status: RunStatus;
  readonly slot: 'active' | 'queued' | null;
  readonly trigger: string;
  readonly streams: string[] | null;
  readonly full: boolean;
  readonly allow_deletes: boolean;
  readonly priority: number;
  readonly enqueues: number;
  readonly job_id: string | null;
  readonly cancel_requested: boolean;
  readonly error: ErrorReport | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

/**
 * Asks for a run. Joins one that has not begun: streams united, `full` and `allowDeletes` or-ed, the sooner
 * priority; the schedule's becomes that of the person who joins it. Returns the run to follow, and whether its job must be put into the queue now.
 */
export async function requestRun(db: Db, request: RunRequest): Promise<RequestedRun> {
  return db.tx((client) => requestRunIn(client, request));
}

export interface RequestedRun {
  readonly runId: string;
  /** whether the one who asked must put the run's job into the queue once this is committed */
  readonly enqueue: boolean;
}

/** The same inside a transaction of the caller's. */
export async function requestRunIn(client: pg.PoolClient, request: RunRequest): Promise<RequestedRun> {
  // Serialises requests for one connection; held only for these few statements.
  await client.query(`select pg_advisory_xact_lock(hashtextextended('sluice run ' || $1, 0))`, [
    request.connectionId,
  ]);
  const open = await client.query<RunRow>(
    `select * from sluice.runs where connection_id = $1 and slot is not null order by slot for no key update`,
    [request.connectionId],
  );
  const joinable = open.rows.find((run) => run.started_at === null && !run.cancel_requested);
  if (joinable !== undefined) {
    await client.query(
      `update sluice.runs
          set streams = case when streams is null or $2::text[] is null then null
                             else (select array_agg(distinct s order by s) from unnest(streams || $2::text[]) s) end,
              "full" = "full" or $3, allow_deletes = allow_deletes or $4, priority = least(priority, $5),
              trigger = case when trigger = 'schedule' then $6 else trigger end
        where id = $1`,
      [
        joinable.id,
        request.streams ?? null,
        request.full ?? false,
        request.allowDeletes ?? false,
        request.priority,
        request.trigger,
      ],
    );
    // Its job is on its way already; only somebody in a greater hurry needs another one, further ahead.
    return {
      runId: joinable.id,
      enqueue: joinable.slot === 'active' && request.priority < joinable.priority,
    };
  }
  const id = randomUUID();
  const slot = open.rows.length === 0 ? 'active' : 'queued';
  await client.query(
    `insert into sluice.runs (id, connection_id, slot, trigger, streams, "full", allow_deletes, priority)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      id,
      request.connectionId,
      slot,
      request.trigger,
      request.streams ?? null,
      request.full ?? false,
      request.allowDeletes ?? false,
      request.priority,
    ],
  );
  return { runId: id, enqueue: slot === 'active' };
}

export async function loadRun(db: Pick<Db, 'pool'>, runId: string): Promise<RunRow | undefined> {
  const result = await db.pool.query<RunRow>(`select * from sluice.runs where id = $1`, [runId]);
  return result.rows[0];
}

export interface PlannedStream {
  readonly stream: string;
  readonly wave: number;
  readonly mode: 'full' | 'incremental';
  /** why the stream fails without being asked for */
  readonly error?: ErrorReport;
}

/**
 * Marks a run as begun and writes down its streams. `plan` gets the run as it stands under its lock, so that a
 * request that joins it is either part of the plan or finds it begun. Returns the number of streams; nothing is
 * written where there is none. Harmless when repeated.
 */
export async function planRun(
  db: Db,
  runId: string,
  plan: (run: RunRow) => readonly PlannedStream[],
): Promise<number> {
  return db.tx(async (client) => {
    const found = await client.query<RunRow>(
      `select * from sluice.runs where id = $1 and slot = 'active' for no key update`,
      [runId],
    );
    const run = found.rows[0];
    const streams = run === undefined ? [] : plan(run);
    if (streams.length === 0) return 0;
    await client.query(
      `update sluice.runs set status = 'running', started_at = coalesce(started_at, now()) where id = $1`,
      [runId],
    );
    await client.query(
      `insert into sluice.run_streams (run_id, stream, wave, mode, error, status, finished_at)
       select $1, stream, wave, mode, error::jsonb, case when error is null then 'pending' else 'failed' end,
              case when error is null then null else now() end
         from unnest($2::text[], $3::int[], $4::text[], $5::text[]) as s (stream, wave, mode, error)
       on conflict do nothing`,
      [
        runId,
        streams.map((s) => s.stream),
        streams.map((s) => s.wave),
        streams.map((s) => s.mode),
        streams.map((s) => (s.error === undefined ? null : JSON.stringify(s.error))),
      ],
    );
    return streams.length;
  });
}

export interface ReleaseResult {
  readonly tickets: readonly StreamTicket[];
  /** streams that are not over, released or not */
  readonly open: number;
}

export interface ReleaseRules {
  /** stream jobs of a connection that may be waiting or active in the queue at once */
  readonly concurrency: number;
  /** the parent of each stream that has one */
  readonly parents: ReadonlyMap<string, string>;
}

/**
 * Releases streams of the run's current wave to the queue, as many as fit under `concurrency` beside those that
 * are waiting or active there; delayed ones don't count. The rest of the backlog stays here, in Postgres. Streams
 * whose parent failed in this run fail with it.
 */
export async function releaseStreams(db: Db, runId: string, rules: ReleaseRules): Promise<ReleaseResult> {
  return db.tx(async (client) => {
    const run = await client.query<RunRow>(
      `select * from sluice.runs where id = $1 and slot = 'active' for no key update`,
      [runId],
    );
    const row = run.rows[0];
    if (row === undefined) return { tickets: [], open: 0 };
    await failOrphans(client, runId, rules.parents);
    const counts = await client.query<{ open: number; busy: number }>(
      `select count(*)::int as open, count(*) filter (where status in ('queued', 'running'))::int as busy
         from sluice.run_streams where run_id = $1 and status in ('pending', 'queued', 'running', 'waiting')`,
      [runId],
    );
    const { open, busy } = counts.rows[0] ?? { open: 0, busy: 0 };
    const free = row.cancel_requested ? 0 : Math.max(0, rules.concurrency - busy);
    const released = await client.query<{ stream: string; job_id: string }>(
      `update sluice.run_streams s
          set status = 'queued', enqueues = enqueues + 1, enqueued_at = now(),
              job_id = run_id || '.' || stream || '.' || (enqueues + 1)
        where run_id = $1 and stream in (
                select stream from sluice.run_streams
                 where run_id = $1 and status = 'pending'
                   and wave = (select min(wave) from sluice.run_streams
                                where run_id = $1 and status in ('pending', 'queued', 'running', 'waiting'))
                 order by stream limit $2)
        returning stream, job_id`,
      [runId, free],
    );
    const tickets = released.rows.map((s) => ({
      runId,
      stream: s.stream,
      jobId: s.job_id,
      priority: row.priority,
      parentJobId: row.job_id ?? '',
    }));
    return { tickets, open };
  });
}

/** Fails pending streams whose parent failed; a grandchild goes with the child that this very call fails. */
async function failOrphans(
  client: pg.PoolClient,
  runId: string,
  parents: ReadonlyMap<string, string>,
): Promise<void> {
  if (parents.size === 0) return;
  const children = [...parents].map(([stream, parent]) => ({
    stream,
    parent,
    error: new SluiceError(
      'parent_failed',
      `${stream} was not read: it is listed once per record of ${parent}, which failed.`,
    ).report(),
  }));
  for (;;) {
    const failed = await client.query(
      `update sluice.run_streams s set status = 'failed', error = c.error::jsonb, finished_at = now()
         from unnest($2::text[], $3::text[], $4::text[]) as c (stream, parent, error)
         join sluice.run_streams p on p.run_id = $1 and p.stream = c.parent and p.status in ('failed', 'cancelled')
        where s.run_id = $1 and s.stream = c.stream and s.status = 'pending'`,
      [
        runId,
        children.map((child) => child.stream),
        children.map((child) => child.parent),
        children.map((child) => JSON.stringify(child.error)),
      ],
    );
    if (failed.rowCount === 0) return;
  }
}

/** A delayed stream job comes back: true where it fits under the connection's concurrency again. */
export async function resumeStream(
  db: Db,
  runId: string,
  stream: string,
  jobId: string,
  concurrency: number,
): Promise<boolean> {
  return db.tx(async (client) => {
    await client.query(`select 1 from sluice.runs where id = $1 for no key update`, [runId]);
    const result = await client.query(
      `update sluice.run_streams set status = 'running', wait_until = null, wait_reason = null
        where run_id = $1 and stream = $2 and job_id = $3 and status = 'waiting'
          and (select count(*) from sluice.run_streams
                where run_id = $1 and stream <> $2 and status in ('queued', 'running')) < $4`,
      [runId, stream, jobId, concurrency],
    );
    return result.rowCount === 1;
  });
}

export interface ClosedRun {
  readonly status: RunStatus;
  readonly connectionId: string;
  /** the queued run that became active in the same transaction */
  readonly promoted: string | undefined;
}

/**
 * Ends a run and makes the queued one active, in one transaction. Returns undefined where it had ended before.
 * `error` is for runs that fail as a whole, before any stream. `also` is what must not be lost with a process that
 * dies right after: it runs in the same transaction.
 */
export async function closeRun(
  db: Db,
  runId: string,
  error?: ErrorReport,
  also: (client: pg.PoolClient, status: RunStatus) => Promise<void> = async () => {},
): Promise<ClosedRun | undefined> {
  return db.tx(async (client) => {
    // The connection before its runs, as the schedule locks them: no two wait for each other.
    await client.query(
      `select 1 from sluice.connections c join sluice.runs r on r.connection_id = c.id
        where r.id = $1 for no key update of c`,
      [runId],
    );
    const found = await client.query<RunRow>(`select * from sluice.runs where id = $1 for no key update`, [
      runId,
    ]);
    const run = found.rows[0];
    if (run === undefined || run.slot === null) return undefined;
    await client.query(
      `update sluice.run_streams
          set status = 'cancelled', finished_at = now(), wait_until = null, wait_reason = null
        where run_id = $1 and status in ('pending', 'queued', 'running', 'waiting')`,
      [runId],
    );
    const streams = await client.query<{ status: string; error: ErrorReport | null }>(
      `select status, error from sluice.run_streams where run_id = $1 order by wave, stream`,
      [runId],
    );
    const status =
      error !== undefined
        ? 'failed'
        : outcomeOf(
            run,
            streams.rows.map((s) => s.status),
          );
    const errors = streams.rows.flatMap((s) => (s.error === null ? [] : [s.error]));
    // The cause says more than what followed from it.
    const shown = error ?? errors.find((e) => !consequences.has(e.code)) ?? errors[0] ?? null;
    await client.query(
      `update sluice.runs set status = $2, slot = null, error = $3, finished_at = now() where id = $1`,
      [runId, status, shown === null ? null : JSON.stringify(shown)],
    );
    await client.query(`delete from sluice.seen_keys where run_id = $1`, [runId]);
    const promoted = await promote(client, run.connection_id);
    await also(client, status);
    return { status, connectionId: run.connection_id, promoted };
  });
}

const consequences: ReadonlySet<string> = new Set(['connection_parked', 'parent_failed']);

function outcomeOf(run: RunRow, statuses: readonly string[]): RunStatus {
  if (statuses.includes('cancelled') || run.cancel_requested) return 'cancelled';
  if (statuses.includes('held')) return 'held';
  const failed = statuses.filter((status) => status === 'failed').length;
  if (failed === 0) return 'succeeded';
  return failed === statuses.length ? 'failed' : 'partial';
}

async function promote(client: pg.PoolClient, connectionId: string): Promise<string | undefined> {
  const result = await client.query<{ id: string }>(
    `update sluice.runs set slot = 'active' where connection_id = $1 and slot = 'queued' returning id`,
    [connectionId],
  );
  return result.rows[0]?.id;
}
