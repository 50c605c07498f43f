/** The inbox as commands, pages and the API show it. */
import type { ErrorReport } from '../errors.ts';
import type { Db } from '../store/db.ts';
import {
  findEventRow,
  listEventRows,
  replayEventRows,
  type EventFilter,
  type EventStatus,
  type ReplayChoice,
  type StoredEventRow,
} from '../store/inbox-history.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Times are ISO 8601 in UTC. */
export interface EventView {
  readonly id: string;
  readonly connection: string;
  readonly type: string | null;
  readonly status: EventStatus;
  readonly receivedAt: string;
  /** deliveries to a worker that ended in a failure that may pass */
  readonly attempts: number;
  readonly error: ErrorReport | null;
  /** the provider's own id */
  readonly eventId: string | null;
  readonly occurredAt: string | null;
  readonly processedAt: string | null;
  readonly waitUntil: string | null;
  readonly stream: string | null;
  readonly record: string | null;
  readonly outcome: Readonly<Record<string, unknown>> | null;
  /** further deliveries by the provider; of these, those with another body */
  readonly duplicates: number;
  readonly conflicts: number;
  readonly replays: number;
  readonly replayedAt: string | null;
  readonly replayedBy: string | null;
}

/** With its body as text, as far as it is text; null when its retention is over. */
export type EventDetail = EventView & { readonly body: string | null };

export async function listEvents(db: Db, filter: EventFilter): Promise<EventView[]> {
  return (await listEventRows(db, filter)).map(eventView);
}

export async function findEvent(db: Db, id: string): Promise<EventDetail | undefined> {
  const row = await findEventRow(db, id);
  return row === undefined ? undefined : { ...eventView(row), body: row.body?.toString('utf8') ?? null };
}

export interface Replayed {
  readonly events: readonly string[];
  /** whose free slots are to be given out now */
  readonly connections: readonly string[];
}

/**
 * Applies events again. Safe for old ones: versions decide what is newer, as they did the first time. Who asked is
 * kept on the event and in the log.
 */
export async function replayEvents(
  context: { readonly db: Db; readonly logger: Logger },
  choice: ReplayChoice,
): Promise<Replayed> {
  const rows = await replayEventRows(context.db, choice);
  const connections = [...new Set(rows.map((row) => row.connection_id))];
  context.logger.info({ by: choice.by, events: rows.length, connections }, 'webhooks are applied again');
  return { events: rows.map(({ id }) => id), connections };
}

function eventView(row: StoredEventRow): EventView {
  return {
    id: row.id,
    connection: row.connection_id,
    type: row.type,
    status: row.status,
    receivedAt: row.received_at.toISOString(),
    attempts: row.attempts,
    error: row.error,
    eventId: row.event_id,
    occurredAt: row.occurred_at,
    processedAt: row.processed_at?.toISOString() ?? null,
    waitUntil: row.wait_until?.toISOString() ?? null,
    stream: row.stream,
    record: row.record_id,
    outcome: row.outcome,
    duplicates: row.duplicates,
    conflicts: row.conflicts,
    replays: row.replays,
    replayedAt: row.replayed_at?.toISOString() ?? null,
    replayedBy: row.replayed_by,
  };
}
