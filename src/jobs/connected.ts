/** The queues when they are in use: this file and what it imports loads BullMQ. */
import { setMaxListeners } from 'node:events';
import { connectQueues, queueUnreachable } from './backend.ts';
import { afterCancel } from './cancel.ts';
import type { JobContext } from './context.ts';
import { within } from './deadline.ts';
import { askForRun } from './enqueue.ts';
import type { Jobs, JobsOptions } from './index.ts';
import { openQueues, queueNames, type SluiceQueue } from './queues.ts';
import { reconcile } from './reconcile.ts';
import { startSchedules } from './schedules.ts';
import { createReleaser, releaseEach, sweepEvents } from './webhook-release.ts';
import { startWorkers } from './workers.ts';

/** A probe waits for this answer; in milliseconds. */
const DEPTHS_MS = 1_500;

/** Connects to the queues. */
export function connectJobs(options: JobsOptions): Jobs {
  const { db, logger, now } = options;
  const onError = (error: Error): void => logger.warn({ err: error }, 'queue connection');
  const connection = connectQueues({
    redis: options.redis,
    postgresUrl: options.queueUrl,
    workers: options.workers,
    onError,
    onWarning: (message, details) => logger.warn(details, message),
  });
  const queues = openQueues(connection, onError);
  const { tracing } = options;
  const enqueue = { db, connection, queues, logger, ...(tracing === undefined ? {} : { tracing }) };
  const releaser = createReleaser(enqueue);

  return {
    askForRun: (request, recorded) => askForRun(enqueue, request, recorded),
    async startWorkers(given) {
      const shutdown = new AbortController();
      // Every stream that this process works on listens to it.
      setMaxListeners(0, shutdown.signal);
      const context: JobContext = {
        ...enqueue,
        now,
        runs: given.runs,
        sync: given.sync,
        webhooks: given.webhooks,
        registration: given.registration,
        shutdown: shutdown.signal,
        ...(given.onJob === undefined ? {} : { onJob: given.onJob }),
        ...(given.onJobStart === undefined ? {} : { onJobStart: given.onJobStart }),
        ...(given.onCanary === undefined ? {} : { onCanary: given.onCanary }),
        ...(given.onHistoryDeleted === undefined ? {} : { onHistoryDeleted: given.onHistoryDeleted }),
      };
      const { concurrency, sweepTokens, upkeepGrants, reconcileEveryMs } = given;
      const workers = await startWorkers(connection, context, {
        concurrency,
        sweepTokens,
        upkeepGrants,
        reconcileEveryMs,
        onError,
      });
      const schedules = given.schedules
        ? startSchedules({ ...enqueue, now, schedulesOf: given.schedulesOf })
        : undefined;
      return {
        async stop(graceMs) {
          // The workers first: a job that is given back must not be taken again by this process.
          const stopped = workers.stop(graceMs);
          shutdown.abort();
          await Promise.all([schedules?.stop(), stopped]);
        },
      };
    },
    afterCancel: (cancelled) => afterCancel(enqueue, cancelled),
    reconcile: () => reconcile({ db, queues, logger }),
    webhooksStored: (connectionId) => releaser.release(connectionId),
    releaseWebhooks: (connectionIds) => releaseEach(enqueue, connectionIds),
    sweepWebhooks: () => sweepEvents(enqueue, 0),
    async depths() {
      const counting = connection
        .ready()
        .then(() =>
          Promise.all(queueNames.map(async (queue) => ({ queue, ...(await counted(queues[queue])) }))),
        );
      const counts = await within(DEPTHS_MS, counting).catch((error: unknown) => {
        throw queueUnreachable(error);
      });
      return counts.flatMap(({ queue, ...states }) =>
        Object.entries(states).map(([state, jobs]) => ({ queue, state, jobs })),
      );
    },
    poolUse: () => connection.poolUse(),
    async loadBoard() {
      const { attachBoard } = await import('./board.ts');
      return (adapter, board) => attachBoard(queues, adapter, board);
    },
    async close() {
      await releaser.close();
      await queues.close();
      await connection.close();
    },
  };
}

async function counted(
  queue: SluiceQueue,
): Promise<{ waiting: number; active: number; delayed: number; failed: number }> {
  const counts = await queue.getJobCounts('wait', 'prioritized', 'active', 'delayed', 'failed');
  return {
    waiting: (counts.wait ?? 0) + (counts.prioritized ?? 0),
    active: counts.active ?? 0,
    delayed: counts.delayed ?? 0,
    failed: counts.failed ?? 0,
  };
}
