/** Who steered what, and when: the audit log. */
import { sql } from 'drizzle-orm';
import { bigint, index, jsonb, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const auditLog = sluice.table(
  'audit_log',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    /** operator | api_key | command */
    actorKind: text('actor_kind').notNull(),
    /** a session's or a key's fingerprint, or account and host of a command */
    actor: text().notNull(),
    /** address of a client that came over HTTP */
    source: text(),
    /** `connection.pause`, `run.cancel`, … */
    action: text().notNull(),
    /** as it was named, whether or not there is such a connection */
    connectionId: text('connection_id'),
    /** the run, event or record that it was about or that came of it */
    subject: text(),
    /** begun | done | failed; `begun` stays where the process died before it knew */
    outcome: text().notNull().default('begun'),
    /** of the failure */
    code: text(),
    /** what was asked for, never a secret */
    details: jsonb()
      .notNull()
      .default(sql`'{}'::jsonb`),
    finishedAt: timestamp('finished_at', { withTimezone: true }),
  },
  (t) => [
    index('audit_log_by_connection').on(t.connectionId, t.id.desc()),
    index('audit_log_by_action').on(t.action, t.id.desc()),
    index('audit_log_by_age').on(t.at),
  ],
);
