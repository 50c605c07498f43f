/** Connections as they are shown: state first, with the reason and what to do. */
import type { ConnectionInput } from '../config/index.ts';
import type { Db } from '../store/db.ts';
import {
  allConnections,
  connectionsAfter,
  findConnection,
  type ConnectionRow,
} from '../store/connections.ts';
import { findGrant } from '../store/grants.ts';
import { endpointTrouble } from '../store/webhook-endpoints.ts';
import { slowReason } from './circuit.ts';
import { listRuns, type RunView } from './history.ts';
import type { Timetable } from './schedule.ts';

export interface ConnectionView {
  readonly id: string;
  readonly provider: string;
  readonly state: string;
  readonly since: string;
  /** of the error that brought it into this state */
  readonly code: string | null;
  readonly reason: string | null;
  readonly advice: string | null;
  readonly managedBy: string;
  /** who connected it, where a person did and the provider says who */
  readonly account: string | null;
  readonly schedule: string;
  readonly timezone: string;
  readonly nextRunAt: string | null;
  /** runs in a row in which no stream succeeded; from the second on they slow the schedule down */
  readonly failedRuns: number;
  readonly lastRun: RunView | null;
  /** streams that its own configuration describes */
  readonly customStreams: readonly CustomStreamView[];
  /** live records by stream */
  readonly records: Readonly<Record<string, number>>;
}

export interface CustomStreamView {
  readonly name: string;
  readonly path: string;
  readonly parent: string | null;
  /** style */
  readonly paging: string;
  /** how changes are found */
  readonly changes: string;
}

/** Effective schedule of a stored connection; the provider's own where the user named none. */
export type ScheduleOf = (row: ConnectionRow) => Timetable;

export async function connectionView(
  db: Db,
  id: string,
  scheduleOf: ScheduleOf,
): Promise<ConnectionView | undefined> {
  const row = await findConnection(db.pool, id);
  return row === undefined ? undefined : toView(db, row, scheduleOf);
}

export async function listConnections(db: Db, scheduleOf: ScheduleOf): Promise<ConnectionView[]> {
  const views: ConnectionView[] = [];
  for (const row of await allConnections(db.pool)) views.push(await toView(db, row, scheduleOf));
  return views;
}

/** One without the counts. */
export async function connectionSummary(
  db: Db,
  id: string,
  scheduleOf: ScheduleOf,
): Promise<ConnectionSummary | undefined> {
  const row = await findConnection(db.pool, id);
  return row === undefined ? undefined : toSummary(db, row, scheduleOf);
}

/** What a list shows of each: without the counts, which take longer the more there is. */
export type ConnectionSummary = Omit<ConnectionView, 'records'>;

/** A page of them by id, and whether another one follows. */
export async function connectionPage(
  db: Db,
  scheduleOf: ScheduleOf,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly connections: ConnectionSummary[]; readonly more: boolean }> {
  const rows = await connectionsAfter(db.pool, after ?? '', limit + 1);
  const connections: ConnectionSummary[] = [];
  for (const row of rows.slice(0, limit)) connections.push(await toSummary(db, row, scheduleOf));
  return { connections, more: rows.length > limit };
}

async function toView(db: Db, row: ConnectionRow, scheduleOf: ScheduleOf): Promise<ConnectionView> {
  const counts = await db.pool.query<{ stream: string; count: number }>(
    `select stream, count(*)::int as count from sluice.records
      where connection_id = $1 and deleted_at is null group by stream order by stream`,
    [row.id],
  );
  const summary = await toSummary(db, row, scheduleOf);
  return {
    ...summary,
    records: Object.fromEntries(counts.rows.map((count) => [count.stream, count.count])),
  };
}

async function toSummary(db: Db, row: ConnectionRow, scheduleOf: ScheduleOf): Promise<ConnectionSummary> {
  const [lastRun] = await listRuns(db, { connection: row.id, limit: 1 });
  const { schedule, timezone } = scheduleOf(row);
  const slow =
    row.state === 'active'
      ? slowReason(row.failed_runs, lastRun?.error?.message, row.next_run_at)
      : undefined;
  // It syncs, and hears of changes later than it should.
  const deaf = row.state === 'active' && slow === undefined ? await endpointTrouble(db, row.id) : undefined;
  return {
    id: row.id,
    provider: row.provider,
    state: row.state,
    since: row.state_since.toISOString(),
    code: row.state_code,
    reason: slow ?? deaf?.message ?? row.state_reason,
    advice: slow === undefined ? (deaf?.advice ?? row.state_advice) : (lastRun?.error?.advice ?? null),
    managedBy: row.managed_by,
    account: (await findGrant(db.pool, row.id))?.account_label ?? null,
    schedule,
    timezone,
    nextRunAt: row.next_run_at?.toISOString() ?? null,
    failedRuns: row.failed_runs,
    lastRun: lastRun ?? null,
    customStreams: customStreamsOf(row),
  };
}

function customStreamsOf(row: ConnectionRow): CustomStreamView[] {
  const { customStreams } = row.config as Partial<ConnectionInput>;
  return (customStreams ?? []).map(({ name, path, parent, paging, changes }) => ({
    name,
    path,
    parent: parent ?? null,
    paging: paging.style,
    changes: changes.detect,
  }));
}
