/** The mirror, its change feed, and what could not be mirrored. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  customType,
  index,
  jsonb,
  primaryKey,
  text,
  timestamp,
  bigserial,
} from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const records = sluice.table(
  'records',
  {
    connectionId: text('connection_id').notNull(),
    stream: text().notNull(),
    recordId: text('record_id').notNull(),
    /** id of the parent record for streams that are listed once per parent, else empty */
    partition: text().notNull().default(''),
    data: jsonb().notNull(),
    /** sha-256 of the canonical JSON of `data` */
    hash: bytea().notNull(),
    /** the record's own update time or number, as the provider writes it */
    version: text(),
    /** number of the change that wrote this row last */
    seq: bigint({ mode: 'number' }).notNull(),
    /** run or event that wrote this row last */
    writer: text().notNull(),
    changedAt: timestamp('changed_at', { withTimezone: true }).notNull(),
    deletedAt: timestamp('deleted_at', { withTimezone: true }),
  },
  (t) => [
    primaryKey({ columns: [t.connectionId, t.stream, t.recordId] }),
    index('records_live_by_partition')
      .on(t.connectionId, t.stream, t.partition)
      .where(sql`deleted_at is null and partition <> ''`),
  ],
);

export const changes = sluice.table(
  'changes',
  {
    connectionId: text('connection_id').notNull(),
    stream: text().notNull(),
    seq: bigint({ mode: 'number' }).notNull(),
    /** added | updated | deleted */
    op: text().notNull(),
    recordId: text('record_id').notNull(),
    /** the body before an update or delete */
    previous: jsonb(),
    changedAt: timestamp('changed_at', { withTimezone: true }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.connectionId, t.stream, t.seq] })],
);

export const rejectedRecords = sluice.table(
  'rejected_records',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    connectionId: text('connection_id').notNull(),
    stream: text().notNull(),
    runId: text('run_id').notNull(),
    /** where it could be read */
    recordId: text('record_id'),
    partition: text().notNull().default(''),
    /** the record as received, as bytes: Postgres refuses some of it as jsonb */
    raw: bytea().notNull(),
    reason: text().notNull(),
    rejectedAt: timestamp('rejected_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [index('rejected_by_stream').on(t.connectionId, t.stream, t.id.desc())],
);
