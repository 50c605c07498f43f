/**
 * The shared token cache where there is no Redis. `token_locks` is the single flight: one owner requests, the
 * others wait. `token_failures` is the memory of failed requests and of cool-downs, kept without the flow id.
 */
import { bigint, index, integer, jsonb, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const tokens = sluice.table(
  'tokens',
  {
    /** hash of everything that shapes the token, the flow included where the policy is per-flow */
    key: text().primaryKey(),
    /** the same without the flow */
    subject: text().notNull(),
    flow: text(),
    /** vault ciphertext; identity `token:<key>` */
    ciphertext: text().notNull(),
    fingerprint: text().notNull(),
    scopes: text().array().notNull(),
    obtainedAt: timestamp('obtained_at', { withTimezone: true }).notNull(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    /** fence of the lock under which it was written; an older one never overwrites it */
    fence: bigint({ mode: 'bigint' }).notNull(),
  },
  (t) => [
    index('tokens_by_flow').on(t.flow),
    index('tokens_by_subject').on(t.subject),
    index('tokens_by_expiry').on(t.expiresAt),
  ],
);

export const tokenLocks = sluice.table('token_locks', {
  key: text().primaryKey(),
  owner: text(),
  fence: bigint({ mode: 'bigint' }).notNull(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
});

export const tokenFailures = sluice.table('token_failures', {
  /** subject without the flow */
  subject: text().primaryKey(),
  /** failures in a row */
  failures: integer().notNull().default(0),
  /** of the first of them */
  failingSince: timestamp('failing_since', { withTimezone: true }),
  /** no request before this moment */
  retryAt: timestamp('retry_at', { withTimezone: true }),
  /** no further renewal after a rejected token before this moment */
  coolDownUntil: timestamp('cool_down_until', { withTimezone: true }),
  error: jsonb(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});
