/** The canary: a job that does nothing but go through the real queue, so that its lateness tells how the queue is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startedLate } from '../../src/jobs/due.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { scrape } from '../telemetry/exposition.ts';

describe('the canary', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet({ workers: false });
  });
  afterAll(() => fleet.close());
  const value = async (name: string): Promise<number> =>
    (await scrape(fleet.runtime.metrics)).value(name) ?? Number.NaN;
  /** jobs of maintenance that wait for their time or for a worker */
  const waiting = async (): Promise<number> =>
    (await fleet.runtime.jobs.depths())
      .filter(({ queue, state }) => queue === 'maintenance' && (state === 'waiting' || state === 'delayed'))
      .reduce((sum, { jobs }) => sum + jobs, 0);

  it('comes through the queue while a worker lives, and says when and how late', async () => {
    const began = Date.now() / 1000;
    expect(await value('sluice_canary_last_run_timestamp_seconds')).toBe(0);
    const workers = await fleet.runtime.startWorkers({ schedules: false });
    await waitFor(
      async () => ((await value('sluice_canary_last_run_timestamp_seconds')) >= began - 1 ? true : undefined),
      60_000,
    );
    expect(await value('sluice_canary_delay_seconds_count')).toBeGreaterThan(0);
    await workers.stop(10_000);
  }, 90_000);

  it('is late from its tick on, and any other job from the end of a delay that was meant', () => {
    const at = 1_800_000_000_000;
    const job = { timestamp: at, processedOn: at + 30_250 };
    expect(startedLate({ ...job, opts: { prevMillis: at + 30_000, delay: 29_000 } })).toBe(250);
    expect(startedLate({ ...job, opts: { delay: 30_000 } })).toBe(250);
    expect(startedLate({ ...job, opts: {} })).toBe(30_250);
    // clocks of two machines
    expect(startedLate({ ...job, processedOn: at - 5, opts: {} })).toBe(0);
  });

  it('leaves one job behind where no worker is, however often workers come and go', async () => {
    const before = await waiting();
    expect(before).toBeGreaterThan(0);
    for (let time = 0; time < 2; time += 1)
      await (await fleet.runtime.startWorkers({ schedules: false })).stop(10_000);
    expect(await waiting()).toBe(before);
  });
});
