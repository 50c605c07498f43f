/**
 * What was done, hour by hour: runs by outcome, records by operation. An hour that is over doesn't change any more, so a
 * process asks for each of them once; what is asked again and again is the running hour, cut out by the index on the
 * end of runs.
 */
import type { Db } from '../store/db.ts';

const HOUR_MS = 3_600_000;
/** An hour counts as over once every transaction that closed a run in it has surely been committed. */
const SETTLED_MS = 120_000;
/** The running hour is asked for once in so many milliseconds, whoever looks. */
const ASKED_EVERY_MS = 5_000;

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

export interface Activity {
  /** so many hours, the running one included, oldest first; hours in which nothing ended are there too */
  lately(hours: number): Promise<readonly HourView[]>;
}

/** `now` in epoch milliseconds. */
export function createActivity(db: Pick<Db, 'pool'>, now: () => number): Activity {
  /** by beginning */
  const settled = new Map<number, HourView>();
  let open: { readonly at: number; readonly from: number; readonly hours: Promise<HourView[]> } | undefined;

  const ask = (from: number): Promise<HourView[]> => {
    if (open !== undefined && open.from <= from && now() - open.at < ASKED_EVERY_MS) return open.hours;
    const hours = read(db, from);
    const asked = { at: now(), from, hours };
    open = asked;
    hours.catch(() => {
      if (open === asked) open = undefined;
    });
    return hours;
  };

  return {
    async lately(count) {
      const moment = now();
      const current = Math.floor(moment / HOUR_MS) * HOUR_MS;
      const first = current - (count - 1) * HOUR_MS;
      for (const at of settled.keys()) if (at < current - 31 * 24 * HOUR_MS) settled.delete(at);
      let from = first;
      while (settled.has(from)) from += HOUR_MS;
      const fresh = new Map((await ask(from)).map((hour) => [Date.parse(hour.at), hour]));
      return Array.from({ length: count }, (_, index) => {
        const at = first + index * HOUR_MS;
        const hour = (at < from ? settled.get(at) : fresh.get(at)) ?? nothing(at);
        if (at + HOUR_MS + SETTLED_MS < moment) settled.set(at, hour);
        return hour;
      });
    },
  };
}

function nothing(at: number): HourView {
  const none = { succeeded: 0, partial: 0, failed: 0, added: 0, updated: 0, deleted: 0, rejected: 0 };
  return { at: new Date(at).toISOString(), ...none, requests: 0 };
}

type HourRow = Omit<HourView, 'at'> & { readonly at: Date };

/** Hours from that moment on in which a run ended. Cancelled runs tell neither success nor failure. */
async function read(db: Pick<Db, 'pool'>, from: number): Promise<HourView[]> {
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
      where r.finished_at >= $1
      group by 1 order by 1`,
    [new Date(from).toISOString()],
  );
  return result.rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}
