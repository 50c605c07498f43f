/** The `run` job: a step job that releases a run's streams as its children, sleeps until they end, and closes it. */
import { DelayedError, WaitingChildrenError, type Job } from 'bullmq';
import { advanceRun } from '../sync/run.ts';
import type { JobContext } from './context.ts';
import { addStreamJob, type RunJobData } from './queues.ts';
import { enqueueRun } from './enqueue.ts';

/** How soon a run looks again when its streams have jobs that aren't children of this one, in milliseconds. */
const LOOK_AGAIN_MS = 1_000;

export async function processRun(context: JobContext, job: Job<RunJobData>, token: string): Promise<void> {
  for (;;) {
    const step = await advanceRun(context.runs, job.data.runId, job.id ?? '');
    if (step.step === 'ended') {
      if (step.promoted !== undefined) await enqueueRun(context, step.promoted);
      return;
    }
    for (const ticket of step.tickets) await addStreamJob(context.queues, ticket);
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    if (step.tickets.length > 0) continue;
    // Streams are under way that an earlier job of this run released: no event wakes us when they end.
    await job.moveToDelayed(context.now() + LOOK_AGAIN_MS, token);
    throw new DelayedError();
  }
}
