/** The public module of the queues: everything above asks here and never sees BullMQ. */
import { setMaxListeners } from 'node:events';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import type { Db } from '../store/db.ts';
import type { RunRequest } from '../store/runs.ts';
import type { RunContext } from '../sync/run.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { PoolUse, QueueDepth } from '../telemetry/gauges.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { RedisSettings } from '../store/redis.ts';
import type { WebhookContext } from '../webhooks/context.ts';
import type { RegistrationContext } from '../webhooks/endpoints.ts';
import { connectQueues, queueUnreachable } from './backend.ts';
import { afterCancel, type CancelledJobs } from './cancel.ts';
import type { JobContext } from './context.ts';
import { within } from './deadline.ts';
import { askForRun } from './enqueue.ts';
import { openQueues, queueNames, type SluiceQueue } from './queues.ts';
import { reconcile, type Reconciled } from './reconcile.ts';
import { startSchedules, type ScheduleContext } from './schedules.ts';
import { createReleaser, releaseEach, sweepEvents } from './webhook-release.ts';
import { startWorkers } from './workers.ts';

export { migrateQueues } from './backend.ts';
export { assertQueueSchema } from './queue-schema.ts';

/** A probe waits for this answer; in milliseconds. */
const DEPTHS_MS = 1_500;

export interface JobsOptions {
  readonly db: Db;
  /** undefined: the queues live on Postgres */
  readonly redis?: RedisSettings | undefined;
  /** a direct connection: LISTEN doesn't pass through a pooler */
  readonly queueUrl: string;
  /** whether this process will run workers, which take more connections */
  readonly workers: boolean;
  readonly logger: Logger;
  /** [none] */
  readonly tracing?: Tracing;
  readonly now: () => number;
}

export interface WorkersOptions {
  readonly concurrency: number;
  readonly runs: RunContext;
  readonly sync: SyncContext;
  readonly webhooks: WebhookContext;
  readonly registration: RegistrationContext;
  readonly schedulesOf: ScheduleContext['schedulesOf'];
  readonly sweepTokens: () => Promise<unknown>;
  readonly upkeepGrants: () => Promise<unknown>;
  readonly onJob?: JobContext['onJob'];
  readonly onJobStart?: JobContext['onJobStart'];
  readonly onCanary?: JobContext['onCanary'];
  readonly onHistoryDeleted?: JobContext['onHistoryDeleted'];
  /** false for a process that only lends a hand, such as `sync --wait` */
  readonly schedules: boolean;
  /** milliseconds between two comparisons of runs and queue [30,000] */
  readonly reconcileEveryMs?: number | undefined;
}

export interface RunningWorkers {
  /** Takes no new job, gives back what it holds at the next safe point, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface Jobs {
  /**
   * Asks for a run, or joins one that has not begun. Returns the id of the run to follow, within seconds also where
   * the queue doesn't answer: the run is recorded then, and begins when the queue is back.
   */
  askForRun(request: RunRequest): Promise<string>;
  /** @throws SluiceError `queue_unreachable` (transient) within seconds */
  startWorkers(options: WorkersOptions): Promise<RunningWorkers>;
  /** Takes the jobs of cancelled streams out of the queue, so that nothing waits for them, and begins the next run. */
  afterCancel(cancelled: CancelledJobs): Promise<void>;
  /** Puts back what Postgres says is running and the queue doesn't know. */
  reconcile(): Promise<Reconciled>;
  /**
   * Something new stands in the inbox of a connection: gives it its jobs, soon. Returns at once and never fails; what
   * can't be added now is found by a worker's sweep.
   */
  webhooksStored(connectionId: string): void;
  /** The same for events that are to be applied again; waits until it is done, and never fails. */
  releaseWebhooks(connectionIds: readonly string[]): Promise<void>;
  /** Gives jobs to all that the inbox holds and the queue doesn't know. Returns how many. */
  sweepWebhooks(): Promise<number>;
  /** @throws SluiceError `queue_unreachable` (transient) within two seconds */
  depths(): Promise<QueueDepth[]>;
  /** The pool of the queues, where they live on Postgres. */
  poolUse(): Omit<PoolUse, 'pool'> | undefined;
  /** Loads Bull Board, which only a web process needs; what it returns puts the queues onto an adapter. */
  loadBoard(): Promise<(adapter: IServerAdapter, options: { readonly readOnly: boolean }) => void>;
  close(): Promise<void>;
}

export function openJobs(options: JobsOptions): Jobs {
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
    askForRun: (request) => askForRun(enqueue, request),
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
