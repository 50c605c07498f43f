/** Requests that were sent under an `Idempotency-Key`, so that the same one again gets the run that it asked for. */
import { index, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const idempotencyKeys = sluice.table(
  'idempotency_keys',
  {
    connectionId: text('connection_id').notNull(),
    /** sha-256 of the key: callers may write anything into it */
    key: text().notNull(),
    /** sha-256 of what was asked for */
    request: text().notNull(),
    /** null while the request is being dealt with */
    runId: text('run_id'),
    claimedAt: timestamp('claimed_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.connectionId, t.key] }), index('idempotency_keys_by_age').on(t.claimedAt)],
);
