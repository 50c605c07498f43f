/**
 * What was done, hour by hour: runs by outcome, records by operation. An hour that is over doesn't change any more, so a
 * process asks for each of them once, a few hours by a statement, the newest first; what is asked again and again is the
 * running hour. Each is cut out by the index on the end of runs. Whoever looks waits for a moment only: what isn't added
 * up by then is added up behind his back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../store/db.ts';

const HOUR_MS = 3_600_000;
/** An hour counts as over once every transaction that closed a run in it has surely been committed. */
const SETTLED_MS = 120_000;
/** The running hour is asked for once in so many milliseconds, whoever looks. */
const ASKED_EVERY_MS = 5_000;
/** Hours of one statement. */
const SLICE = 6;
/** How long somebody waits for hours that are over. */
const PATIENCE_MS = 1_500;
const KEPT_MS = 31 * 24 * HOUR_MS;

export interface HourView {
  /** its beginning */
  readonly at: string;
  readonly succeeded: number;
  /** partial and held ones */
  readonly partial: number;
  readonly failed: number;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly rejected: number;
  readonly requests: number;
}

export interface Lately {
  /** oldest first; hours in which nothing ended are there too */
  readonly hours: readonly HourView[];
  /** how many of them are not added up yet, and look as if nothing had ended */
  readonly missing: number;
}

export interface Activity {
  /** so many hours, the running one included */
  lately(hours: number): Promise<Lately>;
}

/** `now` in epoch milliseconds. `patienceMs`: how long a caller waits for hours that are over [1500]. */
export function createActivity(
  db: Pick<Db, 'pool'>,
  now: () => number,
  patienceMs: number = PATIENCE_MS,
): Activity {
  /** by beginning */
  const settled = new Map<number, HourView>();
  let open: { readonly at: number; readonly from: number; readonly hours: Promise<HourView[]> } | undefined;
  let filling: Promise<void> | undefined;
  /** the oldest hour that anybody wants */
  let oldest = Number.POSITIVE_INFINITY;

  /** The first hour that may still change. */
  const firstOpen = (): number => Math.floor((now() - SETTLED_MS) / HOUR_MS) * HOUR_MS;

  const ask = (from: number): Promise<HourView[]> => {
    if (open !== undefined && open.from === from && now() - open.at < ASKED_EVERY_MS) return open.hours;
    const hours = read(db, from);
    const asked = { at: now(), from, hours };
    open = asked;
    hours.catch(() => {
      if (open === asked) open = undefined;
    });
    return hours;
  };

  const fillAll = async (): Promise<void> => {
    for (;;) {
      let to = firstOpen();
      while (to > oldest && settled.has(to - HOUR_MS)) to -= HOUR_MS;
      if (to <= oldest) return;
      let from = to - HOUR_MS;
      while (from > oldest && to - from < SLICE * HOUR_MS && !settled.has(from - HOUR_MS)) from -= HOUR_MS;
      const found = new Map((await read(db, from, to)).map((hour) => [Date.parse(hour.at), hour]));
      for (let at = from; at < to; at += HOUR_MS) settled.set(at, found.get(at) ?? nothing(at));
    }
  };
  /** One at a time in a process, whoever looks. */
  const fill = (from: number): Promise<void> => {
    oldest = Math.min(oldest, from);
    filling ??= fillAll().finally(() => {
      filling = undefined;
      oldest = Number.POSITIVE_INFINITY;
    });
    return filling;
  };

  return {
    async lately(count) {
      const current = Math.floor(now() / HOUR_MS) * HOUR_MS;
      const first = current - (count - 1) * HOUR_MS;
      for (const at of settled.keys()) if (at < current - KEPT_MS) settled.delete(at);
      const from = Math.max(first, firstOpen());
      const [recent] = await Promise.all([ask(from), inTime(fill(first), patienceMs)]);
      const fresh = new Map(recent.map((hour) => [Date.parse(hour.at), hour]));
      let missing = 0;
      const hours = Array.from({ length: count }, (_, index) => {
        const at = first + index * HOUR_MS;
        const hour = at < from ? settled.get(at) : (fresh.get(at) ?? nothing(at));
        if (hour === undefined) missing += 1;
        return hour ?? nothing(at);
      });
      return { hours, missing };
    },
  };
}

/** Waits for it, but no longer. It goes on then, and its failure is told to whoever looks next. */
async function inTime(work: Promise<void>, ms: number): Promise<void> {
  const timer = new AbortController();
  work.catch(() => undefined);
  try {
    await Promise.race([work, sleep(ms, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

function nothing(at: number): HourView {
  const none = { succeeded: 0, partial: 0, failed: 0, added: 0, updated: 0, deleted: 0, rejected: 0 };
  return { at: new Date(at).toISOString(), ...none, requests: 0 };
}

type HourRow = Omit<HourView, 'at'> & { readonly at: Date };

/** Hours from that moment on in which a run ended. Cancelled runs tell neither success nor failure. */
async function read(db: Pick<Db, 'pool'>, from: number, to?: number): Promise<HourView[]> {
  const result = await db.pool.query<HourRow>(
    `select date_trunc('hour', r.finished_at, 'UTC') as at,
            count(*) filter (where r.status = 'succeeded')::int as succeeded,
            count(*) filter (where r.status in ('partial', 'held'))::int as partial,
            count(*) filter (where r.status = 'failed')::int as failed,
            coalesce(sum(s.added), 0)::float8 as added, coalesce(sum(s.updated), 0)::float8 as updated,
            coalesce(sum(s.deleted), 0)::float8 as deleted, coalesce(sum(s.rejected), 0)::float8 as rejected,
            coalesce(sum(s.requests), 0)::float8 as requests
       from sluice.runs r
       left join lateral (
         select sum(added) as added, sum(updated) as updated, sum(deleted) as deleted, sum(rejected) as rejected,
                sum(requests) as requests
           from sluice.run_streams where run_id = r.id) s on true
      where r.finished_at >= $1 and r.finished_at < coalesce($2::timestamptz, 'infinity')
      group by 1 order by 1`,
    [new Date(from).toISOString(), to === undefined ? null : new Date(to).toISOString()],
  );
  return result.rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}
