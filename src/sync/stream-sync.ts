/**
 * One delivery of a stream's job: begin, take the lease, walk the pages, find what vanished, end. Whatever goes
 * wrong becomes an outcome that is written down first and told to the queue second.
 */
import { reportOf, SluiceError, type ErrorReport } from '../errors.ts';
import { nameInLog } from '../telemetry/log-context.ts';
import { decide, stateFor } from '../outbound/retry.ts';
import { noRequests, type RequestCounts } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { parkConnection } from '../store/connections.ts';
import { beginDelivery, endStream, returnStream, streamStanding, waitStream } from '../store/run-streams.ts';
import { forbiddenPauseMs, namingScope } from './circuit.ts';
import { acquireLease, type Lease } from './lease.ts';
import type { Outcome } from './outcome.ts';
import type { StreamJob, SyncContext } from './context.ts';
import { followSignals } from './signals.ts';
import { namesMoment, waitEntry } from './timeline.ts';
import { walkSequence } from './sequence-walk.ts';
import { walk } from './walk.ts';
import { walkWatermark } from './watermark-walk.ts';

const walks = { full: walk, sequence: walkSequence, watermark: walkWatermark } as const;

export async function syncStream(context: SyncContext, job: StreamJob): Promise<Outcome> {
  const { db } = context;
  const delivery = await beginDelivery(db, job.runId, job.stream, job.jobId);
  if (delivery === undefined) return { outcome: 'done' };
  nameInLog({ runId: job.runId, stream: job.stream, connection: delivery.connectionId });
  const counts = noRequests();
  const end = (status: 'failed' | 'cancelled', error: ErrorReport | null): Promise<Outcome> =>
    endStream(db, job.runId, job.stream, status, error, counts).then(() => ({ outcome: 'done' }));

  if (delivery.cancelled) return end('cancelled', null);
  if (delivery.poisoned) {
    const message = `The stream ${job.stream} was started ${delivery.row.starts - 1} times and never came to an end.`;
    return end('failed', new SluiceError('poison', message).report());
  }

  let connection: ResolvedConnection;
  try {
    connection = await context.loadConnection(delivery.connectionId, {
      requireUsable: true,
      // what was asked for before the pause goes on to its end
      evenPaused: true,
    });
  } catch (error) {
    if (error instanceof SluiceError && error.kind !== 'transient') return end('failed', error.report());
    throw error;
  }
  const stream = connection.streams.find((candidate) => candidate.name === job.stream);
  if (stream === undefined) return end('cancelled', null);

  const lease = await acquireLease(db, connection.id, stream.name, job.runId, context.owner);
  if (lease === undefined) {
    const error = new SluiceError('lease_busy', `The stream ${stream.name} is being written by another run.`);
    return fail(context, job, connection, error, counts);
  }
  // Ends the request of the page ahead when the page before it can't be committed.
  const stop = new AbortController();
  const following = followSignals(job.shutdown, lease.lost, stop.signal);
  try {
    // Read again: until the lease was ours, a worker that was thought dead may have committed another page.
    const standing = await streamStanding(db, job.runId, stream.name, job.jobId);
    if (standing === undefined) return { outcome: 'done' };
    const checkpoint = standing.checkpoint;
    const finished = await walks[stream.changes.detect](context, {
      job,
      delivery,
      connection,
      stream,
      lease,
      counts,
      signal: following.signal,
      checkpoint,
    }).finally(() => stop.abort());
    await endStream(db, job.runId, stream.name, finished.status, finished.error, counts, lease);
    return { outcome: 'done' };
  } catch (error) {
    // Whoever holds the lease now goes on with this stream; what we would write down is theirs to say.
    if (lease.lost.aborted || isLeaseLost(error)) return { outcome: 'done' };
    if (job.shutdown.aborted) {
      counts.entries.push(waitEntry({ at: context.now(), error: 'shutdown', until: null, attempt: null }));
      const returned = await returnStream(db, job.runId, stream.name, counts, lease);
      return { outcome: returned ? 'returned' : 'done' };
    }
    return await fail(context, job, connection, error, counts, { stream, lease });
  } finally {
    following.release();
    await lease.release();
  }
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'lease_lost';
}

/** Turns an error into a wait or an end, by the retry policy, and writes it down. */
async function fail(
  context: SyncContext,
  job: StreamJob,
  connection: ResolvedConnection,
  error: unknown,
  counts: RequestCounts,
  held?: { readonly stream: StreamDefinition; readonly lease: Lease },
): Promise<Outcome> {
  const { db, now } = context;
  // Pages committed in this delivery have cleared the attempts counted before it.
  const standing = await streamStanding(db, job.runId, job.stream, job.jobId);
  if (standing === undefined) return { outcome: 'done' };
  const { attempts, waitedMs } = standing;
  const decision = decide(
    error,
    { attempts, waitedMs, now: now(), random: context.random() },
    connection.retry,
  );
  const report = reportOf(error);
  const ends = decision.action === 'fail';
  context.onTrouble?.({ provider: connection.provider.id, kind: report.kind, ends });
  if (decision.action === 'fail') {
    context.logger.error({ code: report.code, reason: decision.reason, err: error }, 'stream failed');
    if (decision.attention) await parkConnection(db, connection.id, stateFor(report.code), report);
    const shown = namingScope(report, held?.stream);
    await endStream(
      db,
      job.runId,
      job.stream,
      'failed',
      shown,
      counts,
      held?.lease,
      (count) => new Date(now() + forbiddenPauseMs(count)),
    );
    return { outcome: 'done' };
  }
  const until = now() + decision.delayMs;
  context.logger.warn(
    { code: report.code, reason: decision.reason, delayMs: decision.delayMs },
    'stream waits',
  );
  const attempt = decision.countsAttempt ? attempts + 1 : null;
  counts.entries.push(
    waitEntry({ at: now(), error: report.code, until, attempt, named: namesMoment(error) }),
  );
  const parked = await waitStream(
    db,
    job.runId,
    job.stream,
    {
      until: new Date(until),
      reason: decision.reason,
      error: report,
      countsAttempt: decision.countsAttempt,
      waitedMs: decision.countsAttempt ? 0 : decision.delayMs,
    },
    counts,
    held?.lease,
  );
  return parked ? { outcome: 'wait', until, reason: decision.reason } : { outcome: 'done' };
}
