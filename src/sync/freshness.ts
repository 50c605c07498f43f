/** How fresh a connection's data are, held against its own schedule. */
import { everyMs, nextTick, PUNCTUAL_MS, type Timetable } from './schedule.ts';

export interface Freshness {
  /** the last success of the stream whose last one is the oldest; null while one never succeeded */
  readonly asOf: string | null;
  /** milliseconds since the moment at which the schedule wanted newer data [0 in time]; null without a schedule */
  readonly lateMs: number | null;
}

/** @param successes of each chosen stream the last one; undefined where it never succeeded */
export function freshnessOf(
  successes: readonly (Date | undefined)[],
  timetable: Timetable,
  now: number,
): Freshness {
  const times = successes.map((at) => at?.getTime());
  if (times.length === 0 || !times.every((at) => at !== undefined)) return { asOf: null, lateMs: null };
  const oldest = Math.min(...times);
  const every = everyMs(timetable.schedule);
  const due = every === undefined ? nextTick(timetable, new Date(oldest))?.getTime() : oldest + every;
  const late = due === undefined ? null : now - due;
  return {
    asOf: new Date(oldest).toISOString(),
    // a tick is taken a moment after its time, and a run takes its own
    lateMs: late === null ? null : late <= PUNCTUAL_MS ? 0 : late,
  };
}
