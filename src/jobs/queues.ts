/**
 * The queues, by kind of work and not by tenant. Job data holds ids only: whoever can read the queue learns
 * nothing, and whatever matters is read from Postgres when the job runs.
 */
import { Queue, type JobsOptions } from 'bullmq';
import type { EventTicket } from '../store/inbox-jobs.ts';
import type { RunTicket, StreamTicket } from '../store/run-tickets.ts';
import type { Backend, BackendConnection, QueueConnection } from './backend.ts';

export const queueNames = ['runs', 'streams', 'webhooks', 'maintenance'] as const;
export type QueueName = (typeof queueNames)[number];

export interface RunJobData {
  readonly runId: string;
}
export interface StreamJobData {
  readonly runId: string;
  readonly stream: string;
}
export interface WebhookJobData {
  readonly eventId: string;
}

export type JobData = RunJobData | StreamJobData | WebhookJobData;
export type SluiceQueue = Queue<JobData, void, string, JobData, void, string, Backend, BackendConnection>;
export type Queues = Readonly<Record<QueueName, SluiceQueue>>;

/**
 * A processor throws only for what it couldn't write down, such as a database that is away: the outcome of the
 * work itself is in Postgres. So these attempts have nothing to do with the connection's own.
 */
const infrastructure: JobsOptions = {
  attempts: 30,
  backoff: { type: 'exponential', delay: 500, jitter: 1 },
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 7 * 86_400, count: 1_000 },
};

export function openQueues(
  connection: QueueConnection,
  onError: (error: Error) => void,
): Queues & { close(): Promise<void> } {
  const open = (name: QueueName): SluiceQueue => {
    const queue: SluiceQueue = new Queue(
      name,
      {
        connection: connection.queues,
        prefix: connection.prefix,
        defaultJobOptions: infrastructure,
        // A queue that once waited in vain for its server would be lost for this process; whoever asks waits instead.
        skipWaitingForReady: true,
        skipVersionCheck: true,
      },
      connection.factory,
    );
    queue.on('error', onError);
    return queue;
  };
  const queues = {
    runs: open('runs'),
    streams: open('streams'),
    webhooks: open('webhooks'),
    maintenance: open('maintenance'),
  };
  return {
    ...queues,
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
    },
  };
}

export async function addRunJob(queues: Queues, ticket: RunTicket): Promise<void> {
  await queues.runs.add('run', { runId: ticket.runId }, { jobId: ticket.jobId, priority: ticket.priority });
}

/**
 * Adds a stream's job as a child of its run's. `ignoreDependencyOnFailure` lets the run go on whatever becomes of
 * the child. Where the run's job is gone from the queue the child is added alone; the run finds it in Postgres.
 */
export async function addStreamJob(queues: Queues, ticket: StreamTicket): Promise<void> {
  const data = { runId: ticket.runId, stream: ticket.stream };
  const options: JobsOptions = { jobId: ticket.jobId, priority: ticket.priority };
  const parent = { id: ticket.parentJobId, queue: queues.runs.qualifiedName };
  try {
    await queues.streams.add('stream', data, { ...options, parent, ignoreDependencyOnFailure: true });
  } catch (error) {
    if (!isMissingParent(error)) throw error;
    await queues.streams.add('stream', data, options);
  }
}

/** Adds the jobs of events, all with one request to the queue's server. */
export async function addWebhookJobs(queues: Queues, tickets: readonly EventTicket[]): Promise<void> {
  if (tickets.length === 0) return;
  await queues.webhooks.addBulk(
    tickets.map(({ eventId, jobId }) => ({ name: 'webhook', data: { eventId }, opts: { jobId } })),
  );
}

function isMissingParent(error: unknown): boolean {
  return error instanceof Error && /missing key for parent/i.test(error.message);
}
