/** The inbox as people see it: lists, one event, and events that are to be applied again. */
import type { ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';

export const eventStatuses = ['received', 'queued', 'waiting', 'processed', 'ignored', 'dead'] as const;
export type EventStatus = (typeof eventStatuses)[number];

export interface StoredEventRow {
  readonly id: string;
  readonly connection_id: string;
  readonly event_id: string | null;
  readonly type: string | null;
  readonly status: EventStatus;
  readonly received_at: Date;
  readonly processed_at: Date | null;
  readonly wait_until: Date | null;
  readonly attempts: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly replays: number;
  readonly replayed_at: Date | null;
  readonly replayed_by: string | null;
  readonly stream: string | null;
  readonly record_id: string | null;
  readonly occurred_at: string | null;
  readonly outcome: Readonly<Record<string, unknown>> | null;
  readonly error: ErrorReport | null;
}

const COLUMNS = `id, connection_id, event_id, type, status, received_at, processed_at, wait_until, attempts, duplicates,
  conflicts, replays, replayed_at, replayed_by, stream, record_id, occurred_at, outcome, error`;

export interface EventFilter {
  readonly connection?: string | undefined;
  readonly status?: EventStatus | undefined;
  /** only those that came before this one, for the next page */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function listEventRows(db: Db, filter: EventFilter): Promise<StoredEventRow[]> {
  const result = await db.pool.query<StoredEventRow>(
    `select ${COLUMNS} from sluice.webhook_events
      where ($1::text is null or connection_id = $1) and ($2::text is null or status = $2)
        and ($3::text is null or id < $3)
      order by id desc limit $4`,
    [filter.connection ?? null, filter.status ?? null, filter.before ?? null, filter.limit],
  );
  return result.rows;
}

export async function findEventRow(
  db: Db,
  id: string,
): Promise<(StoredEventRow & { readonly body: Buffer | null }) | undefined> {
  const result = await db.pool.query<StoredEventRow & { body: Buffer | null }>(
    `select ${COLUMNS}, body from sluice.webhook_events where id = $1`,
    [id],
  );
  return result.rows[0];
}

export interface ReplayChoice {
  readonly ids?: readonly string[];
  readonly connection?: string | undefined;
  readonly status?: EventStatus | undefined;
  readonly since?: Date | undefined;
  /** who asked, for the row */
  readonly by: string;
}

export interface ReplayedRow {
  readonly id: string;
  readonly connection_id: string;
}

/** Of one statement: a replay of a year's events must not be one transaction. */
const BATCH = 1_000;

/** Sets events back to where they came in. Those that are open, or whose body is gone, stay as they are. */
export async function replayEventRows(db: Db, choice: ReplayChoice): Promise<ReplayedRow[]> {
  const replayed: ReplayedRow[] = [];
  let after = '';
  for (;;) {
    const result = await db.pool.query<ReplayedRow>(
      `update sluice.webhook_events e
          set status = 'received', job_id = null, attempts = 0, starts = 0, waited = 0, wait_until = null, error = null,
              outcome = null, processed_at = null, replays = e.replays + 1, replayed_at = now(), replayed_by = $5
         from (select id from sluice.webhook_events
                where status in ('processed', 'ignored', 'dead') and body is not null and id > $6
                  and ($1::text[] is null or id = any($1)) and ($2::text is null or connection_id = $2)
                  and ($3::text is null or status = $3) and ($4::timestamptz is null or received_at >= $4)
                order by id limit ${BATCH} for update) chosen
        where e.id = chosen.id
       returning e.id, e.connection_id`,
      [
        choice.ids ?? null,
        choice.connection ?? null,
        choice.status ?? null,
        choice.since ?? null,
        choice.by,
        after,
      ],
    );
    replayed.push(...result.rows);
    if (result.rows.length < BATCH) return replayed;
    after = result.rows.reduce((last, { id }) => (id > last ? id : last), after);
  }
}
