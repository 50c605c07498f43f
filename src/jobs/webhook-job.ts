/** The `webhook` job: one delivery of one event. What the engine answers becomes what the queue does. */
import { DelayedError, WaitingError, type Job } from 'bullmq';
import { eventStanding, resumeEvent } from '../store/inbox-jobs.ts';
import { processEvent } from '../webhooks/process.ts';
import { nameInLog } from '../telemetry/log-context.ts';
import type { JobContext } from './context.ts';
import { enqueueRun } from './enqueue.ts';
import type { WebhookJobData } from './queues.ts';
import { releaseWebhooks } from './webhook-release.ts';

/** An event whose wait is over finds its connection's slots taken: it looks again after this, in milliseconds. */
const SLOT_RETRY_MS = 1_000;

export async function processWebhook(
  context: JobContext,
  job: Job<WebhookJobData>,
  token: string,
): Promise<void> {
  const { eventId } = job.data;
  const jobId = job.id ?? '';
  const later = async (at: number): Promise<never> => {
    await job.moveToDelayed(at, token);
    throw new DelayedError();
  };
  const event = await eventStanding(context.db, eventId, jobId);
  if (event === undefined) return;
  nameInLog({ connection: event.connection_id });
  if (event.status === 'waiting') {
    // A worker that died before it could delay the job, or a queue that was lost, must not cut the wait short.
    const until = event.wait_until?.getTime() ?? 0;
    if (until > context.now()) return later(until);
    if (!(await resumeEvent(context.db, event, jobId))) return later(context.now() + SLOT_RETRY_MS);
  }
  const result = await processEvent(context.webhooks, { eventId, jobId, shutdown: context.shutdown });
  switch (result.outcome) {
    case 'returned':
      await job.moveToWait(token);
      throw new WaitingError();
    case 'wait':
      await releaseNext(context, event.connection_id);
      return later(result.until);
    case 'done':
      await releaseNext(context, event.connection_id);
      if (result.run !== undefined) await enqueueRun(context, result.run);
  }
}

/** What the event did is committed: a queue that doesn't take the next one's job must not repeat this one. */
async function releaseNext(context: JobContext, connectionId: string): Promise<void> {
  try {
    await releaseWebhooks(context, connectionId);
  } catch (error) {
    context.logger.warn({ err: error, connection: connectionId }, 'the next webhooks wait for a sweep');
  }
}
