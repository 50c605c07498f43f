/**
 * What the whole fleet has before it, for gauges: one statement, on a connection of its own that gives up soon. A scrape
 * must neither wait for the pool that the work uses up nor add to a database that has stopped to answer.
 */
import type { FleetState } from '../telemetry/gauges.ts';
import { openDb } from './db.ts';

const CONNECT_MS = 1_500;
const STATEMENT_MS = 1_800;

type Row = Omit<FleetState, 'ownTime'>;

export interface FleetStateReader {
  /** Fails within a few seconds where the database doesn't answer. */
  read(): Promise<FleetState>;
  close(): Promise<void>;
}

export function openFleetState(options: {
  readonly url: string;
  readonly applicationName: string;
  readonly now: () => number;
  readonly onError: (error: Error) => void;
}): FleetStateReader {
  const db = openDb({
    url: options.url,
    max: 1,
    applicationName: options.applicationName,
    connectTimeoutMs: CONNECT_MS,
    queryTimeoutMs: STATEMENT_MS,
    onError: options.onError,
  });
  return {
    async read() {
      const client = await db.pool.connect();
      let broken = true;
      try {
        const asked = options.now();
        const clock = await client.query<{ now: string }>(
          `select extract(epoch from clock_timestamp()) as now`,
        );
        const ownTime = (asked + options.now()) / 2000;
        const result = await client.query<Row>(STATE);
        broken = false;
        const row = result.rows[0];
        if (row === undefined) throw new Error('the state has no row');
        return {
          ...row,
          scheduleLate: Number(row.scheduleLate),
          databaseTime: Number(clock.rows[0]?.now),
          ownTime,
        };
      } finally {
        client.release(broken);
      }
    },
    close: () => db.close(),
  };
}

/** Rows of `query` as a list of objects whose `value` is a number. */
const list = (query: string): string => `coalesce((select jsonb_agg(t) from (${query}) t), '[]'::jsonb)`;
/** Seconds since a moment, never negative; 0 without one. */
const age = (moment: string): string =>
  `greatest(0, coalesce(extract(epoch from now() - (${moment})), 0))::float8`;

/** Of connections that work by themselves. */
const SCHEDULED = `c.state = 'active' and coalesce(c.config ->> 'schedule', '') <> 'manual'`;

/**
 * Goes by indexes that hold open work only, and asks each connection for its newest run and its oldest event: a long
 * history or a paused connection's backlog costs nothing but its count.
 */
const STATE = `select
  ${list(`select provider, state, count(*)::int as value from sluice.connections group by 1, 2`)} as connections,
  ${list(`select c.provider, coalesce(r.status, 'none') as status, count(*)::int as value
            from sluice.connections c
            left join lateral (select status from sluice.runs
                                where connection_id = c.id and slot is null
                                order by created_at desc, id desc limit 1) r on true
           group by 1, 2`)} as "lastRuns",
  ${list(`select provider, count(*)::int as value from sluice.connections
           where state = 'active' and failed_runs >= 2 group by 1`)} as slowed,
  ${list(`select c.provider, count(*)::int as value
            from sluice.connections c join sluice.streams s on s.connection_id = c.id
           where s.forbidden_until > now() group by 1`)} as forbidden,
  ${list(`select c.provider, ${age(`min(coalesce(s.last_success_at, c.created_at))`)} as value
            from sluice.connections c
            left join sluice.streams s on s.connection_id = c.id
             and (jsonb_typeof(c.config -> 'streams') is distinct from 'array' or c.config -> 'streams' ? s.stream)
           where ${SCHEDULED} group by 1`)} as freshness,
  ${list(`select status, count(*)::int as value from sluice.runs where slot is not null group by 1`)} as runs,
  jsonb_build_array(
    jsonb_build_object('queue', 'runs', 'value', ${age(`select min(coalesce(enqueued_at, created_at))
       from sluice.runs where slot = 'active' and started_at is null`)}),
    jsonb_build_object('queue', 'streams', 'value', ${age(`select min(s.enqueued_at)
       from sluice.runs r join sluice.run_streams s on s.run_id = r.id
      where r.slot = 'active' and s.status = 'queued'`)}),
    jsonb_build_object('queue', 'webhooks', 'value', ${age(`select min(e.received_at)
       from sluice.connections c
      cross join lateral (select received_at from sluice.webhook_events
                           where connection_id = c.id and status in ('received', 'queued') order by id limit 1) e
      where c.state = 'active'`)})) as "oldestWaiting",
  ${list(`select status, count(*)::int as value from sluice.webhook_events
           where status in ('received', 'queued', 'waiting', 'dead') group by 1`)} as events,
  ${list(`select status, count(*)::int as value from sluice.notifications
           where status in ('pending', 'failed') group by 1`)} as notifications,
  ${list(`select role, count(*)::int as value from sluice.fleet
           where seen_at >= now() - interval '30 seconds' group by 1`)} as processes,
  ${age(`select min(next_run_at) from sluice.connections c where ${SCHEDULED} and next_run_at is not null`)} as "scheduleLate"`;
