/** All tables of Sluice live in one Postgres schema of that name. */
import { pgSchema } from 'drizzle-orm/pg-core';

export const sluice = pgSchema('sluice');
