/** Connections at a glance: state, last run, how fresh their data are; in two statements, however many there are. */
import type { ConnectionInput } from '../config/connection.ts';
import type { ErrorReport } from '../errors.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { chosenStreams } from '../providers/resolve.ts';
import type { Db } from '../store/db.ts';
import { freshnessOf, type Freshness } from './freshness.ts';
import { scheduleOf } from './schedule-of.ts';

export interface ConnectionGlance {
  readonly id: string;
  readonly provider: string;
  readonly state: string;
  readonly since: string;
  readonly reason: string | null;
  readonly advice: string | null;
  readonly managedBy: string;
  readonly schedule: string;
  readonly nextRunAt: string | null;
  /** runs in a row in which no stream succeeded; from the second on they slow the schedule down */
  readonly failedRuns: number;
  readonly lastRun: {
    readonly id: string;
    readonly status: string;
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
    readonly error: ErrorReport | null;
  } | null;
  readonly freshness: Freshness;
}

interface Row {
  readonly id: string;
  readonly provider: string;
  readonly state: string;
  readonly state_since: Date;
  readonly state_reason: string | null;
  readonly state_advice: string | null;
  readonly managed_by: string;
  readonly failed_runs: number;
  readonly next_run_at: Date | null;
  readonly config: unknown;
  readonly run_id: string | null;
  readonly run_status: string;
  readonly run_error: ErrorReport | null;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export interface GlanceFilter {
  /** stands somewhere in the id or in the provider's */
  readonly search: string;
  /** one of these [any] */
  readonly states: readonly string[];
}

/** More than these aren't counted. */
export const GLANCE_COUNT_LIMIT = 10_000;

/** A page of those that fit, by id; `total` up to one more than `GLANCE_COUNT_LIMIT`. */
export async function glancePage(
  db: Pick<Db, 'pool'>,
  findProvider: (id: string) => ProviderDefinition | undefined,
  now: number,
  { search, states, after, limit }: GlanceFilter & { readonly after: string; readonly limit: number },
): Promise<{
  readonly connections: ConnectionGlance[];
  readonly more: boolean;
  readonly total: number;
}> {
  const fits = `($1 = '' or strpos(id, $1) > 0 or strpos(provider, $1) > 0)
                and (cardinality($2::text[]) = 0 or state = any($2))`;
  const filter = [search.toLowerCase(), states];
  const [page, all] = await Promise.all([
    db.pool.query<{ id: string }>(
      `select id from sluice.connections where ${fits} and id > $3 order by id limit $4`,
      [...filter, after, limit + 1],
    ),
    db.pool.query<{ total: number }>(
      `select count(*)::int as total from (select 1 from sluice.connections where ${fits} limit $3) found`,
      [...filter, GLANCE_COUNT_LIMIT + 1],
    ),
  ]);
  const ids = page.rows.slice(0, limit).map(({ id }) => id);
  return {
    connections: ids.length === 0 ? [] : await glances(db, findProvider, now, ids),
    more: page.rows.length > limit,
    total: all.rows[0]?.total ?? 0,
  };
}

/** In the order of their ids; of these alone where `ids` are given. `now` in epoch milliseconds. */
export async function glances(
  db: Pick<Db, 'pool'>,
  findProvider: (id: string) => ProviderDefinition | undefined,
  now: number,
  ids?: readonly string[],
): Promise<ConnectionGlance[]> {
  const [connections, streams] = await Promise.all([
    db.pool.query<Row>(
      `select c.id, c.provider, c.state, c.state_since, c.state_reason, c.state_advice, c.managed_by, c.failed_runs,
              c.next_run_at, c.config, r.id as run_id, r.status as run_status, r.error as run_error, r.started_at,
              r.finished_at
         from sluice.connections c
         left join lateral (select id, status, error, started_at, finished_at from sluice.runs
                             where connection_id = c.id order by created_at desc, id desc limit 1) r on true
        where $1::text[] is null or c.id = any($1)
        order by c.id`,
      [ids ?? null],
    ),
    db.pool.query<{ connection_id: string; stream: string; last_success_at: Date }>(
      `select connection_id, stream, last_success_at from sluice.streams
        where last_success_at is not null and ($1::text[] is null or connection_id = any($1))`,
      [ids ?? null],
    ),
  ]);
  const successes = new Map<string, Map<string, Date>>();
  for (const { connection_id, stream, last_success_at } of streams.rows) {
    const known = successes.get(connection_id) ?? new Map<string, Date>();
    successes.set(connection_id, known.set(stream, last_success_at));
  }
  return connections.rows.map((row) => glance(row, successes.get(row.id), findProvider, now));
}

function glance(
  row: Row,
  successes: ReadonlyMap<string, Date> | undefined,
  findProvider: (id: string) => ProviderDefinition | undefined,
  now: number,
): ConnectionGlance {
  const provider = findProvider(row.provider);
  const chosen = provider === undefined ? [] : chosenStreams(row.config as ConnectionInput, provider);
  const timetable = scheduleOf(row, findProvider);
  return {
    id: row.id,
    provider: row.provider,
    state: row.state,
    since: row.state_since.toISOString(),
    reason: row.state_reason,
    advice: row.state_advice,
    managedBy: row.managed_by,
    schedule: timetable.schedule,
    nextRunAt: row.next_run_at?.toISOString() ?? null,
    failedRuns: row.failed_runs,
    lastRun:
      row.run_id === null
        ? null
        : {
            id: row.run_id,
            status: row.run_status,
            startedAt: row.started_at?.toISOString() ?? null,
            finishedAt: row.finished_at?.toISOString() ?? null,
            error: row.run_error,
          },
    freshness: freshnessOf(
      chosen.map(({ name }) => successes?.get(name)),
      timetable,
      now,
    ),
  };
}
