import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findConnection, parkConnection } from '../../src/store/connections.ts';
import { requestRun } from '../../src/store/runs.ts';
import { cancelRun } from '../../src/sync/cancel.ts';
import { checkConnection } from '../../src/sync/check.ts';
import { connectionView } from '../../src/sync/connection-view.ts';
import type { RunView, StreamView } from '../../src/sync/history.ts';
import { pauseConnection, resumeConnection } from '../../src/sync/pause.ts';
import { scheduleOf } from '../../src/sync/schedule-of.ts';
import { SluiceError } from '../../src/errors.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('circuits', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let count = 0;
  let id = '';
  /** status by path, for those that are not to be answered well */
  const broken = new Map<string, number>();

  beforeAll(async () => {
    tiny = await startTinyProvider([
      tinyStream('a', { scopes: ['a.read'] }),
      tinyStream('b'),
      tinyStream('child', { parent: 'a', path: '/a/{parent}/child', optional: true }),
    ]);
    tiny.answer = (url) => {
      const status = broken.get(url.pathname.replace('/api', ''));
      return status === undefined ? pageOf(url, ['x'], 5) : { status, body: {} };
    };
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(() => {
    id = `c${(count += 1)}`;
    broken.clear();
    tiny.asked.splice(0);
  });

  const connect = (more: Record<string, unknown> = {}): Promise<void> =>
    fleet.connect(id, {
      ...tiny.connection,
      streams: ['a', 'b'],
      schedule: 'every 1m',
      retry: { attempts: 2, baseDelay: '20ms', maxDelay: '50ms' },
      ...more,
    });
  const scheduled = (): Promise<RunView> => fleet.sync(id, { trigger: 'schedule', priority: 10 });
  const row = () => findConnection(fleet.runtime.db.pool, id);
  const storedSchedule = (one: { id: string; provider: string; config: unknown }) =>
    scheduleOf(one, () => tiny.definition);
  const view = () => connectionView(fleet.runtime.db, id, storedSchedule);
  const resume = () => resumeConnection(fleet.runtime.db, id, storedSchedule, new Date());
  const query = async (statement: string) =>
    (await fleet.runtime.db.pool.query<Record<string, unknown>>(statement, [id])).rows;
  /** Milliseconds from the end of a run to the next time. */
  const pauseAfter = async (run: RunView): Promise<number> =>
    ((await row())?.next_run_at?.getTime() ?? NaN) - Date.parse(run.finishedAt ?? '');
  const near = (milliseconds: number, expected: number): void =>
    expect(Math.abs(milliseconds - expected)).toBeLessThan(5_000);
  const streamOf = (run: RunView, name: string): StreamView | undefined =>
    run.streams.find((stream) => stream.name === name);
  const allBroken = (): void => void broken.set('/a', 404).set('/b', 404);

  describe('of a connection', () => {
    it('slow its schedule down from the second run in a row of which nothing succeeded, and say so', async () => {
      await connect();
      allBroken();
      const pauses: number[] = [];
      for (let failed = 1; failed <= 3; failed += 1) {
        const run = await scheduled();
        expect(run.status).toBe('failed');
        pauses.push(await pauseAfter(run));
        if (failed === 1) expect(await view()).toMatchObject({ failedRuns: 1, reason: null });
      }
      expect(pauses.map((pause) => Math.round(pause / MINUTE))).toEqual([1, 4, 8]);
      const shown = await view();
      expect(shown).toMatchObject({ state: 'active', failedRuns: 3, advice: expect.stringMatching(/\w/) });
      expect(shown?.reason).toMatch(/^3 runs in a row failed: .+; next try at /);
      expect(shown?.reason).toContain(shown?.nextRunAt);
    });

    it('keep the hours of cron', async () => {
      await connect({ schedule: '0 * * * *' });
      allBroken();
      await query('update sluice.connections set failed_runs = 8 where id = $1');
      const run = await scheduled();
      // 2^9 minutes
      expect(await pauseAfter(run)).toBeGreaterThanOrEqual(512 * MINUTE - 5_000);
      expect(await pauseAfter(run)).toBeLessThan(573 * MINUTE);
      expect(((await row())?.next_run_at?.getTime() ?? 1) % HOUR).toBe(0);
    });

    it('count no run in which a stream succeeded, and none that a person ended', async () => {
      await connect();
      broken.set('/a', 404);
      expect((await scheduled()).status).toBe('partial');
      expect((await row())?.failed_runs).toBe(0);
      await query('update sluice.connections set failed_runs = 3 where id = $1');
      const { db } = fleet.runtime;
      const { runId } = await requestRun(db, { connectionId: id, trigger: 'schedule', priority: 10 });
      const runtime = { ...fleet.runtime, onRunEnd: () => {} };
      expect(await cancelRun(runtime, runId)).toMatchObject({ outcome: 'ended' });
      expect((await row())?.failed_runs).toBe(3);
    });

    it('never delay a person, whose success brings the usual times back', async () => {
      for (const schedule of ['every 1m', '*/5 * * * *']) {
        await connect({ schedule });
        allBroken();
        await query(
          `update sluice.connections set failed_runs = 9, next_run_at = now() + interval '1 day' where id = $1`,
        );
        expect((await fleet.sync(id)).status).toBe('failed');
        expect((await row())?.failed_runs).toBe(10);
        broken.clear();
        const run = await fleet.sync(id);
        expect(run.status).toBe('succeeded');
        expect((await row())?.failed_runs).toBe(0);
        expect(await pauseAfter(run)).toBeLessThan(5 * MINUTE + 5_000);
        expect(await view()).toMatchObject({ failedRuns: 0, reason: null });
      }
    });

    it.each([
      [
        'a check that succeeds',
        async () => {
          expect(await checkConnection(fleet.runtime, id)).toMatchObject({ cleared: false });
        },
      ],
      ['resume', resume],
      ['other credentials', () => connect({ credentials: { clientId: 'c', clientSecret: 'other' } })],
    ])('are closed by %s', async (_what, act) => {
      await connect();
      await query(
        `update sluice.connections set failed_runs = 9, next_run_at = now() + interval '1 day' where id = $1`,
      );
      await act();
      const stored = await row();
      expect(stored).toMatchObject({ state: 'active', failed_runs: 0 });
      near(stored?.next_run_at?.getTime() ?? NaN, Date.now());
    });

    it('stay as they are with a check that fails, and with the same configuration once more', async () => {
      await connect();
      await query(
        `update sluice.connections set failed_runs = 9, next_run_at = now() + interval '1 day' where id = $1`,
      );
      broken.set('/', 404);
      expect((await checkConnection(fleet.runtime, id)).error).toBeDefined();
      await connect();
      expect(await row()).toMatchObject({ failed_runs: 9 });
      near((await row())?.next_run_at?.getTime() ?? NaN, Date.now() + 24 * HOUR);
    });
  });

  describe('of a stream that is refused with 403', () => {
    const forbidden = async () =>
      (
        await query(
          `select forbidden_count as count, extract(epoch from forbidden_until - now())::float8 * 1000 as left
             from sluice.streams where connection_id = $1 and stream = 'a'`,
        )
      )[0] as { count: number; left: number | null };

    it('keep scheduled runs from asking, with the reason and the next try; people may ask', async () => {
      await connect();
      broken.set('/a', 403);
      const first = await scheduled();
      expect(first.status).toBe('partial');
      expect(tiny.asked.filter((path) => path === '/a')).toHaveLength(2);
      expect((await forbidden()).count).toBe(1);
      near((await forbidden()).left ?? NaN, HOUR);

      tiny.asked.splice(0);
      const second = await scheduled();
      expect(tiny.asked).toEqual(['/b']);
      expect(second).toMatchObject({ status: 'partial', error: { code: 'provider_forbidden' } });
      const left = streamOf(second, 'a');
      expect(left).toMatchObject({ status: 'failed', pages: 0 });
      const before = streamOf(first, 'a')?.error;
      expect(left?.error).toMatchObject({ code: 'provider_forbidden', advice: before?.advice });
      expect(left?.error?.advice).toContain('a.read');
      expect(left?.error?.message).toContain(before?.message.replace(/\.$/, ''));
      expect(left?.error?.message).toMatch(
        /refused once, so the schedule asks again only from 20\d\d-.+Z\.$/,
      );
      // what was not asked is not counted
      expect((await forbidden()).count).toBe(1);

      expect((await fleet.sync(id)).status).toBe('partial');
      expect(tiny.asked.filter((path) => path === '/a')).toHaveLength(2);
      expect((await forbidden()).count).toBe(2);
      near((await forbidden()).left ?? NaN, 2 * HOUR);
    });

    it('end with the pause, and with success', async () => {
      await connect();
      broken.set('/a', 403);
      await scheduled();
      await query(
        `update sluice.streams set forbidden_until = now() - interval '1 s' where connection_id = $1 and stream = 'a'`,
      );
      await scheduled();
      expect(tiny.asked.filter((path) => path === '/a')).toHaveLength(4);
      broken.clear();
      expect((await fleet.sync(id)).status).toBe('succeeded');
      expect(await forbidden()).toEqual({ count: 0, left: null });
      tiny.asked.splice(0);
      expect((await scheduled()).status).toBe('succeeded');
      expect(tiny.asked.toSorted()).toEqual(['/a', '/b']);
    });

    it('take what is listed per record of it along, and slow a connection down that has nothing else', async () => {
      await connect({ streams: ['a', 'child'] });
      broken.set('/a', 403);
      await scheduled();
      tiny.asked.splice(0);
      const run = await scheduled();
      expect(run).toMatchObject({ status: 'failed', error: { code: 'provider_forbidden' } });
      expect(streamOf(run, 'child')).toMatchObject({ status: 'failed', error: { code: 'parent_failed' } });
      expect(tiny.asked).toEqual([]);
      expect((await row())?.failed_runs).toBe(2);
    });

    it.each([
      ['resume', resume],
      ['another configuration', () => connect({ streams: ['a'] })],
    ])('are closed by %s', async (_what, act) => {
      await connect();
      broken.set('/a', 403);
      await scheduled();
      await act();
      expect(await forbidden()).toEqual({ count: 0, left: null });
    });

    it('count a run as a person’s that joins the schedule’s before it has begun', async () => {
      await connect();
      const { db } = fleet.runtime;
      const { runId } = await requestRun(db, { connectionId: id, trigger: 'schedule', priority: 10 });
      await requestRun(db, { connectionId: id, trigger: 'command', priority: 1 });
      await requestRun(db, { connectionId: id, trigger: 'schedule', priority: 10 });
      const stored = await db.pool.query('select trigger from sluice.runs where id = $1', [runId]);
      expect(stored.rows).toEqual([{ trigger: 'command' }]);
    });
  });

  describe('a connection that waits for a person', () => {
    const park = async (state: 'needs_attention' | 'needs_reconnect') => {
      await connect();
      const error = new SluiceError('provider_unauthorized', 'no').report();
      await parkConnection(fleet.runtime.db, id, state, error);
      expect(await row()).toMatchObject({ state, next_run_at: null });
      await query('update sluice.connections set failed_runs = 5 where id = $1');
    };
    const expectActive = async () => {
      const stored = await row();
      expect(stored).toMatchObject({
        state: 'active',
        state_code: null,
        state_reason: null,
        state_advice: null,
        failed_runs: 0,
      });
      near(stored?.next_run_at?.getTime() ?? NaN, Date.now());
    };

    it.each(['needs_attention', 'needs_reconnect'] as const)(
      '%s is cleared by changed credentials',
      async (state) => {
        await park(state);
        await connect();
        expect(await row()).toMatchObject({ state });
        await connect({ credentials: { clientId: 'c', clientSecret: 'other' } });
        await expectActive();
      },
    );

    it.each(['needs_attention', 'needs_reconnect'] as const)(
      '%s is cleared by a check that succeeds',
      async (state) => {
        await park(state);
        broken.set('/', 404);
        expect(await checkConnection(fleet.runtime, id)).toMatchObject({ cleared: false });
        expect(await row()).toMatchObject({ state, next_run_at: null });
        broken.clear();
        expect(await checkConnection(fleet.runtime, id)).toMatchObject({ cleared: true });
        await expectActive();
      },
    );

    it.each(['needs_attention', 'needs_reconnect'] as const)('%s is cleared by resume', async (state) => {
      await park(state);
      expect(await resume()).toBe(state);
      await expectActive();
    });

    it('that is paused stays so, whatever its runs and checks say, until it is resumed', async () => {
      await park('needs_attention');
      await pauseConnection(fleet.runtime.db, id);
      await checkConnection(fleet.runtime, id);
      await connect({ credentials: { clientId: 'c', clientSecret: 'other' } });
      expect(await row()).toMatchObject({ state: 'paused', next_run_at: null });
      await resume();
      await expectActive();
    });

    it('is not woken by the end of a run that was under way when it was paused', async () => {
      await connect();
      const asked = fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'schedule', priority: 10 });
      await pauseConnection(fleet.runtime.db, id);
      expect((await fleet.ended(await asked)).status).toBe('succeeded');
      expect(await row()).toMatchObject({ state: 'paused', next_run_at: null });
    });
  });
});
