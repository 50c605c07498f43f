/**
 * From Postgres to the queue: a run that is active gets its job, and one that was asked for begins. A queue that
 * doesn't answer delays a run and loses none: it is in Postgres, and the reconciler brings it into the queue.
 */
import type { Db } from '../store/db.ts';
import { ticketForRun } from '../store/run-tickets.ts';
import { requestRun, type RunRequest } from '../store/runs.ts';
import type { Logger } from '../telemetry/logger.ts';
import { noTracing, type Tracing } from '../telemetry/tracing.ts';
import { queueUnreachable, type QueueConnection } from './backend.ts';
import { within } from './deadline.ts';
import { addRunJob, type Queues } from './queues.ts';

/** For one job, in milliseconds. */
const ENQUEUE_MS = 5_000;

export interface EnqueueContext {
  readonly db: Db;
  readonly connection: Pick<QueueConnection, 'ready'>;
  readonly queues: Queues;
  readonly logger: Logger;
  /** [none] */
  readonly tracing?: Tracing;
}

/** Puts a run into the queue within a few seconds. False where the queue didn't answer; the run comes later. */
export async function enqueueRun(context: EnqueueContext, runId: string): Promise<boolean> {
  const ticket = await ticketForRun(context.db, runId);
  if (ticket === undefined) return true;
  try {
    await (context.tracing ?? noTracing).span(
      { name: 'run enqueue', kind: 'producer', of: { run: runId }, attributes: { 'sluice.run.id': runId } },
      () =>
        within(
          ENQUEUE_MS,
          context.connection.ready().then(() => addRunJob(context.queues, ticket)),
        ),
    );
    return true;
  } catch (error) {
    context.logger.warn(
      { err: queueUnreachable(error), runId },
      'the run is recorded, but the queue does not answer: it begins when the queue is back',
    );
    return false;
  }
}

/**
 * Asks for a run and puts it into the queue unless one is active. Returns the id of the run to follow, within a
 * bounded time also where the queue is away. `recorded` is awaited in between: a worker that is idle would begin the
 * run before somebody who asks afterwards has seen it queued.
 */
export async function askForRun(
  context: EnqueueContext,
  request: RunRequest,
  recorded?: (runId: string) => Promise<void>,
): Promise<string> {
  const { runId, enqueue } = await requestRun(context.db, request);
  await recorded?.(runId);
  if (enqueue) await enqueueRun(context, runId);
  return runId;
}
