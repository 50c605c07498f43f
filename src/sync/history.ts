/** Runs as they are shown: by the commands, by HTTP, in the console. */
import type { Db } from '../store/db.ts';
import type { ErrorReport } from '../errors.ts';

export interface StreamView {
  readonly name: string;
  readonly status: string;
  readonly mode: string;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly pages: number;
  readonly cursor: unknown;
  readonly error: ErrorReport | null;
  /** when a waiting stream goes on, and why it waits */
  readonly waitUntil: string | null;
  readonly waitReason: string | null;
}

export interface RunView {
  readonly id: string;
  readonly connection: string;
  readonly status: string;
  readonly trigger: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly tokenRequests: number;
  readonly requests: number;
  readonly retries: number;
  readonly error: ErrorReport | null;
  readonly streams: readonly StreamView[];
}

interface RunRecord {
  readonly id: string;
  readonly connection_id: string;
  readonly status: string;
  readonly trigger: string;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly token_requests: number;
  readonly requests: number;
  readonly retries: number;
  readonly error: ErrorReport | null;
  readonly streams: readonly StreamView[];
}

const SELECT = `
  select r.id, r.connection_id, r.status, r.trigger, r.created_at, r.started_at, r.finished_at, r.error,
         coalesce(sum(s.token_requests), 0)::int as token_requests,
         coalesce(sum(s.requests), 0)::int as requests, coalesce(sum(s.retries), 0)::int as retries,
         coalesce(json_agg(json_build_object(
           'name', s.stream, 'status', s.status, 'mode', s.mode, 'added', s.added, 'updated', s.updated,
           'deleted', s.deleted, 'unchanged', s.unchanged, 'rejected', s.rejected, 'pages', s.pages,
           'cursor', st.cursor, 'error', s.error, 'waitUntil', s.wait_until, 'waitReason', s.wait_reason
         ) order by s.wave, s.stream) filter (where s.stream is not null), '[]') as streams
    from sluice.runs r
    left join sluice.run_streams s on s.run_id = r.id
    left join sluice.streams st on st.connection_id = r.connection_id and st.stream = s.stream`;

export async function runView(db: Db, runId: string): Promise<RunView | undefined> {
  const result = await db.pool.query<RunRecord>(`${SELECT} where r.id = $1 group by r.id`, [runId]);
  return result.rows[0] === undefined ? undefined : toView(result.rows[0]);
}

/** Where a run stands in the list. The time in full: a `Date` would cut it to milliseconds. */
export interface RunPlace {
  readonly at: string;
  readonly id: string;
}

/** Undefined where there is no such run any more. */
export async function runPlace(db: Db, id: string): Promise<RunPlace | undefined> {
  const result = await db.pool.query<RunPlace>(
    `select id, to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
       from sluice.runs where id = $1`,
    [id],
  );
  return result.rows[0];
}

export interface RunFilter {
  readonly connection?: string;
  readonly status?: string;
  /** older than the run at this place */
  readonly before?: RunPlace;
  readonly limit: number;
}

/** Newest first. */
export async function listRuns(db: Db, filter: RunFilter): Promise<RunView[]> {
  const result = await db.pool.query<RunRecord>(
    `${SELECT} where r.id in (
        select id from sluice.runs
         where ($1::text is null or connection_id = $1) and ($2::text is null or status = $2)
           and ($4::timestamptz is null or (created_at, id) < ($4, $5))
         order by created_at desc, id desc limit $3)
      group by r.id order by r.created_at desc, r.id desc`,
    [
      filter.connection ?? null,
      filter.status ?? null,
      filter.limit,
      filter.before?.at ?? null,
      filter.before?.id ?? null,
    ],
  );
  return result.rows.map(toView);
}

/** Postgres writes times within JSON in its own form. */
function isoTime(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

function toView(row: RunRecord): RunView {
  return {
    id: row.id,
    connection: row.connection_id,
    status: row.status,
    trigger: row.trigger,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    tokenRequests: row.token_requests,
    requests: row.requests,
    retries: row.retries,
    error: row.error,
    streams: row.streams.map((stream) => ({ ...stream, waitUntil: isoTime(stream.waitUntil) })),
  };
}
