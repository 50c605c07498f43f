/** One look for schedules that are due, among many connections. */
import type pg from 'pg';
import { connectQueues } from '../src/jobs/backend.ts';
import { openQueues } from '../src/jobs/queues.ts';
import { runDue, type ScheduleContext } from '../src/jobs/schedules.ts';
import { findProvider } from '../src/providers/registry.ts';
import type { Runtime } from '../src/runtime.ts';
import type { Db } from '../src/store/db.ts';
import { scheduleOf } from '../src/sync/schedule-of.ts';
import { median } from './rounds.ts';

const CONNECTIONS = 10_000;
const DUE = 100;
const ROUNDS = 5;
/** After this no further round begins, in milliseconds. */
const BUDGET_MS = 10_000;
const IDLE_LOOKS = 50;

export interface DueSchedules {
  readonly connections: number;
  readonly due: number;
  /** looks until all that was due has been asked for */
  readonly looks: number;
  /** medians, in milliseconds */
  readonly busyLookMs: number;
  readonly allDueMs: number;
  readonly idleLookMs: number;
  /** how Postgres finds what is due */
  readonly plan: string;
}

/** Queues on Postgres: asking for a run includes putting its job there. */
export async function dueSchedules(
  runtime: Runtime,
  postgresUrl: string,
  signal: AbortSignal,
): Promise<DueSchedules> {
  const onError = (error: Error): void => runtime.logger.warn({ err: error }, 'queue connection');
  const connection = connectQueues({
    redis: undefined,
    postgresUrl,
    workers: false,
    onError,
    onWarning: () => {},
  });
  const queues = openQueues(connection, onError);
  const { db, logger, now } = runtime;
  const schedulesOf: ScheduleContext['schedulesOf'] = (row) => scheduleOf(row, findProvider);
  const context: ScheduleContext = { db, connection, queues, logger, now, schedulesOf };
  try {
    await addConnections(db);
    const busy: number[] = [];
    const all: number[] = [];
    let looks = 0;
    let plan = '';
    const end = performance.now() + BUDGET_MS;
    while (all.length < ROUNDS && (all.length === 0 || performance.now() < end)) {
      signal.throwIfAborted();
      await makeDue(db);
      if (plan === '') plan = await planOf(context);
      const times: number[] = [];
      for (let left = DUE; left > 0;) {
        const { ms, result } = await timed(() => runDue(context));
        if (result.length === 0) throw new Error(`${left} schedules that are due were not found`);
        left -= result.length;
        times.push(ms);
      }
      looks = times.length;
      busy.push(...times);
      all.push(times.reduce((sum, ms) => sum + ms, 0));
      await db.pool.query('delete from sluice.runs');
      await queues.runs.obliterate({ force: true });
    }
    const idle: number[] = [];
    for (let look = 0; look < IDLE_LOOKS; look += 1) idle.push((await timed(() => runDue(context))).ms);
    return {
      connections: CONNECTIONS,
      due: DUE,
      looks,
      busyLookMs: median(busy),
      allDueMs: median(all),
      idleLookMs: median(idle),
      plan,
    };
  } finally {
    await queues.close();
    await connection.close();
  }
}

/** Their credentials are never opened: a schedule is read without them. */
async function addConnections(db: Db): Promise<void> {
  await db.pool.query(
    `insert into sluice.connections (id, provider, managed_by, config, credentials, next_run_at)
     select 'c' || n, 'lucca', 'file', '{"schedule":"0 * * * *","timezone":"Europe/Paris"}', 'none',
            now() + make_interval(hours => 1, secs => n)
       from generate_series(1, $1) n`,
    [CONNECTIONS],
  );
  await db.pool.query('analyze sluice.connections');
}

async function makeDue(db: Db): Promise<void> {
  await db.pool.query(
    `update sluice.connections
        set next_run_at = now() + case when substr(id, 2)::int <= $1 then interval '-1 minute' else interval '1 hour' end`,
    [DUE],
  );
  await db.pool.query('vacuum analyze sluice.connections');
}

/** Explains the very statement that a look sends, in a transaction that leaves nothing behind. */
async function planOf(context: ScheduleContext): Promise<string> {
  const undone = new Error('rolled back');
  let plan = '';
  const db: Db = {
    ...context.db,
    tx: (work) =>
      context.db.tx(async (client) => {
        await work(
          listening(client, async (text, values) => {
            if (plan !== '' || !/from sluice\.connections where next_run_at/.test(text)) return;
            const explained = await client.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${text}`, [
              ...values,
            ]);
            plan = explained.rows.map((row) => row['QUERY PLAN'].trim()).join(' / ');
          }),
        );
        throw undone;
      }),
  };
  await runDue({ ...context, db }).catch((error: unknown) => {
    if (error !== undone) throw error;
  });
  return plan;
}

function listening(
  client: pg.PoolClient,
  heard: (text: string, values: readonly unknown[]) => Promise<void>,
): pg.PoolClient {
  const query = async (text: string, values: unknown[] = []): Promise<pg.QueryResult> => {
    await heard(text, values);
    return client.query(text, values);
  };
  return Object.assign(Object.create(client) as pg.PoolClient, { query });
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const started = performance.now();
  const result = await work();
  return { ms: performance.now() - started, result };
}
