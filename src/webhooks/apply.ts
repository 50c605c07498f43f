/**
 * What an event does to the mirror, in one transaction with its own end: whatever is killed in between, it happened
 * once or not at all.
 */
import type pg from 'pg';
import { SluiceError } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { WebhookEffect } from '../providers/webhook-contract.ts';
import { deletesOf, endEvent, type EventSubject } from '../store/inbox-jobs.ts';
import { notifyEventChanges } from '../store/notifications.ts';
import { requestRunIn } from '../store/runs.ts';
import { writeEvent, type EventCounts, type EventWrite } from '../sync/event-writer.ts';
import { isContentError } from '../sync/refused-records.ts';
import { validatePage } from '../sync/validate-page.ts';
import { compareVersions } from '../sync/versions.ts';
import { lockStreamForEvent, type IncomingRecord } from '../sync/writer.ts';
import type { WebhookContext } from './context.ts';

/** The event, and the job that has to be its job still when the transaction ends. */
export interface Applying {
  readonly eventId: string;
  readonly jobId: string;
  readonly connection: ResolvedConnection;
  readonly subject: EventSubject;
}

/** A run that starts for events is in no greater hurry than the schedule's. */
const PRIORITY = 10;

/**
 * The record as it can be stored. `version`: the event's time, for streams whose records have none of their own.
 *
 * @throws SluiceError `webhook_record_rejected` (data)
 */
export function validRecord(
  stream: StreamDefinition,
  record: unknown,
  parent: string,
  version: string | null,
): IncomingRecord {
  const { records, rejected } = validatePage(stream, [record], parent);
  const [valid] = records;
  if (valid === undefined) {
    const reason = rejected[0]?.reason ?? 'is no record';
    throw new SluiceError('webhook_record_rejected', `The ${stream.name} record ${reason}.`);
  }
  return stream.version === undefined ? { ...valid, version } : valid;
}

type Upsert = Extract<WebhookEffect, { readonly effect: 'upsert' }>;

/** Writes the record that stands in the message. @throws SluiceError as `validRecord` and `writeAndEnd` */
export async function writePayloadAndEnd(
  context: WebhookContext,
  event: Applying,
  stream: StreamDefinition,
  { record, parent = '', merge }: Upsert,
  occurredAt: string | null,
): Promise<void> {
  const valid = (body: unknown): IncomingRecord => validRecord(stream, body, parent, occurredAt);
  await writeAndEnd(context, event, {
    stream: stream.name,
    records: [valid(record)],
    deletions: [],
    baseSeq: null,
    ...(merge === undefined ? {} : { merged: mergedWith(merge, valid) }),
  });
}

function mergedWith(
  merge: NonNullable<Upsert['merge']>,
  valid: (body: unknown) => IncomingRecord,
): NonNullable<PayloadWrite['merged']> {
  return (stored) => {
    const body = merge(stored);
    return body === undefined ? undefined : valid(body);
  };
}

/** Of a message that shows less of a record than is stored. */
interface PayloadWrite extends EventWrite {
  /** what becomes of the stored record; undefined where it is newer */
  readonly merged?: (stored: Readonly<Record<string, unknown>>) => IncomingRecord | undefined;
}

/**
 * Writes, and ends the event as processed.
 *
 * @throws SluiceError `webhook_contended` (transient) where a record that was asked for has been written meanwhile,
 *   `webhook_record_rejected` (data) where Postgres refuses it, `connection_removed`, `lease_lost` where another job
 *   stands for the event by now
 */
export async function writeAndEnd(
  context: WebhookContext,
  event: Applying,
  write: PayloadWrite,
): Promise<void> {
  const { connection, subject } = event;
  const counts = await refusing(() =>
    context.db.tx(async (client) => {
      const written = await writeEvent(client, connection.id, event.eventId, [
        await besideStored(client, connection.id, write),
      ]);
      // Rolled back: asking again costs a request, a wrong guess would cost a record.
      if (written.contended.length > 0) {
        throw new SluiceError(
          'webhook_contended',
          `The ${write.stream} record was written while it was asked for.`,
        );
      }
      const { added, updated, deleted, unchanged } = written;
      await end(client, event, 'processed', { added, updated, deleted, unchanged });
      if (added + updated + deleted > 0)
        await notifyEventChanges(client, { connectionId: connection.id, stream: write.stream });
      return written;
    }),
  );
  report(context, event, counts);
  context.logger.debug({ eventId: event.eventId, connection: connection.id, ...subject }, 'webhook applied');
}

