/** The fleet: whether somebody works, on the same queue as we, and whether schedules are kept. */
import type { Db } from '../../store/db.ts';
import { checkFleet, livingWorkers } from '../../store/fleet.ts';
import { ill, illBy, well, type Finding } from './finding.ts';

/** A schedule that is behind by more than this is not kept; in seconds. */
const LATE_SECONDS = 300;

/** `backend` is where this process would put its jobs. */
export async function checkBackend(db: Db, backend: string): Promise<Finding> {
  try {
    await checkFleet(db, backend);
    return well('fleet', 'All living processes keep their queues at the same place.');
  } catch (error) {
    return illBy('fleet', error);
  }
}

/** No worker is a fault where something waits for one. */
export async function checkWorkers(db: Db): Promise<Finding> {
  const workers = await livingWorkers(db);
  if (workers > 0)
    return well('workers', `${workers} ${workers === 1 ? 'process works' : 'processes work'}.`);
  const waiting = await db.pool.query<{ runs: number; schedules: number }>(
    `select (select count(*) from sluice.runs where slot is not null)::int as runs,
            (select count(*) from sluice.connections where state = 'active' and next_run_at is not null)::int as schedules`,
  );
  const { runs, schedules } = waiting.rows[0] ?? { runs: 0, schedules: 0 };
  if (runs + schedules === 0) return well('workers', 'No worker is running, and nothing waits for one.');
  return ill(
    'workers',
    `No worker is running: ${runs} runs and the schedules of ${schedules} connections wait for one.`,
    'Start one with `sluice worker`, or web and worker in one process with `sluice start`.',
  );
}

export async function checkSchedules(db: Db): Promise<Finding> {
  const late = await db.pool.query<{ id: string }>(
    `select id from sluice.connections
      where state = 'active' and next_run_at < now() - make_interval(secs => $1) order by next_run_at`,
    [LATE_SECONDS],
  );
  if (late.rows.length === 0) return well('schedules', 'No schedule is behind its time.');
  const shown = late.rows.slice(0, 5).map(({ id }) => id);
  const more = late.rows.length > shown.length ? ` and ${late.rows.length - shown.length} more` : '';
  return ill(
    'schedules',
    `Behind their time by more than ${LATE_SECONDS / 60} minutes: ${shown.join(', ')}${more}.`,
    'Start a worker with `sluice worker`; where one is running, read its log.',
  );
}
