import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requestRun } from '../../src/store/runs.ts';
import { runView } from '../../src/sync/history.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('the reconciler', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let count = 0;
  let id = '';
  let open: () => void = () => undefined;

  beforeAll(async () => {
    tiny = await startTinyProvider([tinyStream('first'), tinyStream('second')]);
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    tiny.asked.splice(0);
    await fleet.connect(id, {
      ...tiny.connection,
      limits: { concurrency: 1 },
      retry: { attempts: 3, baseDelay: '50ms', maxDelay: '100ms' },
    });
  });
  afterEach(() => open());

  /** Keeps the second page of the first stream from being answered until `open` is called. */
  function hold(): void {
    const opened = new Promise<void>((resolve) => (open = resolve));
    tiny.answer = async (url) => {
      if (url.pathname === '/api/first' && url.searchParams.get('page') === '2') await opened;
      return pageOf(url, IDS, 2);
    };
  }
  const ask = (): Promise<string> =>
    fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'command', priority: 1 });
  const query = (statement: string, values: unknown[] = []) =>
    fleet.database.db.pool.query<Record<string, unknown>>(statement, values);
  /** Makes everything old enough to be looked at. */
  async function age(runId: string): Promise<void> {
    const past = `now() - interval '1 minute'`;
    await query(
      `update sluice.runs set created_at = ${past}, started_at = started_at - interval '1 minute',
              enqueued_at = case when enqueued_at is null then null else ${past} end where id = $1`,
      [runId],
    );
    await query(
      `update sluice.run_streams set enqueued_at = ${past}, finished_at = finished_at - interval '1 minute'
        where run_id = $1`,
      [runId],
    );
  }
  const untilPage = (runId: string): Promise<true> =>
    waitFor(async () => {
      const run = await runView(fleet.runtime.db, runId);
      return run?.streams[0]?.pages === 1 ? true : undefined;
    }, 10_000);
  const complete = async (): Promise<void> => {
    for (const stream of ['first', 'second'])
      expect([...(await fleet.mirror(id, stream)).keys()].sort()).toEqual(IDS);
  };

  it('touches nothing when nothing is lost, and nothing is done twice', async () => {
    hold();
    const runId = await ask();
    await untilPage(runId);
    await age(runId);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 0, streams: 0 });
    open();
    const run = await fleet.ended(runId);
    expect(run).toMatchObject({ status: 'succeeded', requests: 6 });
    expect(tiny.asked).toHaveLength(6);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 0, streams: 0 });
    await complete();
  });

  it('leaves what has just been asked for to the one who asked', async () => {
    const { runId } = await requestRun(fleet.runtime.db, { connectionId: id, trigger: 'api', priority: 1 });
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 0, streams: 0 });
    await age(runId);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 1, streams: 0 });
    tiny.answer = (url) => pageOf(url, IDS, 2);
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded' });
  });

  it('starts a run whose process died before it could tell the queue, once for all who look', async () => {
    tiny.answer = (url) => pageOf(url, IDS, 2);
    const { runId } = await requestRun(fleet.runtime.db, { connectionId: id, trigger: 'api', priority: 1 });
    await age(runId);
    const looks = await Promise.all(Array.from({ length: 5 }, () => fleet.runtime.jobs.reconcile()));
    expect(looks.reduce((sum, look) => sum + look.runs, 0)).toBe(1);
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded', requests: 6 });
    await complete();
  });

  it('brings a run to its end when every job was lost in the middle of it', async () => {
    hold();
    const runId = await ask();
    await untilPage(runId);
    await fleet.queue.lose('runs', 'streams');
    await age(runId);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 1, streams: 1 });
    open();
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded', error: null });
    await complete();
    expect(tiny.asked.filter((path) => path === '/first')).toHaveLength(1);
  });

  it('wakes a run that waits for jobs which the queue has lost', async () => {
    hold();
    const runId = await ask();
    await untilPage(runId);
    await fleet.queue.lose('streams');
    open();
    // The worker that held it goes on, and its last act releases the next; nobody tells the run.
    const over = (streams: readonly { status: string }[] | undefined): true | undefined =>
      streams?.every((stream) => stream.status === 'succeeded') === true ? true : undefined;
    await waitFor(async () => over((await runView(fleet.runtime.db, runId))?.streams), 10_000);
    expect(await runView(fleet.runtime.db, runId)).toMatchObject({ finishedAt: null });
    await age(runId);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 1, streams: 0 });
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded' });
    expect(await fleet.queue.waitingForChildren('runs')).toBe(0);
    await complete();
  });

  it('puts back a stream that was released and never reached the queue', async () => {
    hold();
    const runId = await ask();
    await untilPage(runId);
    // as a process leaves it that dies between the two
    await query(
      `update sluice.run_streams set status = 'queued', enqueues = 1, job_id = run_id || '.second.1', enqueued_at = now()
        where run_id = $1 and stream = 'second'`,
      [runId],
    );
    await age(runId);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 0, streams: 1 });
    open();
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded' });
    await complete();
  });

  it('does not cut short a wait whose job was lost', async () => {
    let limited = 0;
    tiny.answer = (url) => {
      if (url.pathname === '/api/first' && limited === 0) {
        limited = Date.now();
        return { status: 429, headers: { 'retry-after': '2' }, body: {} };
      }
      return pageOf(url, IDS, 2);
    };
    const runId = await ask();
    const waiting = (run: Awaited<ReturnType<typeof runView>>): true | undefined =>
      run?.status === 'waiting' ? true : undefined;
    await waitFor(async () => waiting(await runView(fleet.runtime.db, runId)), 10_000);
    await fleet.queue.lose('runs', 'streams');
    await age(runId);
    expect(await fleet.runtime.jobs.reconcile()).toEqual({ runs: 1, streams: 1 });
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded' });
    expect(Date.now() - limited).toBeGreaterThan(1_950);
    await complete();
  });
});
