/** What the processors work with. */
import type { RetentionContext } from '../sync/retention.ts';
import type { RunContext } from '../sync/run.ts';
import type { SyncContext } from '../sync/context.ts';
import type { WebhookContext } from '../webhooks/context.ts';
import type { RegistrationContext } from '../webhooks/endpoints.ts';
import type { EnqueueContext } from './enqueue.ts';

export interface JobContext extends EnqueueContext {
  readonly runs: RunContext;
  readonly sync: SyncContext;
  readonly webhooks: WebhookContext;
  readonly registration: RegistrationContext;
  readonly now: () => number;
  /** aborted when this process begins to stop */
  readonly shutdown: AbortSignal;
  readonly onJob?: (queue: string, outcome: string, seconds: number) => void;
  /** the first start of a job, so many milliseconds after it could have begun */
  readonly onJobStart?: (queue: string, waitedMs: number) => void;
  /** the canary came through, so many milliseconds late */
  readonly onCanary?: (lateMs: number) => void;
  readonly onHistoryDeleted?: RetentionContext['onDeleted'];
}
