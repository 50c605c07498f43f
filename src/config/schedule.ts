/** When a connection syncs: a cron line, `every 5m`, or `manual`; and the time zone that cron is read in. */
import { Cron } from 'croner';
import { checkDuration } from './duration.ts';
import type { Checked } from './problem.ts';
import { suggest } from './suggest.ts';

export type Schedule =
  | { readonly kind: 'manual' }
  /** from the end of the last run */
  | { readonly kind: 'every'; readonly everyMs: number }
  | { readonly kind: 'cron'; readonly pattern: string };

/** Workers look each second: a tighter schedule would mean the same. */
const shortestEvery = '1s';
const longestEvery = '365d';

/**
 * Patterns are searched from a fixed day, so that the answer doesn't depend on the clock: five fields repeat
 * within 28 years.
 */
const searchFrom = new Date('2024-01-01T00:00:00Z');

const scheduleFix = 'Write five cron fields such as "0 6 * * *", or "every 15m", or "manual".';

/** Reads a schedule. A cron line must have five fields and must come true on some day. */
export function parseSchedule(text: string): Checked<Schedule> {
  const trimmed = text.trim();
  if (trimmed === 'manual') return { value: { kind: 'manual' } };
  const every = /^every\s+(\S+)$/.exec(trimmed);
  if (every !== null) {
    const checked = checkDuration(every[1], shortestEvery, longestEvery);
    if ('value' in checked) return { value: { kind: 'every', everyMs: checked.value } };
    return { message: `the time after "every" ${checked.message}`, fix: checked.fix };
  }
  if (trimmed.split(/\s+/).length !== 5) return { message: 'is not a schedule', fix: scheduleFix };
  try {
    const cron = new Cron(trimmed, { mode: '5-part', timezone: 'UTC' });
    if (cron.nextRun(searchFrom) === null) {
      return {
        message: 'is a cron line that never comes true',
        fix: 'Name a day that exists in that month.',
      };
    }
  } catch {
    return { message: 'is not a cron line', fix: scheduleFix };
  }
  return { value: { kind: 'cron', pattern: trimmed } };
}

/** An IANA name, as written. Offsets such as `+02:00` are refused: they know no summer time. */
export function checkTimezone(text: string): Checked<string> {
  if (/^[A-Za-z]/.test(text)) {
    try {
      new Intl.DateTimeFormat('en', { timeZone: text });
      return { value: text };
    } catch {
      // falls through to the same answer as an offset
    }
  }
  const near = suggest(text, Intl.supportedValuesOf('timeZone'));
  return {
    message: 'is not a time zone',
    fix:
      near === undefined
        ? 'Write an IANA name such as Europe/Paris, or UTC.'
        : `Write ${near}, if that is meant.`,
  };
}
