import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunningWorkers } from '../../src/jobs/index.ts';
import { findConnection, parkConnection, removeConnection } from '../../src/store/connections.ts';
import { SluiceError } from '../../src/errors.ts';
import { runView } from '../../src/sync/history.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const IDS = Array.from({ length: 40 }, (_, index) => `id${String(index).padStart(2, '0')}`);
const STREAMS = ['a', 'b', 'c', 'd', 'e', 'f'];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('workers', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let workers: RunningWorkers;
  let count = 0;
  let id = '';
  const rejections: unknown[] = [];
  const warnings: string[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);
  const onWarning = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`);

  beforeAll(async () => {
    process.on('unhandledRejection', onRejection);
    process.on('warning', onWarning);
    tiny = await startTinyProvider(STREAMS.map((name) => tinyStream(name)));
    fleet = await startFleet({ workers: false, providers: [tiny.definition], concurrency: 24 });
    workers = await fleet.runtime.startWorkers({ schedules: false });
  });
  afterAll(async () => {
    await workers.stop(10_000);
    await fleet.close();
    await tiny.close();
    process.off('unhandledRejection', onRejection);
    process.off('warning', onWarning);
  });
  beforeEach(() => {
    id = `c${(count += 1)}`;
    tiny.asked.splice(0);
    tiny.busy.most = 0;
    tiny.answer = (url) => pageOf(url, IDS, 4);
  });
  afterEach(() => {
    expect(rejections).toEqual([]);
    expect(warnings).toEqual([]);
  });

  const connect = (more: Record<string, unknown> = {}): Promise<void> =>
    fleet.connect(id, {
      ...tiny.connection,
      retry: { attempts: 3, baseDelay: '50ms', maxDelay: '100ms' },
      ...more,
    });
  const ask = (connectionId = id): Promise<string> =>
    fleet.runtime.jobs.askForRun({ connectionId, trigger: 'command', priority: 1 });
  const slowly = (ms: number): void => {
    tiny.answer = async (url) => {
      await pause(ms);
      return pageOf(url, IDS, 4);
    };
  };
  const pagesOf = async (runId: string): Promise<number> =>
    (await runView(fleet.runtime.db, runId))?.streams.reduce((sum, stream) => sum + stream.pages, 0) ?? 0;
  const untilPages = (runId: string, pages: number): Promise<true> =>
    waitFor(async () => ((await pagesOf(runId)) >= pages ? true : undefined), 15_000);

  it('never have more streams of a connection in the queue than its limit, delayed ones coming back included', async () => {
    await connect({ limits: { concurrency: 2 } });
    const limited = new Set<string>();
    tiny.answer = async (url) => {
      if (!limited.has(url.pathname)) {
        limited.add(url.pathname);
        return { status: 429, headers: { 'retry-after': '0.3' }, body: {} };
      }
      await pause(10);
      return pageOf(url, IDS, 10);
    };
    const runId = await ask();
    let most = 0;
    await waitFor(async () => {
      const busy = await fleet.runtime.db.pool.query<{ busy: number }>(
        `select count(*)::int as busy from sluice.run_streams where run_id = $1 and status in ('queued', 'running')`,
        [runId],
      );
      most = Math.max(most, busy.rows[0]?.busy ?? 0);
      return (await runView(fleet.runtime.db, runId))?.finishedAt == null ? undefined : true;
    }, 20_000);
    expect(await runView(fleet.runtime.db, runId)).toMatchObject({ status: 'succeeded' });
    expect(limited.size).toBe(STREAMS.length);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2);
    expect(tiny.busy.most).toBeLessThanOrEqual(2);
  });

  it('carry out one active and one queued run of a connection, however often it is asked for', async () => {
    await connect({ streams: ['a'] });
    slowly(20);
    const first = await ask();
    await untilPages(first, 1);
    const later = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(later).size).toBe(1);
    const [second] = later;
    expect(await fleet.ended(first)).toMatchObject({ status: 'succeeded', requests: 10 });
    expect(await fleet.ended(second ?? '')).toMatchObject({ status: 'succeeded', requests: 10 });
    expect(tiny.asked).toHaveLength(20);
  });

  it('give back what they hold when they stop, and the next go on from the last page', async () => {
    await connect({ streams: ['a', 'b'] });
    slowly(30);
    const runId = await ask();
    await untilPages(runId, 6);
    await workers.stop(10_000);
    const stopped = await fleet.runtime.db.pool.query<Record<string, unknown>>(
      'select status, attempts, starts, error from sluice.run_streams where run_id = $1',
      [runId],
    );
    expect(stopped.rows).toEqual(
      [0, 1].map(() => ({ status: 'queued', attempts: 0, starts: 0, error: null })),
    );
    const leases = await fleet.runtime.db.pool.query(
      'select 1 from sluice.stream_leases where run_id is not null',
    );
    expect(leases.rowCount).toBe(0);
    const done = await pagesOf(runId);
    workers = await fleet.runtime.startWorkers({ schedules: false });
    const run = await fleet.ended(runId);
    expect(run).toMatchObject({ status: 'succeeded', error: null });
    expect(await pagesOf(runId)).toBe(20);
    expect(done).toBeGreaterThanOrEqual(6);
    // of each stream only the page that was on its way is asked for again
    expect(tiny.asked.length).toBeLessThanOrEqual(22);
    for (const stream of ['a', 'b']) expect([...(await fleet.mirror(id, stream)).keys()].sort()).toEqual(IDS);
  });

  it('work on many connections at once without a warning, and stop them all', async () => {
    const ids = Array.from({ length: 24 }, (_, index) => `many${index}`);
    for (const one of ids) {
      id = one;
      await connect({ streams: ['a'] });
    }
    // nobody is answered before all have asked
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    tiny.answer = async (url) => {
      await opened;
      return pageOf(url, IDS, 4);
    };
    const runs = await Promise.all(ids.map((one) => ask(one)));
    await waitFor(() => (tiny.busy.now === ids.length ? true : undefined), 20_000);
    await workers.stop(15_000);
    open();
    tiny.answer = (url) => pageOf(url, IDS, 4);
    workers = await fleet.runtime.startWorkers({ schedules: false });
    for (const runId of runs) expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded' });
  });

  it('leave a connection that is removed in the middle of a run, and serve it when it comes again', async () => {
    await connect({ streams: ['a'] });
    slowly(40);
    const runId = await ask();
    await untilPages(runId, 2);
    await fleet.runtime.db.tx((client) => removeConnection(client, id));
    expect(await fleet.ended(runId)).toMatchObject({ status: 'cancelled' });
    // the worker lets go of the stream with the page it was at
    await waitFor(async () => {
      const lease = await fleet.runtime.db.pool.query(
        'select 1 from sluice.stream_leases where connection_id = $1 and run_id is null',
        [id],
      );
      return lease.rowCount === 1 ? true : undefined;
    }, 10_000);
    expect(await pagesOf(runId)).toBeLessThan(6);
    await waitFor(async () => ((await fleet.tokens.count(runId)) === 0 ? true : undefined), 10_000);
    await connect({ streams: ['a'] });
    const again = await fleet.ended(await ask());
    expect(again).toMatchObject({ status: 'succeeded' });
    const numbers = await fleet.runtime.db.pool.query<{ count: number; newest: number }>(
      `select count(*)::int as count, max(seq)::int as newest from sluice.changes where connection_id = $1`,
      [id],
    );
    expect(numbers.rows).toEqual([{ count: 40, newest: 40 }]);
  });

  it('read no further stream of a connection that is parked in the middle of a run', async () => {
    await connect({ streams: ['a', 'b', 'c'], limits: { concurrency: 1 } });
    slowly(30);
    const runId = await ask();
    await untilPages(runId, 2);
    const error = new SluiceError('provider_unauthorized', 'The key was withdrawn.').report();
    await parkConnection(fleet.runtime.db, id, 'needs_attention', error);
    const run = await fleet.ended(runId);
    expect(run).toMatchObject({ status: 'partial', error: { code: 'connection_parked' } });
    expect(run.streams.map((stream) => stream.status)).toEqual(['succeeded', 'failed', 'failed']);
    expect(tiny.asked.every((path) => path.startsWith('/a'))).toBe(true);
  });

  it.each([
    ['credentials can’t be read any more', `credentials = 'damaged'`, 'vault_corrupt'],
    [
      'settings are no longer valid',
      `config = jsonb_set(config, '{settings}', '{"old":1}')`,
      'config_invalid',
    ],
    ['provider is gone', `provider = 'gone'`, 'provider_unknown'],
  ])('park a connection whose %s, instead of forgetting its schedule', async (_what, change, code) => {
    await connect({ streams: ['a'], schedule: 'every 5m' });
    await fleet.runtime.db.pool.query(`update sluice.connections set ${change} where id = $1`, [id]);
    const run = await fleet.ended(await ask());
    expect(run).toMatchObject({ status: 'failed', error: { code } });
    const stored = await findConnection(fleet.runtime.db.pool, id);
    expect(stored).toMatchObject({ state: 'needs_attention', state_code: code });
    expect(stored?.state_advice).not.toBe('');
    // written again as it should be, it works again
    await fleet.runtime.db.pool.query(`update sluice.connections set provider = 'tiny' where id = $1`, [id]);
    await connect({ streams: ['b'], schedule: 'every 5m' });
    expect(await fleet.ended(await ask())).toMatchObject({ status: 'succeeded' });
  });
});
