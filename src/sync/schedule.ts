/**
 * When a schedule asks for the next run: cron with a time zone, `every …` from the end of the last run, `manual`.
 * Pure: the clock is handed in, and what was decided stands in the connection's row.
 *
 * Daylight saving, as croner reads cron: a daily time that spring leaves out comes at the end of the gap (02:30 at
 * 03:00), one that autumn repeats comes once, the first time; patterns with several times an hour or a day leave out
 * what the gap swallows, and follow the hours as they pass where one is repeated.
 */
import { createHash } from 'node:crypto';
import { Cron } from 'croner';
import { parseDuration } from '../config/duration.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import { failurePauseMs, LONGEST_PAUSE_MS } from './circuit.ts';

export interface Timetable {
  readonly schedule: string;
  readonly timezone: string;
  /** milliseconds by which every cron tick of this connection comes later, so that not all come at once [0] */
  readonly offsetMs?: number;
}

/** A tick taken within this time is on time, in milliseconds. */
export const PUNCTUAL_MS = 60_000;
/** A missed tick gives way to the next one only where that comes within this, in milliseconds. */
export const NEXT_IS_NEAR_MS = 3_600_000;

/** The offset of a connection: always the same, spread evenly over `jitterMs`, which the provider asks for. */
export function tickOffset(connectionId: string, jitterMs = 0): number {
  if (jitterMs <= 0) return 0;
  return createHash('sha256').update(connectionId).digest().readUInt32BE(0) % Math.round(jitterMs);
}

export function timetableOf(
  connection: Pick<ResolvedConnection, 'id' | 'provider' | 'schedule' | 'timezone'>,
): Timetable {
  const { id, provider, schedule, timezone } = connection;
  return { schedule, timezone, offsetMs: tickOffset(id, provider.jitterMs) };
}

/** Cron: the next tick after `now`. `every`: null, since the end of the run decides. `manual`: null. */
export function nextTick(timetable: Timetable, now: Date): Date | null {
  const { offsetMs = 0 } = timetable;
  const tick = cronOf(timetable)?.nextRun(new Date(now.getTime() - offsetMs));
  return tick === undefined || tick === null ? null : new Date(tick.getTime() + offsetMs);
}

/** The first time of a connection that is new or was changed: at once for `every`. */
export function firstRun(timetable: Timetable, now: Date): Date | null {
  return everyMs(timetable.schedule) === undefined ? nextTick(timetable, now) : now;
}

/** The time that taking a tick sets: the next one that a connection with so many failed runs in a row may take. */
export function tickAfterClaim(timetable: Timetable, now: Date, failedRuns: number): Date | null {
  return slowedTick(timetable, now, failurePauseMs(failedRuns));
}

/**
 * The time that the end of a run sets; undefined where the one that is set stays. `every` counts from now. A
 * connection whose runs fail in a row is slowed down: it waits for the pause, up to a day, and then for its next
 * tick; the first run that succeeds brings the usual times back.
 */
export function nextAfterRun(
  timetable: Timetable,
  now: Date,
  failures: { readonly before: number; readonly after: number },
): Date | null | undefined {
  const pauseMs = failurePauseMs(failures.after);
  const every = everyMs(timetable.schedule);
  if (every !== undefined) return new Date(now.getTime() + Math.max(every, pauseMs));
  if (pauseMs > 0) return slowedTick(timetable, now, pauseMs);
  return failures.after < failures.before ? nextTick(timetable, now) : undefined;
}

/** Never slower than daily, unless the timetable itself is. */
function slowedTick(timetable: Timetable, now: Date, pauseMs: number): Date | null {
  const first = nextTick(timetable, now);
  if (pauseMs === 0 || first === null) return first;
  // A tick at the very end of the pause counts.
  const slowed = nextTick(timetable, new Date(now.getTime() + pauseMs - 1));
  const latest = now.getTime() + LONGEST_PAUSE_MS;
  if (slowed !== null && slowed.getTime() <= latest) return slowed;
  const last = lastTick(timetable, new Date(latest));
  return last !== undefined && last > first ? last : first;
}

/**
 * Whether ticks that are taken only now still ask for a run. All that were missed while nothing ran are one, as late
 * as the last of them; it is made up, however late, unless the next tick comes within an hour and is nearer.
 */
export function isWorthwhile(timetable: Timetable, due: Date, now: Date): boolean {
  const missed = lastTick(timetable, now)?.getTime() ?? 0;
  const lateMs = now.getTime() - Math.max(missed, due.getTime());
  if (lateMs <= PUNCTUAL_MS) return true;
  const next = nextTick(timetable, now);
  return next === null || next.getTime() - now.getTime() >= Math.min(lateMs, NEXT_IS_NEAR_MS);
}

/** The last tick before `now`. */
function lastTick(timetable: Timetable, now: Date): Date | undefined {
  const { offsetMs = 0 } = timetable;
  const tick = cronOf(timetable)?.previousRuns(1, new Date(now.getTime() - offsetMs))[0];
  return tick === undefined ? undefined : new Date(tick.getTime() + offsetMs);
}

/**
 * The time to set where the stored one can only come of a clock that was ahead: it is further away than this timetable
 * ever waits. Undefined where it is as it may be. The tick that was taken last is not taken again where the clock went
 * back by less than one interval, and the schedule stands still for two intervals at most.
 */
export function timeAfterStepBack(
  timetable: Timetable,
  stored: Date,
  now: Date,
  failedRuns: number,
): Date | undefined {
  const latest = latestTime(timetable, now, failurePauseMs(failedRuns));
  // Clocks of two machines may differ a little.
  return latest !== null && stored.getTime() > latest.getTime() + PUNCTUAL_MS ? latest : undefined;
}

function latestTime(timetable: Timetable, now: Date, pauseMs: number): Date | null {
  const every = everyMs(timetable.schedule);
  if (every !== undefined) return new Date(now.getTime() + Math.max(every, pauseMs));
  const next = slowedTick(timetable, now, pauseMs);
  return next === null ? null : nextTick(timetable, next);
}

/** Milliseconds of `every 5m`, or undefined for another kind of schedule. */
export function everyMs(schedule: string): number | undefined {
  const match = /^every\s+(\S+)$/.exec(schedule);
  return match?.[1] === undefined ? undefined : parseDuration(match[1]);
}

/**
 * Undefined for schedules that are no cron, and for one that can't be read any more, such as a time zone that was
 * withdrawn: one connection's schedule must not stop those of all others, nor the end of a run.
 */
function cronOf({ schedule, timezone }: Timetable): Cron | undefined {
  if (schedule === 'manual' || everyMs(schedule) !== undefined) return undefined;
  try {
    const cron = new Cron(schedule, { timezone, paused: true });
    // The time zone is looked at only here.
    cron.nextRun(new Date(0));
    return cron;
  } catch {
    return undefined;
  }
}
