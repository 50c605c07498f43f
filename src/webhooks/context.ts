/** What the processing of an event works with. */
import type { TokenService } from '../auth/contract.ts';
import type { GuardedFetch } from '../net/contract.ts';
import type { Outbound } from '../outbound/client.ts';
import type { Db } from '../store/db.ts';
import type { LoadConnection } from '../sync/load-connection.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface WebhookContext {
  readonly db: Db;
  readonly outbound: Outbound;
  readonly tokens: TokenService;
  /** for what carries no token: the confirmation of a subscription */
  readonly fetch: GuardedFetch;
  readonly loadConnection: LoadConnection;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly onRecords?: (
    provider: string,
    counts: { added: number; updated: number; deleted: number; unchanged?: number; rejected?: number },
  ) => void;
  /** one event that is over, with its final status */
  readonly onEvent?: (provider: string, status: string) => void;
  /** the same, with the milliseconds since it was received */
  readonly onEventAge?: (provider: string, ms: number) => void;
}
