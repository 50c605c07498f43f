/**
 * The public module of the queues: everything above asks here and never sees BullMQ. It is loaded when there is
 * something to do with a queue, since most commands have nothing to do with one and would wait for it longest.
 */
import type { IServerAdapter } from '@bull-board/api/typings/app';
import type pg from 'pg';
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
import type { CancelledJobs } from './cancel.ts';
import type { JobContext } from './context.ts';
import type { Reconciled } from './reconcile.ts';
import type { ScheduleContext } from './schedules.ts';

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
   * the queue doesn't answer: the run is recorded then, and begins when the queue is back. `recorded` is awaited before
   * a worker can hear of it, for who shows the run as it was asked for.
   */
  askForRun(request: RunRequest, recorded?: (runId: string) => Promise<void>): Promise<string>;
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

/** Connects at once, for a process that stays: what is wrong with the queue's server is said at its start. */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { connectJobs } = await import('./connected.ts');
  return connectJobs(options);
}

/** Connects when it is asked for something first. */
export function openJobsLater(options: JobsOptions): Jobs {
  let opening: Promise<Jobs> | undefined;
  let opened: Jobs | undefined;
  const jobs = (): Promise<Jobs> => (opening ??= openJobs(options).then((connected) => (opened = connected)));
  return {
    askForRun: async (request, recorded) => (await jobs()).askForRun(request, recorded),
    startWorkers: async (given) => (await jobs()).startWorkers(given),
    afterCancel: async (cancelled) => (await jobs()).afterCancel(cancelled),
    reconcile: async () => (await jobs()).reconcile(),
    webhooksStored: (connectionId) =>
      void jobs().then(
        (connected) => connected.webhooksStored(connectionId),
        () => undefined,
      ),
    releaseWebhooks: async (connectionIds) => (await jobs()).releaseWebhooks(connectionIds),
    sweepWebhooks: async () => (await jobs()).sweepWebhooks(),
    depths: async () => (await jobs()).depths(),
    poolUse: () => opened?.poolUse(),
    loadBoard: async () => (await jobs()).loadBoard(),
    close: async () => (await opening)?.close(),
  };
}

/** Brings the queue's own schema up. Runs inside `sluice migrate`, under its lock. */
export async function migrateQueues(client: pg.Client): Promise<void> {
  const backend = await import('./backend.ts');
  await backend.migrateQueues(client);
}

/** Reads, and changes nothing. @throws SluiceError `schema_outdated` (config) where `sluice migrate` is missing */
export async function assertQueueSchema(pool: pg.Pool): Promise<void> {
  const schema = await import('./queue-schema.ts');
  await schema.assertQueueSchema(pool);
}
