/**
 * From the inbox to the queue: as many events of a connection as it has slots, when something arrives, when one ends, and
 * in a sweep for what a crash or an emptied queue has left behind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openEvents, releaseEvents, ticketForEvent, type EventTicket } from '../store/inbox-jobs.ts';
import { queueUnreachable } from './backend.ts';
import { within } from './deadline.ts';
import type { EnqueueContext } from './enqueue.ts';
import { addWebhookJobs } from './queues.ts';
import { GRACE_SECONDS } from './reconcile.ts';

/** For the jobs of one release, in milliseconds. */
const ENQUEUE_MS = 5_000;
/** After a release that failed: the next one would fail too, and a sweep comes anyway; in milliseconds. */
const PAUSE_MS = 1_000;
/**
 * After a look that found no event to release, in milliseconds: the slots are taken, and whoever gives one back looks
 * himself. Under load a look for each commit would cost as much as the commits.
 */
const FULL_MS = 100;

/** Gives a connection's free slots to its oldest events. Returns how many. */
export async function releaseWebhooks(context: EnqueueContext, connectionId: string): Promise<number> {
  const tickets = await releaseEvents(context.db, connectionId);
  await addSoon(context, tickets);
  return tickets.length;
}

async function addSoon(context: EnqueueContext, tickets: readonly EventTicket[]): Promise<void> {
  if (tickets.length === 0) return;
  await within(
    ENQUEUE_MS,
    context.connection.ready().then(() => addWebhookJobs(context.queues, tickets)),
  );
}

/** The same for several connections; what can't be added now is found by a sweep. */
export async function releaseEach(context: EnqueueContext, connectionIds: readonly string[]): Promise<void> {
  try {
    for (const connectionId of connectionIds) await releaseWebhooks(context, connectionId);
  } catch (error) {
    context.logger.warn({ err: queueUnreachable(error) }, NOT_QUEUED);
  }
}

const NOT_QUEUED = 'webhooks are stored, but could not be put into the queue: a sweep does that later';

export interface Releaser {
  release(connectionId: string): void;
  close(): Promise<void>;
}

/**
 * One release of a connection at a time. What arrives while one is under way is seen by the next, which begins after
 * it: a burst of messages costs a few looks, and none is overlooked.
 */
export function createReleaser(context: EnqueueContext): Releaser {
  const underWay = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const stopped = new AbortController();

  async function releaseAll(connectionId: string): Promise<void> {
    do {
      again.delete(connectionId);
      const pauseMs = await releaseWebhooks(context, connectionId).then(
        (released) => (released === 0 ? FULL_MS : 0),
        (error: unknown) => {
          context.logger.warn({ err: queueUnreachable(error), connection: connectionId }, NOT_QUEUED);
          return PAUSE_MS;
        },
      );
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    } while (again.has(connectionId) && !stopped.signal.aborted);
  }

  return {
    release(connectionId) {
      if (stopped.signal.aborted) return;
      if (underWay.has(connectionId)) {
        again.add(connectionId);
        return;
      }
      const done = releaseAll(connectionId).finally(() => underWay.delete(connectionId));
      underWay.set(connectionId, done);
    },
    async close() {
      stopped.abort();
      await Promise.all(underWay.values());
    },
  };
}

/** Puts back what should have a job and has none. Returns the number of events and backlogs that were found. */
export async function sweepEvents(
  context: EnqueueContext,
  graceSeconds: number = GRACE_SECONDS,
): Promise<number> {
  const { db, queues } = context;
  const open = await openEvents(db, graceSeconds);
  const tickets: EventTicket[] = [];
  for (const event of open.events) {
    const state = event.jobId === null ? 'unknown' : await queues.webhooks.getJobState(event.jobId);
    if (state !== 'unknown' && state !== 'completed' && state !== 'failed') continue;
    const ticket = await ticketForEvent(db, event.id, event.jobId);
    if (ticket !== undefined) tickets.push(ticket);
  }
  await addSoon(context, tickets);
  for (const connectionId of open.connections) await releaseWebhooks(context, connectionId);
  if (tickets.length > 0)
    context.logger.warn({ events: tickets.length }, 'webhooks without a job were put back into the queue');
  return tickets.length + open.connections.length;
}
