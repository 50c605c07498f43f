/** How fresh a connection's data are, read from a real database and held against its own schedule. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Freshness } from '../../src/sync/freshness.ts';
import { glances } from '../../src/sync/overview.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

const NOON = Date.parse('2026-03-01T12:00:00Z');
const minutes = (count: number): number => count * 60_000;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet({ workers: false });
});
afterAll(() => fleet?.close());

/** Of a connection with these streams, each of which succeeded so many minutes before noon. */
async function freshness(
  id: string,
  more: Readonly<Record<string, unknown>>,
  ago: Readonly<Record<string, number | null>>,
  now = NOON,
): Promise<Freshness | undefined> {
  await fleet.connect(id, more);
  for (const [stream, before] of Object.entries(ago))
    await fleet.runtime.db.pool.query(
      `insert into sluice.streams (connection_id, stream, last_success_at) values ($1, $2, $3)`,
      [id, stream, before === null ? null : new Date(NOON - minutes(before))],
    );
  const [glance, ...others] = await glances(fleet.runtime.db, fleet.runtime.findProvider, now, [id]);
  expect([glance?.id, others]).toEqual([id, []]);
  return glance?.freshness;
}
const at = (before: number): string => new Date(NOON - minutes(before)).toISOString();
const two = { streams: ['employees', 'departments'] };

describe('freshness', () => {
  it('is that of the stream whose last success is the oldest', async () => {
    const found = await freshness(
      'oldest',
      { ...two, schedule: 'every 1h' },
      { employees: 10, departments: 45 },
    );
    expect(found).toEqual({ asOf: at(45), lateMs: 0 });
  });

  it('counts lateness from the moment at which `every` wanted newer data', async () => {
    const found = await freshness(
      'every',
      { ...two, schedule: 'every 30m' },
      { employees: 50, departments: 5 },
    );
    expect(found).toEqual({ asOf: at(50), lateMs: minutes(20) });
  });

  it('is on time up to a minute after that moment', async () => {
    const config = { streams: ['employees'], schedule: 'every 10m' };
    expect(await freshness('punctual', config, { employees: 11 })).toEqual({ asOf: at(11), lateMs: 0 });
    const [later] = await glances(fleet.runtime.db, fleet.runtime.findProvider, NOON + 1, ['punctual']);
    expect(later?.freshness.lateMs).toBe(minutes(1) + 1);
  });

  it('counts from the first tick after the success where the schedule is a pattern, in its own time zone', async () => {
    // 08:00 in Paris was 07:00 UTC; it succeeded the evening before
    const config = { streams: ['employees'], schedule: '0 8 * * *', timezone: 'Europe/Paris' };
    const late = (await freshness('daily', config, { employees: 15 * 60 }))?.lateMs ?? -1;
    // the provider asks for ticks that are spread
    const tick = NOON - late;
    expect(tick).toBeGreaterThanOrEqual(Date.parse('2026-03-01T07:00:00Z'));
    expect(tick).toBeLessThan(Date.parse('2026-03-01T08:00:00Z'));
    // success after the tick: the next one is tomorrow's
    const config2 = { streams: ['employees'], schedule: '0 8 * * *', timezone: 'Europe/Paris' };
    expect(await freshness('daily-done', config2, { employees: 60 })).toEqual({ asOf: at(60), lateMs: 0 });
  });

  it('is unknown while one chosen stream never succeeded', async () => {
    const never = { asOf: null, lateMs: null };
    expect(await freshness('never', { ...two, schedule: 'every 1h' }, {})).toEqual(never);
    expect(await freshness('half', { ...two, schedule: 'every 1h' }, { employees: 5 })).toEqual(never);
    expect(
      await freshness('failed', { ...two, schedule: 'every 1h' }, { employees: 5, departments: null }),
    ).toEqual(never);
  });

  it('heeds no stream that is no longer chosen', async () => {
    const config = { streams: ['employees'], schedule: 'every 1h' };
    const found = await freshness('left', config, { employees: 5, departments: 10_000 });
    expect(found).toEqual({ asOf: at(5), lateMs: 0 });
  });

  it('is never late without a schedule', async () => {
    const config = { streams: ['employees'], schedule: 'manual' };
    expect(await freshness('manual', config, { employees: 10_000 })).toEqual({
      asOf: at(10_000),
      lateMs: null,
    });
  });

  it('is read for all connections at once', async () => {
    const all = await glances(fleet.runtime.db, fleet.runtime.findProvider, NOON);
    const byId = new Map(all.map(({ id, freshness: { lateMs } }) => [id, lateMs]));
    expect([byId.get('every'), byId.get('manual'), byId.get('oldest')]).toEqual([minutes(20), null, 0]);
  });
});
