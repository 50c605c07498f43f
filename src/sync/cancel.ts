/** Ends a run that a person doesn't want any more. What it committed stays. */
import type { ResolvedConnection } from '../providers/connection.ts';
import type { RunRow } from '../store/runs.ts';
import { endRun, type RunContext } from './run.ts';

export type Cancelled =
  | {
      /** `over`: it had ended before; `ended`: by this call; `ending`: a worker ends it with its next page */
      readonly outcome: 'over' | 'ended' | 'ending';
      /** jobs of streams that are cancelled now, but still wait in the queue */
      readonly streamJobs: readonly string[];
      /** the queued run that became active and needs a job */
      readonly promoted: string | undefined;
    }
  | undefined;

/**
 * Cancels a run. One that is queued ends at once, and so does an active one of which nothing is being read: what is
 * delayed isn't waited for. A stream that a worker is reading ends after its page. Undefined where there is no such
 * run.
 */
export async function cancelRun(context: RunContext, runId: string): Promise<Cancelled> {
  const asked = await context.db.tx(async (client) => {
    const found = await client.query<RunRow>(
      `update sluice.runs set cancel_requested = cancel_requested or slot is not null
        where id = $1 returning *`,
      [runId],
    );
    const run = found.rows[0];
    if (run === undefined || run.slot === null) return { run, streamJobs: [], running: 0 };
    const cancelled = await client.query<{ job_id: string | null }>(
      `update sluice.run_streams
          set status = 'cancelled', finished_at = now(), wait_until = null, wait_reason = null
        where run_id = $1 and status in ('pending', 'queued', 'waiting') returning job_id`,
      [runId],
    );
    const left = await client.query<{ running: number }>(
      `select count(*)::int as running from sluice.run_streams where run_id = $1 and status = 'running'`,
      [runId],
    );
    const streamJobs = cancelled.rows.flatMap(({ job_id: job }) => (job === null ? [] : [job]));
    return { run, streamJobs, running: left.rows[0]?.running ?? 0 };
  });
  const { run, streamJobs, running } = asked;
  if (run === undefined) return undefined;
  if (run.slot === null) return { outcome: 'over', streamJobs, promoted: undefined };
  if (running > 0) return { outcome: 'ending', streamJobs, promoted: undefined };
  // One that had not become active moves no schedule: the active one will.
  const connection = run.slot === 'active' ? await connectionOf(context, run.connection_id) : undefined;
  const ended = await endRun(context, run, connection);
  return { outcome: 'ended', streamJobs, promoted: ended.promoted };
}

/** Undefined where it can't be read, which must not keep its run alive. */
async function connectionOf(context: RunContext, id: string): Promise<ResolvedConnection | undefined> {
  try {
    return await context.loadConnection(id, { requireUsable: false });
  } catch {
    return undefined;
  }
}
