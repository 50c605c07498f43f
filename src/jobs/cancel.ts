/** What a cancelled run leaves in the queue. A queue that doesn't answer only delays it: the reconciler looks too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { queueUnreachable } from './backend.ts';
import { within } from './deadline.ts';
import { enqueueRun, type EnqueueContext } from './enqueue.ts';
import type { SluiceQueue } from './queues.ts';

/** For all of them, in milliseconds. */
const REMOVE_MS = 5_000;
/** A job that a worker holds is looked at again after this, in milliseconds. */
const HELD_MS = 50;

export interface CancelledJobs {
  /** of streams that are cancelled */
  readonly streamJobs: readonly string[];
  /** the queued run that became active and needs a job */
  readonly promoted: string | undefined;
}

/**
 * Takes the streams' jobs out of the queue: a delayed one would otherwise keep its run's job waiting until its time.
 * A worker may hold one for a moment yet: it has written down that the stream waits, and puts the job off next.
 */
export async function afterCancel(
  context: EnqueueContext,
  { streamJobs, promoted }: CancelledJobs,
): Promise<void> {
  const over = AbortSignal.timeout(REMOVE_MS);
  try {
    const remove = async (): Promise<void> => {
      await context.connection.ready();
      for (const job of streamJobs)
        while (!over.aborted && !(await removed(context.queues.streams, job))) await sleep(HELD_MS);
    };
    await within(REMOVE_MS, remove());
  } catch (error) {
    context.logger.warn({ err: queueUnreachable(error) }, 'cancelled jobs are still in the queue');
  }
  if (promoted !== undefined) await enqueueRun(context, promoted);
}

/** False while a worker holds the job. */
async function removed(queue: SluiceQueue, job: string): Promise<boolean> {
  return (await queue.remove(job)) > 0 || (await queue.getJobState(job)) === 'unknown';
}
