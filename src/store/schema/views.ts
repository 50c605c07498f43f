/** The views that Sluice made: which columns each has and where they come from, so that columns are only ever added. */
import { jsonb, text } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const views = sluice.table('views', {
  /** name of the view in the schema `sluice` */
  name: text().primaryKey(),
  /** what it shows: `PROVIDER/STREAM`, or `CONNECTION//STREAM` for a custom stream */
  source: text().notNull(),
  /** in the order of the view: `[{ name, field, type }]` */
  columns: jsonb().notNull(),
  /** hash of the statement that made it */
  definition: text().notNull(),
});
