/** Buckets of the rate limiter where there is no Redis. A row whose moment has passed means nothing any more. */
import { doublePrecision, text } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const rateLimits = sluice.table('rate_limits', {
  key: text().primaryKey(),
  /** epoch milliseconds at which the next request would be due if all came evenly */
  due: doublePrecision().notNull(),
});
