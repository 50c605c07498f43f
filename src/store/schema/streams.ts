/**
 * Streams of a connection. A row here outlives its connection: change numbers never restart, also not when a
 * connection is removed and made again. The lease has a table of its own, so that renewing it
 * never waits for the row lock under which numbers are given.
 */
import { bigint, boolean, integer, jsonb, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const streams = sluice.table(
  'streams',
  {
    connectionId: text('connection_id').notNull(),
    stream: text().notNull(),
    /** number of the newest change; the next change gets this plus one, under this row's lock */
    lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
    /** number of the oldest change that is still there, or the next one's where none is */
    firstSeq: bigint('first_seq', { mode: 'number' }).notNull().default(1),
    /** number of the newest change that a purge made: a page that was asked for before it adds no record */
    purgedSeq: bigint('purged_seq', { mode: 'number' }).notNull().default(0),
    /** where the next incremental pass begins; null for streams that read everything */
    cursor: jsonb(),
    /** the next pass begins from the start, whatever the cursor says */
    restart: boolean().notNull().default(false),
    lastSuccessAt: timestamp('last_success_at', { withTimezone: true }),
    lastFullAt: timestamp('last_full_at', { withTimezone: true }),
    /** runs in a row whose attempts were spent on 403 */
    forbiddenCount: integer('forbidden_count').notNull().default(0),
    /** scheduled runs leave the stream out until then */
    forbiddenUntil: timestamp('forbidden_until', { withTimezone: true }),
    /** what the provider said when it was asked last */
    forbiddenError: jsonb('forbidden_error'),
  },
  (t) => [primaryKey({ columns: [t.connectionId, t.stream] })],
);

export const streamLeases = sluice.table(
  'stream_leases',
  {
    connectionId: text('connection_id').notNull(),
    stream: text().notNull(),
    runId: text('run_id'),
    owner: text(),
    /** grows with every acquisition; a writer whose number is older commits nothing */
    fence: bigint({ mode: 'number' }).notNull().default(0),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.connectionId, t.stream] })],
);
