/**
 * The workers of one process: they take jobs until they are told to stop, and then give back what they hold. A
 * worker that dies is noticed by the others within the lock's life.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type Job, type JobProgress, type Processor } from 'bullmq';
import {
  queueUnreachable,
  type Backend,
  type BackendConnection,
  type QueueConnection,
  type WorkerConnection,
} from './backend.ts';
import type { JobContext } from './context.ts';
import { within } from './deadline.ts';
import { startedLate } from './due.ts';
import { processMaintenance } from './maintenance-job.ts';
import type { JobData, QueueName, RunJobData, StreamJobData, WebhookJobData } from './queues.ts';
import { logAbout } from '../telemetry/log-context.ts';
import { noTracing, type TraceSubject } from '../telemetry/tracing.ts';
import { startReconciler } from './reconciler.ts';
import { processRun } from './run-job.ts';
import { processStream } from './stream-job.ts';
import { processWebhook } from './webhook-job.ts';

/** A dead worker's jobs start again when their lock has run out and the next look has noticed; in milliseconds. */
const LOCK_MS = 10_000;
const LOOK_FOR_DEAD_MS = 5_000;
/** Pause before the next attempt to fetch a job where the server is away, in milliseconds. */
const RETRY_MS = 1_000;
/** Tasks that may take a while, and room for the canary beside them. */
const MAINTENANCE_AT_ONCE = 4;
/** How long workers may take to reach the queue's server, in milliseconds. */
const START_MS = 10_000;
/** How long their connections may take to be cut, in milliseconds. */
const LET_GO_MS = 1_000;

export interface WorkerOptions {
  /** stream jobs that this process works on at once */
  readonly concurrency: number;
  readonly sweepTokens: () => Promise<unknown>;
  readonly upkeepGrants: () => Promise<unknown>;
  /** milliseconds between two looks of the reconciler [30,000] */
  readonly reconcileEveryMs?: number | undefined;
  readonly onError: (error: Error) => void;
}

export interface Workers {
  /** Waits up to `graceMs` for jobs to come to a stop; what is left then is redelivered by its lock's end. */
  stop(graceMs: number): Promise<void>;
}

type AnyWorker = Worker<JobData, void, string, Backend, JobProgress, BackendConnection>;
type AnyJob = Job<JobData, void>;

export async function startWorkers(
  connection: QueueConnection,
  context: JobContext,
  options: WorkerOptions,
): Promise<Workers> {
  const link = connection.openWorkers();
  const { sweepTokens, upkeepGrants } = options;
  const maintenance = { ...context, sweepTokens, upkeepGrants };
  const start = (name: QueueName, concurrency: number, process: Processor<JobData, void>) => {
    const worker: AnyWorker = new Worker(
      name,
      measured(context, name, process),
      {
        connection: link.connection,
        prefix: connection.prefix,
        concurrency,
        runRetryDelay: RETRY_MS,
        lockDuration: LOCK_MS,
        stalledInterval: LOOK_FOR_DEAD_MS,
        // Stalls come from killed processes; a stream that kills its workers is ended by a counter of our own.
        maxStalledCount: 1_000,
        name: context.sync.owner,
      },
      connection.factory,
    );
    worker.on('error', options.onError);
    return worker;
  };
  const workers = [
    start('runs', options.concurrency, (job, token) =>
      processRun(context, job as Job<RunJobData>, token ?? ''),
    ),
    start('streams', options.concurrency, (job, token) =>
      processStream(context, job as Job<StreamJobData>, token ?? ''),
    ),
    start('webhooks', options.concurrency, (job, token) =>
      processWebhook(context, job as Job<WebhookJobData>, token ?? ''),
    ),
    start('maintenance', MAINTENANCE_AT_ONCE, (job) => processMaintenance(maintenance, job)),
  ];
  try {
    await within(START_MS, Promise.all(workers.map((worker) => worker.waitUntilReady())));
  } catch (error) {
    await letGo(workers, link);
    throw queueUnreachable(error);
  }
  const reconciler = await startReconciler(context, options.reconcileEveryMs);
  return {
    async stop(graceMs) {
      const closing = Promise.all([reconciler.stop(), ...workers.map((worker) => worker.close())]);
      const limit = new AbortController();
      const late = sleep(graceMs, 'late', { signal: limit.signal }).catch(() => undefined);
      const outcome = await Promise.race([closing, late]);
      limit.abort();
      if (outcome === 'late') await letGo(workers, link);
      else await link.close();
    },
  };
}

/** Cuts the connections of workers that don't come to an end: the server doesn't answer, or a job doesn't stop. */
async function letGo(workers: readonly AnyWorker[], link: WorkerConnection): Promise<void> {
  const limit = new AbortController();
  const cut = Promise.allSettled([
    link.close(),
    ...workers.flatMap((worker) => [worker.close(true), worker.disconnect()]),
  ]);
  await Promise.race([cut, sleep(LET_GO_MS, undefined, { signal: limit.signal }).catch(() => undefined)]);
  limit.abort();
}

/** Control-flow errors of the queue are no failures: they are how a job waits. */
const waits: ReadonlySet<string> = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError']);

function measured(
  context: JobContext,
  queue: string,
  process: Processor<JobData, void>,
): Processor<JobData, void> {
  const carryOut = async (job: AnyJob, token: string | undefined): Promise<void> => {
    const started = performance.now();
    // Later starts follow a wait that was meant.
    if (job.attemptsStarted === 1) context.onJobStart?.(queue, startedLate(job));
    context.logger.debug('job began');
    const report = (outcome: string): void => {
      const ms = performance.now() - started;
      context.onJob?.(queue, outcome, ms / 1000);
      context.logger.debug({ outcome, ms: Math.round(ms) }, 'job ended');
    };
    try {
      await process(job, token);
      report('done');
    } catch (error) {
      const waiting = isWait(error);
      report(waiting ? 'waiting' : 'error');
      if (!waiting) context.logger.error({ err: error }, 'job could not be carried out');
      throw error;
    }
  };
  return (job: AnyJob, token) =>
    logAbout({ queue, jobId: job.id, ...job.data }, () =>
      traced(context, queue, job, () => carryOut(job, token)),
    );
}

function isWait(error: unknown): boolean {
  return error instanceof Error && waits.has(error.constructor.name);
}

/** One span a delivery, in the trace of what the job is about. */
function traced(
  { tracing = noTracing }: JobContext,
  queue: string,
  job: AnyJob,
  work: () => Promise<void>,
): Promise<void> {
  // every half minute, for nothing that could be looked at
  if (job.name === 'canary') return work();
  const { data } = job;
  const subject: TraceSubject | undefined =
    'runId' in data ? { run: data.runId } : 'eventId' in data ? { event: data.eventId } : undefined;
  return tracing.span(
    {
      name: `${queue} job`,
      kind: 'consumer',
      ...(subject === undefined ? {} : { of: subject }),
      attributes: {
        'sluice.queue': queue,
        'sluice.job.id': job.id,
        'sluice.job.name': job.name,
        'sluice.job.start': job.attemptsStarted,
        'sluice.run.id': 'runId' in data ? data.runId : undefined,
        'sluice.stream': 'stream' in data ? data.stream : undefined,
        'sluice.event.id': 'eventId' in data ? data.eventId : undefined,
      },
      expects: isWait,
    },
    work,
  );
}
