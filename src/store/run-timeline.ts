/**
 * The timeline of a run. Entries are written by the very statement that moves the run's stream on: with the page
 * they led to, or with the outcome of a delivery, and never by a round trip of their own.
 */
import type pg from 'pg';
import type { Db } from './db.ts';

/** Of each stream of a run the first so many entries are kept, and the newest so many. */
export const KEPT_FIRST = 100;
export const KEPT_LAST = 100;

/** Why a request left later than it could have. */
export type RequestWaitReason = 'rate_limit' | 'quick_retry' | 'replay' | 'token';

/** One request for data. Milliseconds, unless said otherwise. */
export interface RequestEntry {
  readonly kind: 'request';
  /** epoch milliseconds */
  readonly at: number;
  /** path and query, the values of the query left out */
  readonly path: string;
  /** null where no answer came */
  readonly status: number | null;
  /** code of the error where no answer came */
  readonly error: string | null;
  readonly ms: number;
  /** how often this page was asked for in one go: 2 and more are quick retries and replays after a 401 */
  readonly attempt: number;
  readonly waits: readonly { readonly reason: RequestWaitReason; readonly ms: number }[];
  /** age in seconds; `new` where this request had it fetched */
  /** null where the credentials go in headers alone */
  readonly token: { readonly ageSeconds: number; readonly new: boolean } | null;
}

/** Why a stream waits between two deliveries. */
export type StreamWaitReason =
  'backoff' | 'rate_limit' | 'retry_after' | 'not_ready' | 'lease' | 'token' | 'shutdown';

export interface WaitEntry {
  readonly kind: 'wait';
  /** epoch milliseconds */
  readonly at: number;
  readonly reason: StreamWaitReason;
  /** code of the error that led to it */
  readonly error: string;
  /** epoch milliseconds; null: as soon as a worker takes it up */
  readonly until: number | null;
  /** attempts that are spent with this one; null where it spends none */
  readonly attempt: number | null;
}

export type TimelineEntry = RequestEntry | WaitEntry;

/** What the page of a request did; of the request that brought it. */
export interface PageCounts {
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly rejected: number;
}

export interface EntryBatch {
  readonly entries: readonly TimelineEntry[];
  /** the one of them that brought the page which is committed with them */
  readonly page?: RequestEntry | undefined;
}

export interface Moved {
  /** whether a row was updated; where none was, nothing is written */
  readonly moved: boolean;
  /** somebody asked for the end of the run, or ended it: by removing its connection */
  readonly over: boolean;
}

/**
 * Runs an update of `run_streams` and writes down these entries with it, in one statement. `update` stands without
 * `returning`; its first value must be the run's id, and its `set` must include `entries = entries + $n`, with the
 * batch's size. With a `name`, always of the same text, it is planned once for each connection to Postgres.
 */
export async function updateWithEntries(
  client: Pick<pg.PoolClient, 'query'>,
  update: string,
  values: readonly unknown[],
  { entries, page }: EntryBatch,
  { name, counts }: { readonly name?: string; readonly counts?: PageCounts } = {},
): Promise<Moved> {
  // No two of one statement may share a slot.
  const kept = entries.slice(-KEPT_LAST);
  const rows = kept.map((entry, index) => ({
    behind: kept.length - 1 - index,
    at: new Date(entry.at).toISOString(),
    entry,
    paged: entry === page,
  }));
  const [list, done] = [`$${values.length + 1}`, `$${values.length + 2}`];
  const result = await client.query<{ moved: number; over: boolean | null }>({
    ...(name === undefined ? {} : { name }),
    text: `with moved as (${update} returning run_id, stream, entries, pages), logged as (
       insert into sluice.run_timeline (run_id, stream, slot, number, at, entry)
       select run_id, stream,
              case when number <= ${KEPT_FIRST} then number
                   else ${KEPT_FIRST + 1} + (number - ${KEPT_FIRST + 1}) % ${KEPT_LAST} end,
              number, at, entry
         from (select m.run_id, m.stream, m.entries - e.behind as number, e.at,
                      case when e.paged then e.entry || jsonb_build_object('page', m.pages, 'records', ${done}::jsonb)
                           else e.entry end as entry
                 from moved m
                cross join jsonb_to_recordset(${list}::jsonb)
                           as e (behind int, at timestamptz, entry jsonb, paged boolean)) numbered
       on conflict (run_id, stream, slot) do update
          set number = excluded.number, at = excluded.at, entry = excluded.entry
     )
     select (select count(*)::int from moved) as moved,
            (select cancel_requested or slot is distinct from 'active' from sluice.runs where id = $1) as over`,
    values: [...values, JSON.stringify(rows), JSON.stringify(counts ?? null)],
  });
  const [row] = result.rows;
  return { moved: row?.moved === 1, over: row?.over ?? true };
}

/** As it is stored: a request that brought a page has its number in the run, and what it did. */
export type StoredEntry =
  (RequestEntry & { readonly page?: number; readonly records?: PageCounts }) | WaitEntry;

export interface StoredTimeline {
  readonly entries: readonly {
    readonly stream: string;
    readonly number: number;
    readonly entry: StoredEntry;
  }[];
  /** by stream: how many there were in all */
  readonly totals: ReadonlyMap<string, number>;
}

/** What is kept of a run, in the order in which it happened. */
export async function readTimeline(db: Db, runId: string): Promise<StoredTimeline> {
  const kept = await db.pool.query<{ stream: string; number: number; entry: StoredEntry }>(
    `select stream, number, entry from sluice.run_timeline where run_id = $1 order by at, stream, number`,
    [runId],
  );
  const totals = await db.pool.query<{ stream: string; entries: number }>(
    `select stream, entries from sluice.run_streams where run_id = $1 and entries > 0`,
    [runId],
  );
  return { entries: kept.rows, totals: new Map(totals.rows.map((row) => [row.stream, row.entries])) };
}
