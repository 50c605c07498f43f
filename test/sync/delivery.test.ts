import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ticketForRun } from '../../src/store/run-tickets.ts';
import { planRun, releaseStreams, requestRun } from '../../src/store/runs.ts';
import { acquireLease } from '../../src/sync/lease.ts';
import type { StreamJob, SyncContext } from '../../src/sync/context.ts';
import { syncStream } from '../../src/sync/stream-sync.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('a delivery of a stream', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let context: SyncContext;
  let count = 0;
  let id = '';
  let job: StreamJob;

  beforeAll(async () => {
    tiny = await startTinyProvider([tinyStream('things')]);
    fleet = await startFleet({ workers: false, providers: [tiny.definition] });
    const { db, outbound, tokens, loadConnection, logger, now } = fleet.runtime;
    context = { db, outbound, tokens, loadConnection, logger, now, random: () => 0, owner: 'test' };
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    tiny.answer = (url) => pageOf(url, IDS, 2);
    tiny.asked.splice(0);
    await fleet.connect(id, {
      ...tiny.connection,
      retry: { attempts: 3, baseDelay: '50ms', maxDelay: '100ms' },
    });
    job = await newJob();
  });

  /** A run that has begun, and the job of its one stream. */
  async function newJob(): Promise<StreamJob> {
    const { db } = fleet.runtime;
    const { runId } = await requestRun(db, { connectionId: id, trigger: 'command', priority: 1 });
    await ticketForRun(db, runId);
    await planRun(db, runId, () => [{ stream: 'things', wave: 0, mode: 'full' }]);
    const { tickets } = await releaseStreams(db, runId, { concurrency: 4, parents: new Map() });
    return {
      runId,
      stream: 'things',
      jobId: tickets[0]?.jobId ?? '',
      shutdown: new AbortController().signal,
    };
  }
  const row = async (): Promise<Record<string, unknown> | undefined> =>
    (
      await fleet.runtime.db.pool.query<Record<string, unknown>>(
        'select * from sluice.run_streams where run_id = $1',
        [job.runId],
      )
    ).rows[0];
  const lease = async (): Promise<Record<string, unknown> | undefined> =>
    (
      await fleet.runtime.db.pool.query<Record<string, unknown>>(
        'select run_id, expires_at <= now() as free from sluice.stream_leases where connection_id = $1',
        [id],
      )
    ).rows[0];
  /** Makes the second page wait; the first to ask for it is named by the promise, and answered as `open` says. */
  function holdSecondPage() {
    let open: (status: number) => void = () => undefined;
    const opened = new Promise<number>((resolve) => (open = resolve));
    let arrived: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (arrived = resolve));
    let first = true;
    tiny.answer = async (url) => {
      if (!first || url.searchParams.get('page') !== '2') return pageOf(url, IDS, 2);
      first = false;
      arrived();
      const status = await opened;
      return status === 200 ? pageOf(url, IDS, 2) : { status, body: {} };
    };
    return { open, reached };
  }

  it('ends with its lease given back', async () => {
    expect(await syncStream(context, job)).toEqual({ outcome: 'done' });
    expect(await row()).toMatchObject({ status: 'succeeded', added: 6, pages: 3, starts: 0, attempts: 0 });
    expect(await lease()).toEqual({ run_id: null, free: true });
  });

  it('does nothing for a job that no longer stands for the stream, or a stream that is over', async () => {
    expect(await syncStream(context, { ...job, jobId: `${job.jobId}0` })).toEqual({ outcome: 'done' });
    expect(tiny.asked).toEqual([]);
    await syncStream(context, job);
    tiny.asked.splice(0);
    expect(await syncStream(context, job)).toEqual({ outcome: 'done' });
    expect(tiny.asked).toEqual([]);
  });

  it.each([
    ['gets its page after all', 200],
    ['fails', 400],
    ['is told to wait', 503],
  ])(
    'is taken over by a redelivery: the worker that was thought dead %s and changes nothing',
    async (_how, status) => {
      const held = holdSecondPage();
      const first = syncStream(context, job);
      await held.reached;
      await waitFor(async () => ((await row())?.pages === 1 ? true : undefined), 5_000);
      expect(await syncStream(context, job)).toEqual({ outcome: 'done' });
      const after = await row();
      expect(after).toMatchObject({ status: 'succeeded', added: 6, pages: 3, error: null });
      held.open(status);
      expect(await first).toEqual({ outcome: 'done' });
      expect(await row()).toEqual(after);
      const changes = await fleet.runtime.db.pool.query<{ seq: string }>(
        'select seq from sluice.changes where connection_id = $1 order by seq',
        [id],
      );
      expect(changes.rows.map((change) => Number(change.seq))).toEqual([1, 2, 3, 4, 5, 6]);
      // the first page was not asked for again
      expect(tiny.asked.filter((path) => path === '/things')).toHaveLength(1);
    },
  );

  it('does not end, while it still runs, by what the worker before it says', async () => {
    const held = holdSecondPage();
    const first = syncStream(context, job);
    await held.reached;
    await waitFor(async () => ((await row())?.pages === 1 ? true : undefined), 5_000);
    // the successor has begun and holds the lease
    const successor = await acquireLease(fleet.runtime.db, id, 'things', job.runId, 'successor');
    held.open(400);
    expect(await first).toEqual({ outcome: 'done' });
    expect(await row()).toMatchObject({ status: 'running', error: null });
    await successor?.release();
  });

  it('waits, without an attempt, while another run holds the lease', async () => {
    const other = await acquireLease(fleet.runtime.db, id, 'things', 'another run', 'other');
    const outcome = await syncStream(context, job);
    expect(outcome).toMatchObject({ outcome: 'wait', reason: 'lease_busy' });
    expect(await row()).toMatchObject({
      status: 'waiting',
      attempts: 0,
      starts: 0,
      wait_reason: 'lease_busy',
    });
    expect(tiny.asked).toEqual([]);
    await other?.release();
    expect(await syncStream(context, job)).toEqual({ outcome: 'done' });
    expect(await row()).toMatchObject({ status: 'succeeded' });
  });

  it('fails as poison after ten starts that never came back, and not before', async () => {
    const starts = (n: number) =>
      fleet.runtime.db.pool.query('update sluice.run_streams set starts = $2 where run_id = $1', [
        job.runId,
        n,
      ]);
    await starts(10);
    await syncStream(context, job);
    expect(await row()).toMatchObject({ status: 'failed', error: { code: 'poison' } });
    expect(tiny.asked).toEqual([]);
    await fleet.runtime.db.pool.query(`update sluice.runs set slot = null where id = $1`, [job.runId]);
    job = await newJob();
    await starts(9);
    await syncStream(context, job);
    expect(await row()).toMatchObject({ status: 'succeeded', starts: 0 });
  });

  it('is given back on shutdown with nothing counted, and goes on where it stood', async () => {
    const held = holdSecondPage();
    const stop = new AbortController();
    const first = syncStream(context, { ...job, shutdown: stop.signal });
    await held.reached;
    await waitFor(async () => ((await row())?.pages === 1 ? true : undefined), 5_000);
    stop.abort();
    expect(await first).toEqual({ outcome: 'returned' });
    expect(await row()).toMatchObject({ status: 'queued', attempts: 0, starts: 0, error: null });
    expect(await lease()).toEqual({ run_id: null, free: true });
    held.open(200);
    tiny.asked.splice(0);
    expect(await syncStream(context, job)).toEqual({ outcome: 'done' });
    expect(tiny.asked).toEqual(['/things?page=2', '/things?page=3']);
  });

  it.each([
    ['somebody cancelled it', 'update sluice.runs set cancel_requested = true where id = $1'],
    ['it was ended', `update sluice.runs set slot = null where id = $1`],
  ])('stops with the page at hand when the run is over: %s', async (_how, statement) => {
    const held = holdSecondPage();
    const first = syncStream(context, job);
    await held.reached;
    await waitFor(async () => ((await row())?.pages === 1 ? true : undefined), 5_000);
    await fleet.runtime.db.pool.query(statement, [job.runId]);
    held.open(200);
    expect(await first).toEqual({ outcome: 'done' });
    expect(await row()).toMatchObject({ status: 'cancelled', pages: 2 });
    expect((await fleet.mirror(id, 'things')).size).toBe(4);
  });
});
