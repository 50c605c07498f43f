/** What every walk is given and gives back, and what all of them do alike. */
import type { ErrorReport } from '../errors.ts';
import type { RequestCounts } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { Delivery } from '../store/run-streams.ts';
import type { RequestEntry } from '../store/run-timeline.ts';
import type { StreamJob } from './context.ts';
import type { Lease } from './lease.ts';
import type { Writer } from './writer.ts';

export interface WalkInput {
  readonly job: StreamJob;
  readonly delivery: Delivery;
  readonly connection: ResolvedConnection;
  readonly stream: StreamDefinition;
  readonly lease: Lease;
  readonly counts: RequestCounts;
  readonly signal: AbortSignal;
  /** as it stood when the lease was taken; null at the beginning of a pass */
  readonly checkpoint: unknown;
}

export interface WalkResult {
  readonly status: 'succeeded' | 'held' | 'cancelled';
  readonly error: ErrorReport | null;
}

/** Who writes in this delivery. */
export function writerOf({ connection, stream, job, lease }: WalkInput): Writer {
  return { connectionId: connection.id, stream: stream.name, writer: job.runId, fence: lease.fence };
}

/**
 * Takes the counts out, so that each request is written down once: with this page, or with the outcome. `page` is the
 * request that brought the page: what was asked ahead of it stays for the next one.
 */
export function take(counts: RequestCounts, page?: RequestEntry): RequestCounts & { page?: RequestEntry } {
  const last = page === undefined ? -1 : counts.entries.indexOf(page);
  const entries = counts.entries.splice(0, last === -1 ? Infinity : last + 1);
  const taken = { ...counts, entries, ...(last === -1 || page === undefined ? {} : { page }) };
  counts.requests = 0;
  counts.retries = 0;
  counts.tokenRequests = 0;
  return taken;
}

/** Puts counts back whose page could not be committed. */
export function give(counts: RequestCounts, back: RequestCounts): void {
  counts.requests += back.requests;
  counts.retries += back.retries;
  counts.tokenRequests += back.tokenRequests;
  counts.entries.unshift(...back.entries);
}
