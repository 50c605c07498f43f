/**
 * Asks for the runs whose time has come. The times stand in Postgres and each is taken by one process only, so any
 * number of workers may look; what was missed while none ran collapses into one run.
 */
import { claimDue, mendTimes } from '../store/connections.ts';
import { isWorthwhile, tickAfterClaim, timeAfterStepBack, type Timetable } from '../sync/schedule.ts';
import { requestRunIn } from '../store/runs.ts';
import { enqueueRun, type EnqueueContext } from './enqueue.ts';

const LOOK_EVERY_MS = 1_000;
const BATCH = 50;
const PRIORITY = 10;
/** A clock that is set back by less than this is not worth a look at every schedule, in milliseconds. */
const STEP_BACK_MS = 1_000;

export interface ScheduleContext extends EnqueueContext {
  readonly now: () => number;
  readonly schedulesOf: (row: { id: string; provider: string; config: unknown }) => Timetable;
}

/** Takes what is due now and asks for its runs. Returns the ids of the connections whose runs were asked for. */
export async function runDue(context: ScheduleContext): Promise<string[]> {
  const now = new Date(context.now());
  const asked: string[] = [];
  const jobs: string[] = [];
  await claimDue(context.db, now, BATCH, {
    next: (row) => tickAfterClaim(context.schedulesOf(row), now, row.failed_runs),
    async ask(client, row) {
      if (!isWorthwhile(context.schedulesOf(row), row.next_run_at ?? now, now)) return;
      const run = await requestRunIn(client, {
        connectionId: row.id,
        trigger: 'schedule',
        priority: PRIORITY,
      });
      asked.push(row.id);
      if (run.enqueue) jobs.push(run.runId);
    },
  });
  for (const runId of jobs) {
    // The others would wait as long for the same answer; the reconciler knows them.
    if (!(await enqueueRun(context, runId))) break;
  }
  return asked;
}

/**
 * Brings back times that are further away than their schedules ever wait, because the clock was ahead when they were
 * set. Returns the connections' ids.
 */
export async function mendSchedules(context: ScheduleContext): Promise<string[]> {
  const now = new Date(context.now());
  const mended = await mendTimes(context.db, (row, stored) =>
    timeAfterStepBack(context.schedulesOf(row), stored, now, row.failed_runs),
  );
  if (mended.length > 0)
    context.logger.warn({ connections: mended }, 'the clock went back: schedules were set anew');
  return mended;
}

/** Looks every second until it is stopped; at all schedules when it begins, and when this clock went back. */
export function startSchedules(context: ScheduleContext): { stop(): Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  /** undefined until all schedules have been looked at */
  let lastLook: number | undefined;
  const lookOnce = async (): Promise<void> => {
    const now = context.now();
    if (lastLook === undefined || now < lastLook - STEP_BACK_MS) {
      lastLook = undefined;
      await mendSchedules(context);
    }
    lastLook = now;
    await runDue(context);
  };
  const look = (): void => {
    looking = lookOnce()
      .catch((error: unknown) => context.logger.warn({ err: error }, 'schedules could not be read'))
      .finally(() => {
        if (!stopped) timer = setTimeout(look, LOOK_EVERY_MS);
      });
  };
  look();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
