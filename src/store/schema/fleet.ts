/** The processes of a fleet that are alive, so that those which would work on another queue are noticed. */
import { text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const fleet = sluice.table('fleet', {
  /** host, process id and a random part */
  id: text().primaryKey(),
  /** start | web | worker | command */
  role: text().notNull(),
  /** `postgres`, or a fingerprint of the Redis: never its address */
  backend: text().notNull(),
  /** where browsers reach a web process */
  url: text(),
  startedAt: timestamp('started_at', { withTimezone: true }).notNull().defaultNow(),
  /** the last sign of life */
  seenAt: timestamp('seen_at', { withTimezone: true }).notNull().defaultNow(),
});
