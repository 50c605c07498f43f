/** The timeline of a run: the waits that a stream's deliveries add to it, and how all of it is shown. */
import { SluiceError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import {
  readTimeline,
  type PageCounts,
  type RequestWaitReason,
  type StoredEntry,
  type StreamWaitReason,
  type WaitEntry,
} from '../store/run-timeline.ts';

/** Whether the provider itself said when to come back. */
export function namesMoment(error: unknown): boolean {
  return error instanceof SluiceError && error.details.retryAt !== undefined;
}

/** A wait between two deliveries. `error` is the code of what ended the delivery; `named`: the provider named `until`. */
export function waitEntry(
  wait: Pick<WaitEntry, 'at' | 'error' | 'until' | 'attempt'> & { readonly named?: boolean },
): WaitEntry {
  const { at, error, until, attempt, named = false } = wait;
  return { kind: 'wait', at, reason: reasonOf(error, named), error, until, attempt };
}

function reasonOf(code: string, named: boolean): StreamWaitReason {
  switch (code) {
    case 'lease_busy':
    case 'lease_lost':
      return 'lease';
    case 'shutdown':
      return 'shutdown';
    case 'rate_paced':
    case 'provider_rate_limited':
      return 'rate_limit';
    case 'provider_not_ready':
      return 'not_ready';
    default:
      if (code.startsWith('token_')) return 'token';
      return named ? 'retry_after' : 'backoff';
  }
}

interface Shown {
  readonly at: string;
  readonly stream: string;
}

export interface RequestView extends Shown {
  readonly kind: 'request';
  readonly path: string;
  /** null where no answer came; `error` has the code then */
  readonly status: number | null;
  readonly error: string | null;
  readonly ms: number;
  readonly attempt: number;
  /** what it waited for before it left */
  readonly waits: readonly { readonly reason: RequestWaitReason; readonly ms: number }[];
  /** number of the page that it brought, counted over the stream in this run, and what that did; null: none */
  readonly page: number | null;
  readonly records: PageCounts | null;
  readonly token: { readonly ageSeconds: number; readonly new: boolean } | null;
}

export interface WaitView extends Shown {
  readonly kind: 'wait';
  readonly reason: StreamWaitReason;
  readonly error: string;
  readonly until: string | null;
  /** attempts that are spent with this one; null where it spends none */
  readonly attempt: number | null;
}

export type EntryView = RequestView | WaitView;

export interface TimelineView {
  readonly timeline: readonly EntryView[];
  /** entries that are no longer kept, by stream; streams of which all are kept are left out */
  readonly timelineOmitted: Readonly<Record<string, number>>;
}

/** In the order in which it happened. Of a long run the middle is left out, stream by stream. */
export async function timelineView(db: Db, runId: string): Promise<TimelineView> {
  const { entries, totals } = await readTimeline(db, runId);
  const omitted = new Map(totals);
  for (const { stream } of entries) omitted.set(stream, (omitted.get(stream) ?? 0) - 1);
  return {
    timeline: entries.map(({ stream, entry }) => shown(stream, entry)),
    timelineOmitted: Object.fromEntries([...omitted].filter(([, count]) => count > 0)),
  };
}

function shown(stream: string, entry: StoredEntry): EntryView {
  const at = new Date(entry.at).toISOString();
  if (entry.kind === 'wait') {
    const { kind, reason, error, until, attempt } = entry;
    return {
      kind,
      at,
      stream,
      reason,
      error,
      until: until === null ? null : new Date(until).toISOString(),
      attempt,
    };
  }
  const { kind, path, status, error, ms, attempt, waits, page = null, records = null, token } = entry;
  return { kind, at, stream, path, status, error, ms, attempt, waits, page, records, token };
}
