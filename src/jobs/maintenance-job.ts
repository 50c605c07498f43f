/** The `maintenance` jobs: work that some process must do every now and then, each time by one of them. */
import type { Job } from 'bullmq';
import { applyRetention } from '../sync/retention.ts';
import type { JobContext } from './context.ts';
import { startedLate } from './due.ts';
import type { SluiceQueue } from './queues.ts';
import { webhookTasks } from './webhook-maintenance.ts';

/** The work of the tasks, handed in by whoever starts workers. */
export interface Maintenance {
  readonly sweepTokens: () => Promise<unknown>;
  readonly upkeepGrants: () => Promise<unknown>;
}

export interface MaintenanceTask {
  readonly name: string;
  /** milliseconds from one start to the next */
  readonly every: number;
  readonly run: (context: JobContext & Maintenance, job: Job) => Promise<unknown>;
}

/** Milliseconds between two canaries. A timetable holds one job at most, so none pile up while nobody works. */
const CANARY_EVERY_MS = 30_000;

const tasks: readonly MaintenanceTask[] = [
  {
    name: 'canary',
    every: CANARY_EVERY_MS,
    // It does nothing: that it came, and how late, says how the queue is.
    run: async ({ onCanary }, job) => onCanary?.(startedLate(job)),
  },
  { name: 'sweep-tokens', every: 600_000, run: (context) => context.sweepTokens() },
  {
    name: 'retention',
    every: 3_600_000,
    run: ({ db, logger, now, shutdown, onHistoryDeleted: onDeleted }) =>
      applyRetention({
        db,
        logger,
        now,
        signal: shutdown,
        ...(onDeleted === undefined ? {} : { onDeleted }),
      }),
  },
  { name: 'upkeep-grants', every: 300_000, run: (context) => context.upkeepGrants() },
  ...webhookTasks,
];

/** Puts the timetable into the queue where it isn't, or is no longer: a queue may be emptied at any moment. */
export async function scheduleMaintenance(queue: SluiceQueue): Promise<void> {
  for (const task of tasks) {
    const known = await queue.getJobScheduler(task.name);
    if (known?.every === task.every) continue;
    await queue.upsertJobScheduler(
      task.name,
      { every: task.every },
      {
        name: task.name,
        opts: { attempts: 1, removeOnComplete: { count: 20 }, removeOnFail: { count: 100 } },
      },
    );
  }
}

export async function processMaintenance(context: JobContext & Maintenance, job: Job): Promise<void> {
  await tasks.find((task) => task.name === job.name)?.run(context, job);
}
