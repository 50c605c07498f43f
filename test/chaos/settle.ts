/** After the havoc: the fleet is left alone until each connection was read completely twice, or until it is clear that it never will be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runView, type RunView } from '../../src/sync/history.ts';
import type { Findings } from './contract.ts';
import type { ChaosFleet } from './fleet.ts';
import { openEvents } from './webhooks.ts';

/** more than the 35 s after which a killed worker's job is taken over, several times over; in milliseconds */
export const SETTLE_MS = 300_000;
const QUEUE_MS = 90_000;
/** a sweep comes every 30 s, and takes up what has been without a job for as long; in milliseconds */
const EVENTS_MS = 120_000;

/** Runs each connection until two passes succeeded; what is still open at the end of the bound is stuck. */
export async function settle(fleet: ChaosFleet, findings: Findings): Promise<void> {
  await fleet.endSchedules();
  // Before the passes: an event may bring an older state back for a moment, and a pass puts that right.
  await settleEvents(fleet, findings);
  const deadline = performance.now() + SETTLE_MS;
  await Promise.all(
    fleet.connections.map(async ({ id }) => {
      let failures = 0;
      for (let passes = 0; passes < 2;) {
        const run = await oneRun(fleet, id, deadline);
        if (run === undefined) {
          findings.stuck.push(`${id} was not read twice within ${SETTLE_MS / 1000} s of quiet`);
          return;
        }
        if (run.status === 'succeeded') passes += 1;
        // the first one may have begun amid the havoc, and may have spent its attempts there
        else if (++failures > 1) {
          findings.stuck.push(`${id} fails without havoc: ${JSON.stringify(run.error ?? run.streams)}`);
          return;
        }
      }
    }),
  );
  await checkNothingOpen(fleet, findings);
}

/** Until no event is open; as long as fewer are open each time it looks, and the bound once they stop being fewer. */
async function settleEvents(fleet: ChaosFleet, { stuck }: Findings): Promise<void> {
  let fewest = Infinity;
  let deadline = 0;
  for (;;) {
    const open = await openEvents(fleet);
    if (open === 0) return;
    if (open < fewest) {
      fewest = open;
      deadline = performance.now() + EVENTS_MS;
    } else if (performance.now() > deadline) {
      stuck.push(`${open} webhooks are open, and none ended within ${EVENTS_MS / 1000} s of quiet`);
      return;
    }
    await sleep(500);
  }
}

async function oneRun(
  fleet: ChaosFleet,
  connectionId: string,
  deadline: number,
): Promise<RunView | undefined> {
  const runId = await fleet.runtime.jobs.askForRun({ connectionId, trigger: 'command', priority: 1 });
  while (performance.now() < deadline) {
    const run = await runView(fleet.runtime.db, runId);
    if (run !== undefined && run.finishedAt !== null) return run;
    await sleep(250);
  }
  return undefined;
}

async function checkNothingOpen(fleet: ChaosFleet, { stuck }: Findings): Promise<void> {
  const { pool } = fleet.runtime.db;
  const runs = await pool.query<{ what: string }>(
    `select connection_id || ' run ' || id || ' is ' || status as what from sluice.runs where slot is not null
     union all
     select 'stream ' || stream || ' of the ended run ' || run_id || ' is ' || s.status
       from sluice.run_streams s join sluice.runs r on r.id = s.run_id
      where r.slot is null and s.status in ('pending', 'queued', 'running', 'waiting')
     union all
     select 'the lease of ' || connection_id || ' ' || stream || ' is held for run ' || run_id
       from sluice.stream_leases where run_id is not null`,
  );
  stuck.push(...runs.rows.map(({ what }) => what));
  const started = performance.now();
  for (;;) {
    const left = (await fleet.runtime.jobs.depths()).filter(
      ({ queue, state, jobs }) => queue !== 'maintenance' && state !== 'failed' && jobs > 0,
    );
    if (left.length === 0) return;
    if (performance.now() - started > QUEUE_MS) {
      stuck.push(
        ...left.map(({ queue, state, jobs }) => `${jobs} jobs of ${queue} are ${state}, for no run`),
      );
      return;
    }
    await sleep(500);
  }
}