/**
 * An upsert of a payload may come after the delete of a record that was never stored: nothing in the mirror tells that it
 * is older, but the delete itself, which stands in the inbox. And it may hold less than what is stored. Both are looked
 * for under the stream's lock, as all that follows.
 */
async function besideStored(
  client: pg.PoolClient,
  connectionId: string,
  write: PayloadWrite,
): Promise<EventWrite> {
  if (write.baseSeq !== null || write.records.length === 0) return write;
  // In the order of every writer: the connection, then its streams.
  await client.query(`select 1 from sluice.connections where id = $1 for key share`, [connectionId]);
  await lockStreamForEvent(client, { connectionId, stream: write.stream });
  const records: IncomingRecord[] = [];
  for (const record of write.records) {
    const deletes = await deletesOf(client, connectionId, write.stream, record.id);
    const isGone = deletes.some((at) => (compareVersions(record.version, at) ?? 0) < 0);
    const kept = isGone ? undefined : await mergedRecord(client, connectionId, write, record);
    if (kept !== undefined) records.push(kept);
  }
  return { ...write, records };
}

async function mergedRecord(
  client: pg.PoolClient,
  connectionId: string,
  { stream, merged }: PayloadWrite,
  record: IncomingRecord,
): Promise<IncomingRecord | undefined> {
  if (merged === undefined) return record;
  const stored = await client.query<{ body: string }>(
    `select data::text as body from sluice.records
      where connection_id = $1 and stream = $2 and record_id = $3 and deleted_at is null`,
    [connectionId, stream, record.id],
  );
  const [row] = stored.rows;
  return row === undefined ? record : merged(parseExactJson(row.body) as Readonly<Record<string, unknown>>);
}

/** Asks for a run of these streams and ends the event, together. Returns the run whose job must be added, if any. */
export async function syncAndEnd(
  context: WebhookContext,
  event: Applying,
  streams: readonly string[],
): Promise<string | undefined> {
  const run = await context.db.tx(async (client) => {
    const requested = await requestRunIn(client, {
      connectionId: event.connection.id,
      trigger: 'webhook',
      streams,
      priority: PRIORITY,
    });
    await end(client, event, 'processed', { run: requested.runId });
    return requested;
  });
  context.onEvent?.(event.connection.provider.id, 'processed');
  return run.enqueue ? run.runId : undefined;
}

/** Ends an event that changes nothing here. */
export async function endOnly(
  context: WebhookContext,
  event: Applying,
  status: 'processed' | 'ignored',
  outcome: Readonly<Record<string, unknown>>,
): Promise<void> {
  await end(context.db.pool, event, status, outcome);
  context.onEvent?.(event.connection.provider.id, status);
}

async function end(
  client: pg.Pool | pg.PoolClient,
  { eventId, jobId, subject }: Applying,
  status: 'processed' | 'ignored',
  outcome: Readonly<Record<string, unknown>>,
): Promise<void> {
  const ours = await endEvent(client, eventId, jobId, { ...subject, status, outcome, error: null });
  if (!ours) throw new SluiceError('lease_lost', 'Another worker has taken this event over.');
}

/** What Postgres won't store is the content's fault, and no repetition mends it. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isContentError(error)) throw error;
    const said = error instanceof Error ? error.message.slice(0, 200) : '';
    throw new SluiceError('webhook_record_rejected', `Postgres refuses the record: ${said}`, {
      cause: error,
    });
  }
}

function report(context: WebhookContext, event: Applying, counts: EventCounts): void {
  const provider = event.connection.provider.id;
  context.onRecords?.(provider, counts);
  context.onEvent?.(provider, 'processed');
}
