/**
 * What an engine answers to the queue that ran it. Engines know no queue: `jobs` turns a wait into a delayed job
 * and a shutdown into a job that goes back.
 */
export type Outcome =
  | { readonly outcome: 'done' }
  /** again at `until` (epoch milliseconds); the slot is free until then */
  | { readonly outcome: 'wait'; readonly until: number; readonly reason: string }
  /** this process is stopping: the work goes back to the queue as it is */
  | { readonly outcome: 'returned' };
