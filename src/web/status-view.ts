/** What the status page shows. Times are ISO 8601 in UTC; counts are whole numbers. */

export interface StatusView {
  readonly now: string;
  readonly version: string;
  /** in the order in which a person should look at them */
  readonly needsPerson: readonly NeedsPerson[];
  readonly connections: readonly ConnectionView[];
  /** newest first */
  readonly runs: readonly RunView[];
  readonly queues: readonly QueueView[];
}

/** Something that time alone won't mend. */
export interface NeedsPerson {
  readonly connection: string;
  readonly provider: string;
  /** a connection's state, or `held` for a run that waits for its deletes to be allowed */
  readonly state: string;
  readonly reason: string;
  /** the one thing to do */
  readonly advice: string;
  readonly since: string | null;
}

export interface ConnectionView {
  readonly id: string;
  readonly provider: string;
  /** active | paused | needs_reconnect | needs_attention */
  readonly state: string;
  readonly reason: string | null;
  readonly advice: string | null;
  /** as configured: a cron pattern, `every 5m` or `manual` */
  readonly schedule: string;
  readonly nextRunAt: string | null;
  /** runs in a row in which no stream succeeded; from the second on they slow the schedule down */
  readonly failedRuns: number;
  readonly lastRun: LastRunView | null;
  /** current records by stream */
  readonly records: Readonly<Record<string, number>>;
}

interface LastRunView {
  readonly id: string;
  readonly status: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: RunErrorView | null;
}

export interface RunView {
  readonly id: string;
  readonly connection: string;
  /** queued | running | waiting | succeeded | partial | failed | held | cancelled */
  readonly status: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly tokenRequests: number;
  readonly requests: number;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly error: RunErrorView | null;
}

interface RunErrorView {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

export interface QueueView {
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}
