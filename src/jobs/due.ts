/** When a job could have begun, as against when it did. */
import type { Job } from 'bullmq';

/** Milliseconds from the moment at which a job was due to its newest start, by the clocks of who added it and of this process. */
export function startedLate(job: Pick<Job, 'opts' | 'timestamp' | 'processedOn'>): number {
  // of a timetable: the tick itself, since its job is added one tick ahead
  const due = job.opts.prevMillis ?? job.timestamp + (job.opts.delay ?? 0);
  return Math.max(0, (job.processedOn ?? Date.now()) - due);
}
