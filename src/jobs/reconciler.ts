/**
 * Reconciles again and again in every process that works. By a timer of its own and not by a job: it must not
 * depend on the queue that it heals, which may have been emptied, its timetable included.
 */
import { tryLocked } from '../store/try-lock.ts';
import { queueUnreachable } from './backend.ts';
import type { JobContext } from './context.ts';
import { scheduleMaintenance } from './maintenance-job.ts';
import { reconcile } from './reconcile.ts';
import { sweepEvents } from './webhook-release.ts';

/**
 * From the end of one look to the next, in milliseconds. What a queue has lost is back within this and the grace for
 * work that is on its way: well under a minute.
 */
export const RECONCILE_EVERY_MS = 30_000;
/** After a look that failed, since the server may be back at any moment; in milliseconds. */
const TRY_AGAIN_MS = 5_000;

export interface Reconciler {
  /** Waits for the look that is under way. */
  stop(): Promise<void>;
}

/** Looks at once, and returns when that is done; then every `everyMs` [30,000] until it is stopped. */
export async function startReconciler(
  context: JobContext,
  everyMs = RECONCILE_EVERY_MS,
): Promise<Reconciler> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    let pause = everyMs;
    try {
      await context.connection.ready();
      await tryLocked(context.db, 'reconcile', async () => {
        await scheduleMaintenance(context.queues.maintenance);
        await reconcile(context);
        await sweepEvents(context);
      });
    } catch (error) {
      pause = Math.min(everyMs, TRY_AGAIN_MS);
      if (!stopped)
        context.logger.warn({ err: queueUnreachable(error) }, 'runs and queue could not be compared');
    }
    if (!stopped) timer = setTimeout(() => void (looking = look()), pause);
  };
  looking = look();
  await looking;
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
