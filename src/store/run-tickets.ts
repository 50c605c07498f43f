/** What stands for a run and its streams in the queue: new job ids, and work that should have a job. */
import type { Db } from './db.ts';

/** A job to be put into the queue, named so that it can never clash with one that the queue still keeps. */
export interface RunTicket {
  readonly runId: string;
  readonly jobId: string;
  readonly priority: number;
}

export interface StreamTicket extends RunTicket {
  readonly stream: string;
  /** the queue job of the run, which this one is a child of */
  readonly parentJobId: string;
}

/**
 * Makes a job id for a run. Each call gives another: adding the id of a finished job that the queue still keeps
 * would do nothing. Returns undefined where the run isn't active, or where another job than `instead` stands for
 * it by now.
 */
export async function ticketForRun(
  db: Db,
  runId: string,
  instead?: string | null,
): Promise<RunTicket | undefined> {
  const result = await db.pool.query<{ job_id: string; priority: number }>(
    `update sluice.runs set enqueues = enqueues + 1, job_id = id || '.' || (enqueues + 1), enqueued_at = now()
      where id = $1 and slot = 'active' and ($2 or job_id is not distinct from $3) returning job_id, priority`,
    [runId, instead === undefined, instead ?? null],
  );
  const row = result.rows[0];
  return row === undefined ? undefined : { runId, jobId: row.job_id, priority: row.priority };
}

/** The same for one stream whose job was lost. One that waits goes on waiting: it takes up no slot before its time. */
export async function ticketForStream(
  db: Db,
  runId: string,
  stream: string,
  instead: string | null,
): Promise<StreamTicket | undefined> {
  const result = await db.pool.query<{ job_id: string; priority: number; parent: string }>(
    `update sluice.run_streams s
        set enqueues = s.enqueues + 1, job_id = s.run_id || '.' || s.stream || '.' || (s.enqueues + 1),
            enqueued_at = now(), status = case when s.status = 'waiting' then 'waiting' else 'queued' end
       from sluice.runs r
      where s.run_id = $1 and s.stream = $2 and r.id = s.run_id and r.slot = 'active'
        and s.status in ('queued', 'running', 'waiting') and s.job_id is not distinct from $3
      returning s.job_id, r.priority, r.job_id as parent`,
    [runId, stream, instead],
  );
  const row = result.rows[0];
  return row === undefined
    ? undefined
    : { runId, stream, jobId: row.job_id, priority: row.priority, parentJobId: row.parent };
}

export interface OpenRun {
  readonly id: string;
  readonly job_id: string | null;
  /** begun, and for a while none of its streams has been queued, running or waiting: its job should have gone on */
  readonly idle: boolean;
}

export interface OpenStream {
  readonly run_id: string;
  readonly stream: string;
  readonly job_id: string | null;
}

/** Runs and stream jobs that should have a queue job; those just enqueued are left out for `graceSeconds`. */
export async function openWork(
  db: Db,
  graceSeconds: number,
): Promise<{ readonly runs: readonly OpenRun[]; readonly streams: readonly OpenStream[] }> {
  const runs = await db.pool.query<OpenRun>(
    `select r.id, r.job_id, r.started_at is not null and s.busy = 0
            and coalesce(s.last_end, r.started_at) < now() - make_interval(secs => $1) as idle
       from sluice.runs r
      cross join lateral (
        select count(*) filter (where status in ('queued', 'running', 'waiting')) as busy, max(finished_at) as last_end
          from sluice.run_streams where run_id = r.id) s
      where r.slot = 'active' and coalesce(r.enqueued_at, r.created_at) < now() - make_interval(secs => $1)`,
    [graceSeconds],
  );
  const streams = await db.pool.query<OpenStream>(
    `select s.run_id, s.stream, s.job_id from sluice.run_streams s join sluice.runs r on r.id = s.run_id
      where r.slot = 'active' and s.status in ('queued', 'running', 'waiting')
        and s.enqueued_at < now() - make_interval(secs => $1)`,
    [graceSeconds],
  );
  return { runs: runs.rows, streams: streams.rows };
}
