import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectQueues } from '../../src/jobs/backend.ts';
import { openQueues } from '../../src/jobs/queues.ts';
import { mendSchedules, runDue, startSchedules, type ScheduleContext } from '../../src/jobs/schedules.ts';
import { afterRun, claimDue } from '../../src/store/connections.ts';
import { openDb } from '../../src/store/db.ts';
import { closeRun, requestRun, requestRunIn } from '../../src/store/runs.ts';
import { scheduleOf } from '../../src/sync/schedule-of.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const at = (text: string): Date => new Date(`2026-01-10T${text}Z`);

describe('schedules', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  /** three processes that look at the same time */
  const processes: ScheduleContext[] = [];
  const closing: (() => Promise<void>)[] = [];
  let clock = at('10:00:00');
  let count = 0;
  let id = '';

  beforeAll(async () => {
    tiny = await startTinyProvider([tinyStream('a')]);
    fleet = await startFleet({ workers: false, providers: [tiny.definition] });
    const { REDIS_URL: url, SLUICE_QUEUE_PREFIX: prefix = '' } = fleet.env;
    for (let index = 0; index < 3; index += 1) {
      const db = openDb({ url: fleet.database.url, max: 4, applicationName: `process ${index}` });
      const connection = connectQueues({
        redis: url === undefined ? undefined : { url, prefix },
        postgresUrl: fleet.database.url,
        workers: false,
        onError: () => {},
        onWarning: () => {},
      });
      const queues = openQueues(connection, () => {});
      processes.push({
        db,
        connection,
        queues,
        logger: fleet.runtime.logger,
        now: () => clock.getTime(),
        schedulesOf: (row) =>
          scheduleOf(row, (provider) => (provider === 'tiny' ? tiny.definition : undefined)),
      });
      closing.push(async () => {
        await queues.close();
        await connection.close();
        await db.close();
      });
    }
  });
  afterAll(async () => {
    for (const close of closing) await close();
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    clock = at('10:00:00');
    await query(`update sluice.connections set next_run_at = null`);
  });

  const query = async (statement: string, values: unknown[] = []) =>
    (await fleet.database.db.pool.query<Record<string, unknown>>(statement, values)).rows;
  const add = (schedule: string, due: Date, more: Record<string, unknown> = {}): Promise<unknown> =>
    query(
      `insert into sluice.connections (id, provider, managed_by, config, credentials, next_run_at, state)
       values ($1, 'tiny', 'file', $2, '', $3, $4)`,
      [
        more.id ?? id,
        JSON.stringify({ schedule, timezone: more.timezone ?? 'UTC' }),
        due,
        more.state ?? 'active',
      ],
    );
  const nextRun = async (): Promise<unknown> =>
    (await query('select next_run_at from sluice.connections where id = $1', [id]))[0]?.next_run_at;
  const runs = () =>
    query(`select trigger, slot, job_id is not null as job from sluice.runs where connection_id = $1`, [id]);
  const first = (): ScheduleContext => {
    const [context] = processes;
    if (context === undefined) throw new Error('not started');
    return context;
  };

  it('are taken once each, however many processes look', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `${id}-${index}`);
    await Promise.all(ids.map((one) => add('0 * * * *', at('10:00:00'), { id: one })));
    const taken: string[] = [];
    for (let round = 0; round < 3; round += 1)
      taken.push(...(await Promise.all(processes.map((context) => runDue(context)))).flat());
    expect(taken.toSorted()).toEqual(ids.toSorted());
    const [asked] = await query(
      `select count(*)::int as runs, count(distinct connection_id)::int as connections,
              count(job_id)::int as jobs from sluice.runs where connection_id like $1`,
      [`${id}-%`],
    );
    expect(asked).toEqual({ runs: 60, connections: 60, jobs: 60 });
    const times = await query('select distinct next_run_at from sluice.connections where id like $1', [
      `${id}-%`,
    ]);
    expect(times).toEqual([{ next_run_at: at('11:00:00') }]);
  });

  it('ask once for all that was missed, and again with the next tick', async () => {
    await add('0 * * * *', at('03:00:00'));
    clock = at('09:05:00');
    expect(await runDue(first())).toEqual([id]);
    expect(await nextRun()).toEqual(at('10:00:00'));
    expect(await runDue(first())).toEqual([]);
    clock = at('10:00:00');
    expect(await runDue(first())).toEqual([id]);
    // nobody worked: the second joined the first
    expect(await runs()).toEqual([{ trigger: 'schedule', slot: 'active', job: true }]);
  });

  it('leave a missed tick to the next one where that is near', async () => {
    await add('0 * * * *', at('09:00:00'));
    clock = at('09:55:00');
    expect(await runDue(first())).toEqual([]);
    expect(await nextRun()).toEqual(at('10:00:00'));
    expect(await runs()).toEqual([]);
  });

  it('don’t repeat a tick when the clock goes back, and go on with the next', async () => {
    await add('0 * * * *', at('10:00:00'));
    expect(await runDue(first())).toEqual([id]);
    for (const time of ['09:10:00', '09:59:59', '10:00:00', '10:59:59']) {
      clock = at(time);
      expect(await mendSchedules(first())).not.toContain(id);
      expect(await runDue(first())).toEqual([]);
    }
    clock = at('11:00:00');
    expect(await runDue(first())).toEqual([id]);
  });

  it('don’t stand still for as long as the clock went back', async () => {
    await add('*/5 * * * *', at('10:00:00'));
    let stop = startSchedules(first());
    try {
      await waitFor(async () => ((await runs()).length === 1 ? true : undefined), 10_000);
      expect(await nextRun()).toEqual(at('10:05:00'));
      clock = at('09:00:30');
      await waitFor(
        async () => ((await nextRun())?.toString() === at('09:10:00').toString() ? true : undefined),
        10_000,
      );
      // the same for a clock that was put right while nothing ran
      await stop.stop();
      await query('update sluice.connections set next_run_at = $2 where id = $1', [id, at('20:00:00')]);
      stop = startSchedules(first());
      await waitFor(
        async () => ((await nextRun())?.toString() === at('09:10:00').toString() ? true : undefined),
        10_000,
      );
      await query(`update sluice.runs set slot = null where connection_id = $1`, [id]);
      clock = at('09:10:00');
      await waitFor(async () => ((await runs()).length === 2 ? true : undefined), 10_000);
    } finally {
      await stop.stop();
    }
  });

  it('and the end of a run don’t wait for each other', async () => {
    const { db } = fleet.runtime;
    const { runId } = await requestRun(db, { connectionId: id, trigger: 'command', priority: 1 });
    await query('update sluice.runs set started_at = now() where id = $1', [runId]);
    await add('0 * * * *', at('10:00:00'));
    let ending: Promise<unknown> = Promise.resolve();
    const due = await claimDue(db, clock, 10, {
      next: () => at('11:00:00'),
      async ask(client, connection) {
        ending = closeRun(db, runId, undefined, (closing) =>
          afterRun(closing, connection.id, true, () => undefined),
        );
        await waitFor(async () => {
          const waiting = await query(
            `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
          );
          return waiting.length > 0 ? true : undefined;
        }, 10_000);
        await requestRunIn(client, { connectionId: connection.id, trigger: 'schedule', priority: 10 });
      },
    });
    expect(due.map((connection) => connection.id)).toEqual([id]);
    expect(await ending).toMatchObject({ status: 'succeeded', promoted: expect.any(String) });
  });

  it('rest while a connection is paused or waits for a person', async () => {
    for (const state of ['paused', 'needs_attention', 'needs_reconnect'])
      await add('0 * * * *', at('09:59:30'), { id: `${id}-${state}`, state });
    expect(await runDue(first())).toEqual([]);
  });

  it('that can’t be read any more don’t stop the others', async () => {
    await add('0 6 * * *', at('06:00:00'), { id: `${id}-lost`, timezone: 'Europe/Atlantis' });
    await add('0 * * * *', at('10:00:00'));
    expect((await runDue(first())).toSorted()).toEqual([id, `${id}-lost`]);
    expect(await runDue(first())).toEqual([]);
    expect(await nextRun()).toEqual(at('11:00:00'));
  });

  it('spread over the time that the provider asks for', async () => {
    const spread = { ...tiny.definition, jitterMs: 300_000 };
    const context: ScheduleContext = { ...first(), schedulesOf: (row) => scheduleOf(row, () => spread) };
    const ids = Array.from({ length: 10 }, (_, index) => `${id}-${index}`);
    await Promise.all(ids.map((one) => add('0 * * * *', at('10:00:00'), { id: one })));
    expect(await runDue(context)).toHaveLength(10);
    const times = await query(
      `select min(next_run_at) as first, max(next_run_at) as last, count(distinct next_run_at)::int as times
         from sluice.connections where id like $1`,
      [`${id}-%`],
    );
    // the offset of each is past already in the hour that has just begun, or still to come
    expect(times[0]?.times).toBeGreaterThan(5);
    for (const { next_run_at: next } of await query(
      'select next_run_at from sluice.connections where id like $1',
      [`${id}-%`],
    ))
      expect((next as Date).getTime() % 3_600_000).toBeLessThan(300_000);
  });
});
