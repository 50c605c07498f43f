/** Connections: what the user configured, the encrypted credentials, the state an operator sees. */
import { bigint, index, integer, jsonb, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const connections = sluice.table(
  'connections',
  {
    id: text().primaryKey(),
    provider: text().notNull(),
    /** `file` or `api`: who may change it, and whose `--prune` removes it */
    managedBy: text('managed_by').notNull(),
    /** the body as configured, without credentials */
    config: jsonb().notNull(),
    /** vault ciphertext of the credentials; identity `connection:<id>:credentials` */
    credentials: text().notNull(),
    /** active | paused | needs_reconnect | needs_attention */
    state: text().notNull().default('active'),
    stateCode: text('state_code'),
    stateReason: text('state_reason'),
    stateAdvice: text('state_advice'),
    stateSince: timestamp('state_since', { withTimezone: true }).notNull().defaultNow(),
    /** runs in a row in which no stream succeeded; slows the schedule down */
    failedRuns: integer('failed_runs').notNull().default(0),
    /** when the schedule asks for the next run; null: manual, paused or broken */
    nextRunAt: timestamp('next_run_at', { withTimezone: true }),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
    /** grows with every change of configuration or credentials */
    revision: bigint({ mode: 'number' }).notNull().default(1),
  },
  (t) => [index('connections_due').on(t.nextRunAt)],
);
