/** The streams of a run: deliveries, checkpoints, waits, ends. */
import type pg from 'pg';
import type { ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';
import { updateWithEntries, type EntryBatch, type TimelineEntry } from './run-timeline.ts';

/** A stream that was started this often without ever returning an outcome kills its workers. */
const MAX_STARTS = 10;

export interface RunStreamRow {
  readonly run_id: string;
  readonly stream: string;
  readonly wave: number;
  readonly status: string;
  readonly mode: 'full' | 'incremental';
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly pages: number;
  readonly requests: number;
  readonly retries: number;
  readonly token_requests: number;
  readonly checkpoint: unknown;
  readonly attempts: number;
  readonly starts: number;
  readonly wait_until: Date | null;
  readonly wait_reason: string | null;
  readonly waited: string;
  readonly job_id: string | null;
  readonly error: ErrorReport | null;
}

export interface Delivery {
  readonly row: RunStreamRow;
  readonly connectionId: string;
  readonly allowDeletes: boolean;
  readonly cancelled: boolean;
  /** true where this start is one too many without an outcome */
  readonly poisoned: boolean;
}

/** Whoever changes both locks the run before its streams, so that no two wait for each other. */
async function lockRun(client: pg.PoolClient, runId: string): Promise<void> {
  await client.query(`select 1 from sluice.runs where id = $1 for no key update`, [runId]);
}

/**
 * Begins a delivery of a stream's job and counts the start. Returns undefined where there is nothing to do: the
 * stream is over, or another job stands for it now.
 */
export async function beginDelivery(
  db: Db,
  runId: string,
  stream: string,
  jobId: string,
): Promise<Delivery | undefined> {
  return db.tx(async (client) => {
    await lockRun(client, runId);
    const result = await client.query<
      RunStreamRow & { connection_id: string; allow_deletes: boolean; cancel_requested: boolean }
    >(
      `update sluice.run_streams s
          set starts = s.starts + 1, status = 'running', wait_until = null, wait_reason = null,
              started_at = coalesce(s.started_at, now())
         from sluice.runs r
        where s.run_id = $1 and s.stream = $2 and s.job_id = $3 and r.id = s.run_id and r.slot = 'active'
          and s.status in ('queued', 'running', 'waiting')
        returning s.*, r.connection_id, r.allow_deletes, r.cancel_requested`,
      [runId, stream, jobId],
    );
    const row = result.rows[0];
    if (row === undefined) return undefined;
    await client.query(`update sluice.runs set status = 'running' where id = $1 and status = 'waiting'`, [
      runId,
    ]);
    return {
      row,
      connectionId: row.connection_id,
      allowDeletes: row.allow_deletes,
      cancelled: row.cancel_requested,
      poisoned: row.starts > MAX_STARTS,
    };
  });
}

/** Counts that a page, or a batch of deletes, adds to the stream's history. */
export interface Progress {
  readonly added?: number;
  readonly updated?: number;
  readonly deleted?: number;
  readonly unchanged?: number;
  readonly rejected?: number;
  readonly pages?: number;
  readonly requests: number;
  readonly retries: number;
  readonly tokenRequests: number;
  /** what the timeline shows of it, and which of these requests brought the page */
  readonly entries?: readonly TimelineEntry[] | undefined;
  readonly page?: EntryBatch['page'];
}

/**
 * Writes counts and checkpoint in the page's own transaction; progress clears attempts, starts and waits. Returns
 * whether the run is over or to end: true where somebody asked for its end, or removed its connection.
 */
export async function commitProgress(
  client: pg.PoolClient,
  runId: string,
  stream: string,
  progress: Progress,
  checkpoint: unknown,
): Promise<boolean> {
  const { added = 0, updated = 0, deleted = 0, unchanged = 0, rejected = 0 } = progress;
  const batch = batchOf(progress);
  const { over } = await updateWithEntries(
    client,
    `update sluice.run_streams
        set added = added + $3, updated = updated + $4, deleted = deleted + $5, unchanged = unchanged + $6,
            rejected = rejected + $7, pages = pages + $8, requests = requests + $9, retries = retries + $10,
            token_requests = token_requests + $11, checkpoint = $12, attempts = 0, starts = 1, waited = 0,
            entries = entries + $13
      where run_id = $1 and stream = $2`,
    [
      runId,
      stream,
      added,
      updated,
      deleted,
      unchanged,
      rejected,
      progress.pages ?? 0,
      progress.requests,
      progress.retries,
      progress.tokenRequests,
      JSON.stringify(checkpoint),
      batch.entries.length,
    ],
    batch,
    { name: 'commit_progress', counts: { added, updated, deleted, unchanged, rejected } },
  );
  return over;
}

function batchOf({ entries = [], page }: Pick<Progress, 'entries' | 'page'>): EntryBatch {
  return { entries, page };
}

/** The lease under which an outcome was reached. What a worker says that has lost its lease is not written. */
export interface Fence {
  readonly connectionId: string;
  readonly fence: number;
}

const UNDER_FENCE = (connection: string, fence: string): string =>
  `(${fence}::bigint is null or exists (
      select 1 from sluice.stream_leases l
       where l.connection_id = ${connection} and l.stream = run_streams.stream and l.fence = ${fence}))`;

type RequestProgress = Pick<Progress, 'requests' | 'retries' | 'tokenRequests' | 'entries'>;

export interface Wait {
  readonly until: Date;
  readonly reason: string;
  readonly error: ErrorReport | null;
  readonly countsAttempt: boolean;
  /** milliseconds that this wait adds to the uncounted ones */
  readonly waitedMs: number;
}

/**
 * Parks a stream until a moment. A wait is an outcome, so the start that led here counts as returned. Returns
 * false where the stream is no longer the caller's.
 */
export async function waitStream(
  db: Db,
  runId: string,
  stream: string,
  wait: Wait,
  requests: RequestProgress,
  lease?: Fence,
): Promise<boolean> {
  return db.tx(async (client) => {
    await lockRun(client, runId);
    const batch = batchOf(requests);
    const { moved: parked } = await updateWithEntries(
      client,
      `update sluice.run_streams
          set status = 'waiting', wait_until = $3, wait_reason = $4, error = $5, starts = 0,
              attempts = attempts + $6, waited = waited + $7,
              requests = requests + $8, retries = retries + $9, token_requests = token_requests + $10,
              entries = entries + $13
        where run_id = $1 and stream = $2 and status = 'running' and ${UNDER_FENCE('$11', '$12')}`,
      [
        runId,
        stream,
        wait.until,
        wait.reason,
        wait.error === null ? null : JSON.stringify(wait.error),
        wait.countsAttempt ? 1 : 0,
        Math.round(wait.waitedMs),
        requests.requests,
        requests.retries,
        requests.tokenRequests,
        lease?.connectionId ?? null,
        lease?.fence ?? null,
        batch.entries.length,
      ],
      batch,
    );
    if (!parked) return false;
    await showWaiting(client, runId);
    return true;
  });
}

/** A run is shown as waiting while nothing of it is under way and at least one stream waits. */
async function showWaiting(client: pg.PoolClient, runId: string): Promise<void> {
  await client.query(
    `update sluice.runs set status = 'waiting'
      where id = $1 and status = 'running'
        and exists (select 1 from sluice.run_streams where run_id = $1 and status = 'waiting')
        and not exists (select 1 from sluice.run_streams
                         where run_id = $1 and status in ('pending', 'queued', 'running'))`,
    [runId],
  );
}

/**
 * Ends a stream for this run. Works on one that is not over; its counts stay as they were committed. One that was
 * refused with 403 is left out by the schedule until the time that `forbiddenUntil` names for so many runs in a row;
 * success forgets that.
 */
export async function endStream(
  db: Db,
  runId: string,
  stream: string,
  status: 'succeeded' | 'failed' | 'held' | 'cancelled',
  error: ErrorReport | null,
  requests: RequestProgress,
  lease?: Fence,
  forbiddenUntil?: (count: number) => Date,
): Promise<void> {
  await db.tx(async (client) => {
    await lockRun(client, runId);
    // Before its row in the run, as whoever writes a page locks them.
    const forbidden = await forbiddenCount(client, runId, stream);
    const batch = batchOf(requests);
    const { moved: ended } = await updateWithEntries(
      client,
      `update sluice.run_streams
        set status = $3, error = $4, finished_at = now(), wait_until = null, wait_reason = null, starts = 0,
            requests = requests + $5, retries = retries + $6, token_requests = token_requests + $7,
            entries = entries + $10
      where run_id = $1 and stream = $2 and status in ('pending', 'queued', 'running', 'waiting')
        and ${UNDER_FENCE('$8', '$9')}`,
      [
        runId,
        stream,
        status,
        error === null ? null : JSON.stringify(error),
        requests.requests,
        requests.retries,
        requests.tokenRequests,
        lease?.connectionId ?? null,
        lease?.fence ?? null,
        batch.entries.length,
      ],
      batch,
    );
    if (ended) {
      const refused = status === 'failed' && error?.code === 'provider_forbidden';
      if (refused && forbiddenUntil !== undefined) {
        const count = forbidden + 1;
        await setForbidden(client, runId, stream, { count, until: forbiddenUntil(count), error });
      } else if (status === 'succeeded' && forbidden > 0) {
        await setForbidden(client, runId, stream, { count: 0, until: null, error: null });
      }
    }
    await showWaiting(client, runId);
  });
}

/** Runs in a row that were refused; locks the stream. */
async function forbiddenCount(client: pg.PoolClient, runId: string, stream: string): Promise<number> {
  const result = await client.query<{ forbidden_count: number }>(
    `select s.forbidden_count from sluice.streams s join sluice.runs r on r.connection_id = s.connection_id
      where r.id = $1 and s.stream = $2 for no key update of s`,
    [runId, stream],
  );
  return result.rows[0]?.forbidden_count ?? 0;
}

async function setForbidden(
  client: pg.PoolClient,
  runId: string,
  stream: string,
  to: { readonly count: number; readonly until: Date | null; readonly error: ErrorReport | null },
): Promise<void> {
  await client.query(
    `insert into sluice.streams (connection_id, stream, forbidden_count, forbidden_until, forbidden_error)
     select connection_id, $2, $3, $4, $5 from sluice.runs where id = $1
     on conflict (connection_id, stream) do update
        set forbidden_count = excluded.forbidden_count, forbidden_until = excluded.forbidden_until,
            forbidden_error = excluded.forbidden_error`,
    [runId, stream, to.count, to.until, to.error === null ? null : JSON.stringify(to.error)],
  );
}

/** Puts a started stream back as queued, its start uncounted: for a shutdown. False where it isn't the caller's. */
export async function returnStream(
  db: Db,
  runId: string,
  stream: string,
  requests: RequestProgress,
  lease: Fence,
): Promise<boolean> {
  const batch = batchOf(requests);
  const { moved } = await updateWithEntries(
    db.pool,
    `update sluice.run_streams
        set status = 'queued', starts = 0, enqueued_at = now(),
            requests = requests + $3, retries = retries + $4, token_requests = token_requests + $5,
            entries = entries + $8
      where run_id = $1 and stream = $2 and status = 'running' and ${UNDER_FENCE('$6', '$7')}`,
    [
      runId,
      stream,
      requests.requests,
      requests.retries,
      requests.tokenRequests,
      lease.connectionId,
      lease.fence,
      batch.entries.length,
    ],
    batch,
  );
  return moved;
}

export interface Standing {
  readonly status: string;
  readonly checkpoint: unknown;
  readonly attempts: number;
  /** milliseconds waited in this run without an attempt being counted */
  readonly waitedMs: number;
  readonly waitUntil: Date | null;
}

/** How a stream stands now. Undefined where there is none, or where another job than `jobId` stands for it. */
export async function streamStanding(
  db: Db,
  runId: string,
  stream: string,
  jobId: string,
): Promise<Standing | undefined> {
  const result = await db.pool.query<RunStreamRow>(
    `select * from sluice.run_streams where run_id = $1 and stream = $2 and job_id = $3`,
    [runId, stream, jobId],
  );
  const row = result.rows[0];
  if (row === undefined) return undefined;
  const { status, checkpoint, attempts, waited, wait_until: waitUntil } = row;
  return { status, checkpoint, attempts, waitedMs: Number(waited), waitUntil };
}
