import { describe, expect, it } from 'vitest';
import { failurePauseMs, forbiddenPauseMs, slowReason } from '../../src/sync/circuit.ts';
import {
  firstRun,
  isWorthwhile,
  nextAfterRun,
  nextTick,
  tickAfterClaim,
  tickOffset,
  timeAfterStepBack,
  type Timetable,
} from '../../src/sync/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (text: string): Date => new Date(text);
const table = (schedule: string, timezone = 'UTC', offsetMs = 0): Timetable => ({
  schedule,
  timezone,
  offsetMs,
});
const ticks = (timetable: Timetable, from: string, count: number): (string | undefined)[] => {
  const found: (string | undefined)[] = [];
  let now: Date | null = at(from);
  while (found.length < count && now !== null) {
    now = nextTick(timetable, now);
    found.push(now?.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
};

describe('the next tick of cron', () => {
  it('is read in its time zone, summer and winter', () => {
    const paris = table('0 6 * * *', 'Europe/Paris');
    expect(ticks(paris, '2026-01-10T12:00:00Z', 1)).toEqual(['2026-01-11T05:00Z']);
    expect(ticks(paris, '2026-07-10T12:00:00Z', 1)).toEqual(['2026-07-11T04:00Z']);
    expect(ticks(table('0 6 * * *', 'America/New_York'), '2026-01-10T12:00:00Z', 1)).toEqual([
      '2026-01-11T11:00Z',
    ]);
  });

  it('is after the moment given, never that moment', () => {
    expect(ticks(table('0 * * * *'), '2026-01-10T12:00:00Z', 1)).toEqual(['2026-01-10T13:00Z']);
  });

  it('comes at the end of the gap when spring leaves its time out', () => {
    expect(ticks(table('30 2 * * *', 'Europe/Paris'), '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00Z', // 03:00
      '2026-03-30T00:30Z',
    ]);
  });

  it('comes once, the first time, when autumn repeats it', () => {
    expect(ticks(table('30 2 * * *', 'Europe/Paris'), '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ]);
    expect(ticks(table('30 2 * * *', 'Europe/Paris'), '2026-10-25T00:30:00Z', 1)).toEqual([
      '2026-10-26T01:30Z',
    ]);
  });

  it('follows the hours as they pass where it comes every hour', () => {
    const hourly = table('0 * * * *', 'Europe/Paris');
    const autumn = ticks(hourly, '2026-10-24T23:30:00Z', 4);
    const spring = ticks(hourly, '2026-03-29T00:30:00Z', 3);
    expect(autumn).toEqual([
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
      '2026-10-25T02:00Z',
      '2026-10-25T03:00Z',
    ]);
    expect(spring).toEqual(['2026-03-29T01:00Z', '2026-03-29T02:00Z', '2026-03-29T03:00Z']);
  });

  it('is none for `manual`, for `every`, and for what can’t be read any more', () => {
    const now = at('2026-01-10T12:00:00Z');
    expect(nextTick(table('manual'), now)).toBeNull();
    expect(nextTick(table('every 5m'), now)).toBeNull();
    expect(nextTick(table('0 6 * * *', 'Europe/Atlantis'), now)).toBeNull();
    expect(nextTick(table('not cron'), now)).toBeNull();
    expect(firstRun(table('every 5m'), now)).toEqual(now);
    expect(firstRun(table('manual'), now)).toBeNull();
    expect(firstRun(table('0 6 * * *'), now)).toEqual(at('2026-01-11T06:00:00Z'));
  });
});

describe('the jitter of a provider', () => {
  it('gives each connection an offset that stays, spread over the time asked for', () => {
    const offsets = Array.from({ length: 200 }, (_, index) => tickOffset(`c${index}`, 5 * MINUTE));
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...offsets)).toBeLessThan(5 * MINUTE);
    expect(new Set(offsets).size).toBeGreaterThan(190);
    for (let minute = 0; minute < 5; minute += 1)
      expect(offsets.filter((offset) => Math.floor(offset / MINUTE) === minute).length).toBeGreaterThan(20);
    expect(tickOffset('c7', 5 * MINUTE)).toBe(offsets[7]);
    expect(tickOffset('c7')).toBe(0);
  });

  it('moves every tick by it and repeats none', () => {
    const late = table('0 * * * *', 'UTC', 90_000);
    expect(nextTick(late, at('2026-01-10T12:00:30Z'))).toEqual(at('2026-01-10T12:01:30Z'));
    expect(nextTick(late, at('2026-01-10T12:01:30Z'))).toEqual(at('2026-01-10T13:01:30Z'));
  });
});

describe('a tick that was missed', () => {
  const due = at('2026-01-10T06:00:00Z');
  const worthwhile = (schedule: string, lateMs: number): boolean =>
    isWorthwhile(table(schedule), due, new Date(due.getTime() + lateMs));

  it.each([
    ['daily, at once', '0 6 * * *', 0, true],
    ['daily, half a day late', '0 6 * * *', 12 * HOUR, true],
    ['daily, until an hour before the next', '0 6 * * *', 23 * HOUR, true],
    ['daily, within an hour of the next', '0 6 * * *', 23 * HOUR + MINUTE, false],
    ['monthly, ten days late', '0 6 10 * *', 10 * DAY, true],
    ['hourly, less than half an hour late', '0 * * * *', 29 * MINUTE, true],
    ['hourly, more than half an hour late', '0 * * * *', 31 * MINUTE, false],
    ['every minute, on time though the next is nearer', '* * * * *', 45_000, true],
    ['hourly, many missed, the last one a moment ago', '0 * * * *', 3 * HOUR + 5 * MINUTE, true],
    ['hourly, many missed, the next one soon', '0 * * * *', 3 * HOUR + 31 * MINUTE, false],
    ['every minute, after a long time', '* * * * *', 3 * HOUR + 50_000, true],
    ['`every`, however late', 'every 5m', 10 * DAY, true],
  ])('is made up once unless the next is near: %s', (_what, schedule, lateMs, expected) => {
    expect(worthwhile(schedule, lateMs)).toBe(expected);
  });
});

describe('a clock that goes back', () => {
  const taken = at('2026-01-10T10:00:00Z');
  const back = (schedule: string, byMs: number): Date | undefined => {
    const stored = nextTick(table(schedule), taken) ?? new Date(taken.getTime() + 5 * MINUTE);
    return timeAfterStepBack(table(schedule), stored, new Date(taken.getTime() - byMs), 0);
  };

  it('does not repeat the tick that was taken', () => {
    expect(back('0 * * * *', 30 * MINUTE)).toBeUndefined();
    expect(back('0 6 * * *', HOUR)).toBeUndefined();
    expect(back('0 * * * *', HOUR - 1)).toBeUndefined();
  });

  it('does not stop a schedule for longer than two of its intervals', () => {
    expect(back('*/5 * * * *', HOUR)).toEqual(at('2026-01-10T09:10:00Z'));
    expect(back('0 6 * * *', 365 * DAY)).toEqual(at('2025-01-12T06:00:00Z'));
    expect(back('every 5m', HOUR)).toEqual(at('2026-01-10T09:05:00Z'));
  });

  it('leaves a time alone that a circuit has set', () => {
    const stored = new Date(taken.getTime() + 60 * MINUTE);
    expect(timeAfterStepBack(table('every 5m'), stored, taken, 6)).toBeUndefined();
    expect(timeAfterStepBack(table('every 5m'), stored, taken, 2)).toEqual(at('2026-01-10T10:05:00Z'));
    expect(timeAfterStepBack(table('*/5 * * * *'), stored, taken, 6)).toBeUndefined();
    expect(timeAfterStepBack(table('manual'), stored, taken, 0)).toBeUndefined();
  });
});

describe('the end of a run', () => {
  const now = at('2026-01-10T06:10:00Z');
  const after = (schedule: string, failedBefore: number, failedAfter: number) =>
    nextAfterRun(table(schedule), now, { before: failedBefore, after: failedAfter });

  it('sets the time of `every` from now, and leaves that of cron as it is', () => {
    expect(after('every 5m', 0, 0)).toEqual(at('2026-01-10T06:15:00Z'));
    expect(after('0 * * * *', 0, 0)).toBeUndefined();
    expect(after('manual', 0, 0)).toBeUndefined();
  });

  it('slows down from the second failure in a row, up to daily', () => {
    expect([0, 1, 2, 3, 4, 10, 11, 5000].map((runs) => failurePauseMs(runs) / MINUTE)).toEqual([
      0, 0, 4, 8, 16, 1024, 1440, 1440,
    ]);
    expect(after('every 5m', 0, 1)).toEqual(at('2026-01-10T06:15:00Z'));
    expect(after('every 5m', 1, 2)).toEqual(at('2026-01-10T06:15:00Z'));
    expect(after('every 5m', 2, 3)).toEqual(at('2026-01-10T06:18:00Z'));
    expect(after('every 5m', 98, 99)).toEqual(at('2026-01-11T06:10:00Z'));
    expect(after('every 7d', 98, 99)).toEqual(at('2026-01-17T06:10:00Z'));
    expect(after('*/5 * * * *', 0, 1)).toBeUndefined();
    expect(after('*/5 * * * *', 2, 3)).toEqual(at('2026-01-10T06:20:00Z'));
    expect(after('*/5 * * * *', 98, 99)).toEqual(at('2026-01-11T06:10:00Z'));
    expect(after('manual', 98, 99)).toBeNull();
  });

  it('never makes cron slower than daily, unless it is so itself', () => {
    // ten minutes after its tick, a whole day ahead would leave out the tick of tomorrow
    expect(after('0 6 * * *', 98, 99)).toEqual(at('2026-01-11T06:00:00Z'));
    expect(after('0 6 10 * *', 98, 99)).toEqual(at('2026-02-10T06:00:00Z'));
    expect(
      nextAfterRun(table('0 6 * * *', 'UTC', 20 * MINUTE), at('2026-01-10T06:40:00Z'), {
        before: 98,
        after: 99,
      }),
    ).toEqual(at('2026-01-11T06:20:00Z'));
  });

  it('brings the usual times back with the first success', () => {
    expect(after('*/5 * * * *', 7, 0)).toEqual(at('2026-01-10T06:15:00Z'));
    expect(after('every 5m', 7, 0)).toEqual(at('2026-01-10T06:15:00Z'));
  });

  it('is slow already when the tick before is taken, so that no run queues up behind one that fails', () => {
    expect(tickAfterClaim(table('*/5 * * * *'), now, 0)).toEqual(at('2026-01-10T06:15:00Z'));
    expect(tickAfterClaim(table('*/5 * * * *'), now, 4)).toEqual(at('2026-01-10T06:30:00Z'));
    expect(tickAfterClaim(table('every 5m'), now, 4)).toBeNull();
  });
});

describe('circuits', () => {
  it('double the pause of a refused stream from an hour to a day', () => {
    expect([1, 2, 3, 4, 5, 6, 5000].map((count) => forbiddenPauseMs(count) / HOUR)).toEqual([
      1, 2, 4, 8, 16, 24, 24,
    ]);
  });

  it('say in words how slow they are', () => {
    const next = at('2026-01-10T06:30:00Z');
    expect(slowReason(1, 'It broke.', next)).toBeUndefined();
    expect(slowReason(3, 'It broke.', next)).toBe(
      '3 runs in a row failed: It broke; next try at 2026-01-10T06:30:00.000Z.',
    );
    expect(slowReason(3, undefined, null)).toBe('3 runs in a row failed; next try when somebody asks.');
  });
});
