/** The `stream` job: one delivery of one stream of a run. What the engine answers becomes what the queue does. */
import { DelayedError, WaitingError, type Job } from 'bullmq';
import { loadRun, releaseStreams, resumeStream, type ReleaseRules } from '../store/runs.ts';
import { streamStanding } from '../store/run-streams.ts';
import { releaseRules } from '../sync/run.ts';
import { syncStream } from '../sync/stream-sync.ts';
import { nameInLog } from '../telemetry/log-context.ts';
import type { JobContext } from './context.ts';
import { addStreamJob, type StreamJobData } from './queues.ts';

/** A stream whose wait is over finds its connection's slots taken: it looks again after this, in milliseconds. */
const SLOT_RETRY_MS = 1_000;

export async function processStream(
  context: JobContext,
  job: Job<StreamJobData>,
  token: string,
): Promise<void> {
  const { runId, stream } = job.data;
  const jobId = job.id ?? '';
  const later = async (at: number): Promise<never> => {
    await job.moveToDelayed(at, token);
    throw new DelayedError();
  };
  const rules = await rulesOf(context, runId);
  const standing = await streamStanding(context.db, runId, stream, jobId);
  if (rules !== undefined && standing?.status === 'waiting') {
    // A worker that died before it could delay the job, or a queue that was lost, must not cut the wait short.
    const until = standing.waitUntil?.getTime() ?? 0;
    if (until > context.now()) return later(until);
    if (!(await resumeStream(context.db, runId, stream, jobId, rules.concurrency)))
      return later(context.now() + SLOT_RETRY_MS);
  }
  const result = await syncStream(context.sync, { runId, stream, jobId, shutdown: context.shutdown });
  switch (result.outcome) {
    case 'returned':
      await job.moveToWait(token);
      throw new WaitingError();
    case 'wait':
      await releaseNext(context, runId, rules);
      return later(result.until);
    case 'done':
      await releaseNext(context, runId, rules);
  }
}

/**
 * Of whatever takes a slot over from a stream of its own run. A run that somebody waits for begins ahead of others;
 * did its whole backlog go ahead too, it would keep them from the slots until its end.
 */
const NEXT_PRIORITY = 10;

/** A stream that ends or waits makes room for the connection's next one. */
async function releaseNext(
  context: JobContext,
  runId: string,
  rules: ReleaseRules | undefined,
): Promise<void> {
  if (rules === undefined) return;
  const { tickets } = await releaseStreams(context.db, runId, rules);
  for (const ticket of tickets)
    await addStreamJob(context.queues, {
      ...ticket,
      priority: Math.max(ticket.priority, NEXT_PRIORITY),
    });
}

async function rulesOf(context: JobContext, runId: string): Promise<ReleaseRules | undefined> {
  const run = await loadRun(context.db, runId);
  if (run === undefined || run.slot !== 'active') return undefined;
  nameInLog({ connection: run.connection_id });
  try {
    return releaseRules(await context.sync.loadConnection(run.connection_id, { requireUsable: false }));
  } catch {
    // The engine meets the same error and writes it down.
    return undefined;
  }
}
