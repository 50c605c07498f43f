/** What a delivery of a stream's job works with, and the job itself. */
import type { TokenService } from '../auth/contract.ts';
import type { Outbound } from '../outbound/client.ts';
import type { Db } from '../store/db.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { LoadConnection } from './load-connection.ts';

export interface SyncContext {
  readonly db: Db;
  readonly outbound: Outbound;
  readonly tokens: TokenService;
  readonly loadConnection: LoadConnection;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  /** names this process in leases and locks */
  readonly owner: string;
  /** [none] */
  readonly tracing?: Tracing;
  readonly onRecords?: (
    provider: string,
    counts: { added: number; updated: number; deleted: number; unchanged?: number; rejected?: number },
  ) => void;
  /** a delivery that ended in an error: for good, or for now */
  readonly onTrouble?: (trouble: { provider: string; kind: string; ends: boolean }) => void;
}

export interface StreamJob {
  readonly runId: string;
  readonly stream: string;
  /** the queue job that carries this delivery; another one's delivery is none of ours */
  readonly jobId: string;
  /** aborted when this process stops */
  readonly shutdown: AbortSignal;
}
