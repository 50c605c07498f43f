/** A provider's organizations and locations, and the ids that the user has for them. */
import { primaryKey, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const mappings = sluice.table(
  'mappings',
  {
    connectionId: text('connection_id').notNull(),
    /** the provider's id: a record id of one of its mappable streams */
    external: text().notNull(),
    own: text().notNull(),
    updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.connectionId, t.external] })],
);
