/** Runs and their streams. Postgres decides what runs: the queue only carries it out. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const runs = sluice.table(
  'runs',
  {
    id: text().primaryKey(),
    connectionId: text('connection_id').notNull(),
    /** queued | running | waiting | succeeded | partial | failed | held | cancelled */
    status: text().notNull().default('queued'),
    /** `active` or `queued` while the run isn't over: a connection has at most one of each */
    slot: text(),
    /** schedule | command | api */
    trigger: text().notNull(),
    /** asked for by name; null: all that the connection has chosen */
    streams: text().array(),
    full: boolean().notNull().default(false),
    allowDeletes: boolean('allow_deletes').notNull().default(false),
    /** position in the queue: smaller is sooner */
    priority: integer().notNull().default(10),
    /** how often a queue job was made for this run; part of the job's id */
    enqueues: integer().notNull().default(0),
    /** the queue job that stands for this run now */
    jobId: text('job_id'),
    enqueuedAt: timestamp('enqueued_at', { withTimezone: true }),
    cancelRequested: boolean('cancel_requested').notNull().default(false),
    error: jsonb(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    startedAt: timestamp('started_at', { withTimezone: true }),
    finishedAt: timestamp('finished_at', { withTimezone: true }),
  },
  (t) => [
    uniqueIndex('runs_one_per_slot')
      .on(t.connectionId, t.slot)
      .where(sql`slot is not null`),
    index('runs_by_connection').on(t.connectionId, t.createdAt.desc(), t.id.desc()),
    index('runs_by_time').on(t.createdAt.desc(), t.id.desc()),
    // what ended when, for the plots of the console
    index('runs_by_end')
      .on(t.finishedAt)
      .where(sql`finished_at is not null`),
    index('runs_open')
      .on(t.slot)
      .where(sql`slot is not null`),
  ],
);

export const runStreams = sluice.table(
  'run_streams',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    stream: text().notNull(),
    /** streams of wave 0 have no parent; a wave begins when the one before has ended */
    wave: integer().notNull().default(0),
    /** pending | queued | running | waiting | succeeded | failed | held | cancelled */
    status: text().notNull().default('pending'),
    /** full | incremental */
    mode: text().notNull().default('full'),
    added: integer().notNull().default(0),
    updated: integer().notNull().default(0),
    deleted: integer().notNull().default(0),
    unchanged: integer().notNull().default(0),
    rejected: integer().notNull().default(0),
    pages: integer().notNull().default(0),
    requests: integer().notNull().default(0),
    retries: integer().notNull().default(0),
    tokenRequests: integer('token_requests').notNull().default(0),
    /** where the pass goes on after a crash or a wait; committed with the rows of the page before */
    checkpoint: jsonb(),
    /** deliveries that ended in a retryable failure since the last committed page */
    attempts: integer().notNull().default(0),
    /** starts that never returned an outcome, since the last committed page */
    starts: integer().notNull().default(0),
    waitUntil: timestamp('wait_until', { withTimezone: true }),
    waitReason: text('wait_reason'),
    /** milliseconds waited on the provider's rate limit, which counts no attempt but has an end */
    waited: bigint({ mode: 'number' }).notNull().default(0),
    /** entries that its timeline was given, those included that are no longer kept */
    entries: integer().notNull().default(0),
    enqueues: integer().notNull().default(0),
    jobId: text('job_id'),
    enqueuedAt: timestamp('enqueued_at', { withTimezone: true }),
    error: jsonb(),
    startedAt: timestamp('started_at', { withTimezone: true }),
    finishedAt: timestamp('finished_at', { withTimezone: true }),
  },
  (t) => [primaryKey({ columns: [t.runId, t.stream] })],
);

/**
 * The timeline of a run: its requests, and the waits between its deliveries. Of each stream the first entries are
 * kept and the newest ones, which take over the slots of those in between.
 */
export const runTimeline = sluice.table(
  'run_timeline',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    stream: text().notNull(),
    slot: integer().notNull(),
    /** counts all entries of this stream in this run, from 1 */
    number: integer().notNull(),
    at: timestamp({ withTimezone: true }).notNull(),
    /** a request or a wait; values of query parameters are left out */
    entry: jsonb().notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.stream, t.slot] })],
);

/** Keys seen by a complete pass, one row a page, so that what vanished can be told at its end. */
export const seenKeys = sluice.table(
  'seen_keys',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    stream: text().notNull(),
    page: integer().notNull(),
    keys: text().array().notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.stream, t.page] })],
);
