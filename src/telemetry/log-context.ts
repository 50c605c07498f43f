/**
 * What a piece of work is about, on every line that is logged while it goes on, whoever writes it: the ids of the job, the
 * run, the connection. Kept beside the call stack, so that nothing between has to hand it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface LogSubject {
  queue?: string;
  jobId?: string | undefined;
  runId?: string;
  stream?: string;
  eventId?: string;
  connection?: string;
}

const storage = new AsyncLocalStorage<LogSubject>();

/** Everything that `work` logs says that it is about `subject`. */
export function logAbout<T>(subject: LogSubject, work: () => Promise<T>): Promise<T> {
  return storage.run({ ...subject }, work);
}

/** Adds what has become known of the work around, which is nothing outside of a job. */
export function nameInLog(known: LogSubject): void {
  const subject = storage.getStore();
  if (subject !== undefined) Object.assign(subject, known);
}

/** For the logger: what the line that is being written is about. */
export function logSubject(): LogSubject {
  return storage.getStore() ?? {};
}
