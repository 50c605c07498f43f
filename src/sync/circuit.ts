/**
 * Circuits: how long the schedule leaves alone what keeps failing. Both counts are kept in Postgres, and neither ever
 * delays what a person asks for.
 */
import type { ErrorReport } from '../errors.ts';
import type { StreamDefinition } from '../providers/contract.ts';

/** The longest pause that a circuit makes, in milliseconds: a day. */
export const LONGEST_PAUSE_MS = 24 * 3_600_000;
const MINUTE_MS = 60_000;
const FIRST_FORBIDDEN_MS = 3_600_000;

/**
 * The least time between two scheduled runs of a connection of which so many runs in a row had no stream that
 * succeeded, in milliseconds: none after the first, then 2^n minutes up to a day.
 */
export function failurePauseMs(failedRuns: number): number {
  return failedRuns < 2 ? 0 : Math.min(LONGEST_PAUSE_MS, MINUTE_MS * 2 ** Math.min(failedRuns, 30));
}

/**
 * How long scheduled runs leave out a stream that was refused with 403 so many runs in a row, in milliseconds: an hour,
 * doubled each time, up to a day.
 */
export function forbiddenPauseMs(count: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_FORBIDDEN_MS * 2 ** Math.min(Math.max(count - 1, 0), 30));
}

/** A stream that is left out until then, with what its provider said when it was asked last. */
export interface Forbidden {
  readonly until: Date;
  readonly count: number;
  readonly error: ErrorReport;
}

/** What stands in a run for a stream that it leaves out. */
export function leftOut({ until, count, error }: Forbidden): ErrorReport {
  const runs = count === 1 ? 'once' : `${count} runs in a row`;
  return {
    ...error,
    message: `${error.message.replace(/\.$/, '')}; refused ${runs}, so the schedule asks again only from ${until.toISOString()}.`,
  };
}

/** Names the scope that a 403 is about, where the stream says which it needs. */
export function namingScope(report: ErrorReport, stream: StreamDefinition | undefined): ErrorReport {
  if (report.code !== 'provider_forbidden' || stream === undefined || stream.scopes.length === 0)
    return report;
  return {
    ...report,
    advice: `Give the application the scope ${stream.scopes.join(' ')} at the provider, or leave the stream ${stream.name} out.`,
  };
}

/** Why an active connection is slow, in words; undefined where it isn't. */
export function slowReason(
  failedRuns: number,
  lastError: string | undefined,
  nextRunAt: Date | null,
): string | undefined {
  if (failedRuns < 2) return undefined;
  const why = lastError === undefined ? '' : `: ${lastError.replace(/\.$/, '')}`;
  const next = nextRunAt === null ? 'next try when somebody asks' : `next try at ${nextRunAt.toISOString()}`;
  return `${failedRuns} runs in a row failed${why}; ${next}.`;
}
