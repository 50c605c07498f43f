/**
 * Compares what Postgres says is running with what the queue holds, and puts back what got lost between the two:
 * a process killed between its commit and its `add`, or a queue that was emptied.
 */
import { openWork, ticketForRun, ticketForStream } from '../store/run-tickets.ts';
import type { JobContext } from './context.ts';
import { addRunJob, addStreamJob, type SluiceQueue } from './queues.ts';

/** Work that was enqueued less than this ago may still be on its way to the queue, in seconds. */
export const GRACE_SECONDS = 5;

export interface Reconciled {
  readonly runs: number;
  readonly streams: number;
}

export async function reconcile(
  context: Pick<JobContext, 'db' | 'queues' | 'logger'>,
  graceSeconds = GRACE_SECONDS,
): Promise<Reconciled> {
  const { db, queues, logger } = context;
  const work = await openWork(db, graceSeconds);
  const found = { runs: 0, streams: 0 };
  for (const run of work.runs) {
    const state = await stateOf(queues.runs, run.job_id);
    // It waits for children that the queue has lost: no event will wake it any more.
    const forsaken = run.idle && state === 'waiting-children';
    if (isAlive(state) && !forsaken) continue;
    const ticket = await ticketForRun(db, run.id, run.job_id);
    if (ticket === undefined) continue;
    await addRunJob(queues, ticket);
    if (forsaken && run.job_id !== null) await queues.runs.remove(run.job_id, { removeChildren: false });
    found.runs += 1;
  }
  for (const stream of work.streams) {
    if (isAlive(await stateOf(queues.streams, stream.job_id))) continue;
    const ticket = await ticketForStream(db, stream.run_id, stream.stream, stream.job_id);
    if (ticket === undefined) continue;
    await addStreamJob(queues, ticket);
    found.streams += 1;
  }
  if (found.runs + found.streams > 0) logger.warn(found, 'work without a job was put back into the queue');
  return found;
}

async function stateOf(queue: SluiceQueue, jobId: string | null): Promise<string> {
  return jobId === null ? 'unknown' : queue.getJobState(jobId);
}

/** A job that is finished in the queue stands for nothing any more: had it done its part, Postgres would say so. */
function isAlive(state: string): boolean {
  return state !== 'unknown' && state !== 'completed' && state !== 'failed';
}
