/**
 * The inbox: every webhook that was acknowledged, as bytes, until it is processed and for some time after; the
 * endpoints that we registered at providers; and the notifications that we send ourselves.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  customType,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const webhookEvents = sluice.table(
  'webhook_events',
  {
    /** begins with the time, so that ids are in the order of arrival and new rows lie together */
    id: text().primaryKey(),
    connectionId: text('connection_id').notNull(),
    /** of one message, however often it is delivered; what is stored first under a key wins */
    dedupeKey: text('dedupe_key').notNull(),
    /** the provider's own id, as far as it can be shown */
    eventId: text('event_id'),
    type: text(),
    /** as received; null when its retention is over */
    body: bytea(),
    /** sha-256 of `body`, which tells another delivery from another message under the same id */
    bodyHash: bytea('body_hash').notNull(),
    receivedAt: timestamp('received_at', { withTimezone: true }).notNull().defaultNow(),
    /** further deliveries of the same message */
    duplicates: integer().notNull().default(0),
    /** of these, deliveries with another body */
    conflicts: integer().notNull().default(0),
    /** received | queued | waiting | processed | ignored | dead */
    status: text().notNull().default('received'),
    /** deliveries of its job that ended in a retryable failure */
    attempts: integer().notNull().default(0),
    /** deliveries of its job that never returned; they begin anew with an outcome */
    starts: integer().notNull().default(0),
    waitUntil: timestamp('wait_until', { withTimezone: true }),
    /** milliseconds waited on the provider's rate limit, which counts no attempt but has an end */
    waited: bigint({ mode: 'number' }).notNull().default(0),
    enqueues: integer().notNull().default(0),
    jobId: text('job_id'),
    enqueuedAt: timestamp('enqueued_at', { withTimezone: true }),
    error: jsonb(),
    /** the record that it was about: what a purge looks for, and how an older event is told from a newer delete */
    stream: text(),
    recordId: text('record_id'),
    /** upsert | delete | sync | confirm | none */
    effect: text(),
    /** the provider's clock, as it writes it */
    occurredAt: text('occurred_at'),
    /** what it did, for people: counts, the run that it asked for, or why it did nothing */
    outcome: jsonb(),
    processedAt: timestamp('processed_at', { withTimezone: true }),
    replays: integer().notNull().default(0),
    replayedAt: timestamp('replayed_at', { withTimezone: true }),
    replayedBy: text('replayed_by'),
  },
  (t) => [
    uniqueIndex('webhook_events_once').on(t.connectionId, t.dedupeKey),
    // the backlog of a connection, and what a sweep has to look at: few rows, however long the history
    index('webhook_events_open')
      .on(t.connectionId, t.status, t.id)
      .where(sql`status in ('received', 'queued', 'waiting')`),
    index('webhook_events_by_record')
      .on(t.connectionId, t.stream, t.recordId)
      .where(sql`record_id is not null`),
    index('webhook_events_by_status').on(t.status, t.id.desc()),
    index('webhook_events_by_connection').on(t.connectionId, t.id.desc()),
  ],
);

export const webhookEndpoints = sluice.table(
  'webhook_endpoints',
  {
    connectionId: text('connection_id').notNull(),
    /** the parent record where a provider has one endpoint for each, else empty */
    place: text().notNull().default(''),
    /** the provider's id of the endpoint */
    reference: text(),
    /** without the key that it may carry */
    url: text().notNull(),
    /** vault ciphertext of a list, the newest first; identity `webhook:<connection>:<place>` */
    secrets: text().notNull(),
    /** active | suspended | inactive | missing | unknown */
    state: text().notNull(),
    registeredAt: timestamp('registered_at', { withTimezone: true }).notNull().defaultNow(),
    checkedAt: timestamp('checked_at', { withTimezone: true }),
    error: jsonb(),
  },
  (t) => [primaryKey({ columns: [t.connectionId, t.place] })],
);

/** Endpoints of removed connections that have to be removed at their provider, with what that needs. */
export const webhookRemovals = sluice.table(
  'webhook_removals',
  {
    id: text().primaryKey(),
    connectionId: text('connection_id').notNull(),
    provider: text().notNull(),
    config: jsonb().notNull(),
    place: text().notNull(),
    reference: text(),
    url: text().notNull(),
    /** vault ciphertexts, as they stood in the rows of the connection and of its endpoint */
    credentials: text().notNull(),
    secrets: text().notNull(),
    attempts: integer().notNull().default(0),
    nextAttemptAt: timestamp('next_attempt_at', { withTimezone: true }).notNull().defaultNow(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [index('webhook_removals_due').on(t.nextAttemptAt)],
);

export const notifications = sluice.table(
  'notifications',
  {
    /** the message's `webhook-id` */
    id: text().primaryKey(),
    type: text().notNull(),
    /** the body as it is signed and sent */
    body: text().notNull(),
    /** what a later one of the same kind takes the place of, until it is sent for the first time */
    mergeKey: text('merge_key'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    /** pending | sent | failed | skipped: overdue, and set aside without another attempt */
    status: text().notNull().default('pending'),
    attempts: integer().notNull().default(0),
    nextAttemptAt: timestamp('next_attempt_at', { withTimezone: true }),
    /** status of the last answer; null where none came */
    lastStatus: integer('last_status'),
    error: jsonb(),
    sentAt: timestamp('sent_at', { withTimezone: true }),
  },
  (t) => [
    index('notifications_due')
      .on(t.nextAttemptAt)
      .where(sql`status = 'pending'`),
    index('notifications_newest').on(t.createdAt.desc()),
    uniqueIndex('notifications_merge')
      .on(t.mergeKey)
      .where(sql`merge_key is not null`),
  ],
);
