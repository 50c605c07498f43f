/** What `/v1` answers about webhooks, in and out. */
import { z } from 'zod';
import { eventStatuses } from '../../store/inbox-history.ts';
import type { EventDetail, EventView } from '../../webhooks/history.ts';
import type { NotificationView } from '../../webhooks/notify-log.ts';
import type { EndpointView } from '../../webhooks/endpoints.ts';
import { count, report, time } from './schemas.ts';

export const eventStatus = z.enum(eventStatuses);

export const event = z
  .strictObject({
    id: z.string(),
    connection: z.string(),
    type: z.string().nullable().describe('as the provider calls it'),
    status: eventStatus,
    receivedAt: time,
    attempts: count.describe('deliveries to a worker that ended in a failure that may pass'),
    error: report.nullable(),
    eventId: z.string().nullable().describe("the provider's own id"),
    occurredAt: z.string().nullable().describe("by the provider's clock"),
    processedAt: time.nullable(),
    waitUntil: time.nullable(),
    stream: z.string().nullable(),
    record: z.string().nullable().describe('its id'),
    outcome: z.record(z.string(), z.unknown()).nullable().describe('what it did'),
    duplicates: count.describe('further deliveries by the provider'),
    conflicts: count.describe('of these, those with another body'),
    replays: count,
    replayedAt: time.nullable(),
    replayedBy: z.string().nullable(),
  })
  .meta({ id: 'Event' }) satisfies z.ZodType<EventView>;

export const eventDetail = event
  .extend({ body: z.string().nullable().describe('as it came; null when its retention is over') })
  .meta({ id: 'EventDetail' }) satisfies z.ZodType<EventDetail>;

export const notification = z
  .strictObject({
    id: z.string().describe('the receiver sees it as `webhook-id`'),
    type: z.enum([
      'run.failed',
      'run.held',
      'connection.needs_reconnect',
      'connection.needs_attention',
      'changes.available',
      'notify.test',
    ]),
    status: z.enum(['pending', 'sent', 'failed', 'skipped']),
    createdAt: time,
    attempts: count,
    nextAttemptAt: time.nullable(),
    sentAt: time.nullable(),
    lastStatus: z.int().nullable().describe('what the receiver answered last; null where it never did'),
    error: report.nullable(),
    data: z.unknown().describe('what was told'),
  })
  .meta({ id: 'Notification' }) satisfies z.ZodType<NotificationView>;

export const endpoint = z
  .strictObject({
    place: z.string().describe('the record that it belongs to, where a provider has one endpoint for each'),
    url: z.string(),
    state: z.enum(['active', 'suspended', 'inactive', 'missing', 'unknown']),
    registeredAt: time,
    checkedAt: time.nullable(),
    error: report.nullable(),
  })
  .meta({ id: 'WebhookEndpoint' }) satisfies z.ZodType<EndpointView>;
