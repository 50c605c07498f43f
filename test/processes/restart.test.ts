import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunView } from '../../src/sync/history.ts';
import { startFleet, truth, waitFor, type Fleet } from '../support/fleet.ts';
import { endAll, startSluice, type SluiceProcess } from '../support/process.ts';

const BUSY = ['a', 'b', 'c', 'd', 'e'];
const GRACE_MS = 10_000;

describe('worker processes that come and go', () => {
  let fleet: Fleet;
  let cwd: string;
  beforeAll(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'sluice-restart-'));
    fleet = await startFleet({
      workers: false,
      concurrency: 4,
      lucca: { records: { employees: 400, departments: 30 } },
    });
  });
  afterEach(async () => {
    await endAll();
    fleet.lucca.faults.clear();
    fleet.lucca.requests.clear();
  });
  afterAll(async () => {
    await fleet.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  const startWorker = async (): Promise<SluiceProcess> => {
    const worker = startSluice(['worker'], {
      env: { ...fleet.env, SLUICE_SHUTDOWN_GRACE: `${GRACE_MS / 1000}s` },
      cwd,
    });
    await worker.said('"ready"');
    return worker;
  };
  const ask = (connectionId: string): Promise<string> =>
    fleet.runtime.jobs.askForRun({ connectionId, trigger: 'command', priority: 1 });
  /** Waits until a stream is being read, by one of these processes; returns that one. */
  const holder = (workers: readonly SluiceProcess[]): Promise<SluiceProcess> =>
    waitFor(async () => {
      const leases = await fleet.database.db.pool.query<{ owner: string }>(
        'select owner from sluice.stream_leases where run_id is not null and expires_at > now()',
      );
      return workers.find(({ pid }) => leases.rows.some(({ owner }) => owner.includes(`.${pid}.`)));
    }, 20_000);

  it('are replaced one after the other under load without a failed run or a number given twice', async () => {
    for (const id of BUSY) await fleet.connect(id, { streams: ['employees', 'departments'] });
    fleet.lucca.faults.add({ kind: 'slow', path: '*/employees', delayMs: 30, times: Infinity });
    const workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
    const runs: RunView[] = [];
    const replaced = new AbortController();
    const load = Promise.all(
      BUSY.map(async (id) => {
        while (!replaced.signal.aborted) {
          fleet.lucca.source.edit({ resource: 'employees', creates: 2, updates: 5, deletes: 1 });
          runs.push(await fleet.ended(await ask(id), 60_000));
        }
      }),
    );
    try {
      for (const old of workers.slice()) {
        const fresh = await startWorker();
        await holder([old]);
        const before = runs.length;
        const end = await old.end('SIGTERM');
        expect(end).toMatchObject({ code: 0 });
        expect(end.ms).toBeLessThan(GRACE_MS);
        workers.splice(workers.indexOf(old), 1, fresh);
        // every connection comes round once before the next goes
        await waitFor(() => (runs.length >= before + BUSY.length ? true : undefined), 30_000);
      }
    } finally {
      replaced.abort();
      await load;
    }
    expect(runs.filter((run) => run.status !== 'succeeded' || run.error !== null)).toEqual([]);
    expect(runs.length).toBeGreaterThanOrEqual(BUSY.length * 3);
    const streams = await fleet.database.db.pool.query<{ failed: number; attempts: number }>(
      `select count(*) filter (where status <> 'succeeded')::int as failed, sum(attempts)::int as attempts
         from sluice.run_streams`,
    );
    expect(streams.rows).toEqual([{ failed: 0, attempts: 0 }]);
    fleet.lucca.faults.clear();
    for (const id of BUSY) {
      expect(await fleet.ended(await ask(id))).toMatchObject({ status: 'succeeded' });
      for (const stream of ['employees', 'departments'])
        expect(await fleet.mirror(id, stream)).toEqual(truth(fleet.lucca, stream));
    }
    const numbers = await fleet.database.db.pool.query<Record<string, number>>(
      `select count(*)::int as rows, count(distinct c.seq)::int as numbers, max(c.seq)::int as newest,
              max(s.last_seq)::int as last
         from sluice.changes c join sluice.streams s using (connection_id, stream)
        where stream = 'employees' group by connection_id`,
    );
    expect(numbers.rows).toHaveLength(BUSY.length);
    for (const row of numbers.rows) {
      expect(row.rows).toBeGreaterThan(400);
      expect(row).toEqual({ rows: row.rows, numbers: row.rows, newest: row.rows, last: row.rows });
    }
    // a page that is written a second time would show as an update of what the source changed once
    const twice = await fleet.database.db.pool.query(
      `select 1 from sluice.changes where op = 'created' group by connection_id, stream, record_id
        having count(*) > 1`,
    );
    expect(twice.rowCount).toBe(0);
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
  }, 180_000);

  it('take over what a killed one held within 35 seconds', async () => {
    await fleet.connect('killed', { streams: ['employees'] });
    fleet.lucca.faults.add({ kind: 'slow', path: '*/employees', delayMs: 400, times: Infinity });
    const workers = await Promise.all([startWorker(), startWorker()]);
    const runId = await ask('killed');
    const victim = await holder(workers);
    await waitFor(async () => ((await pages(runId)) >= 1 ? true : undefined), 20_000);
    const { signal } = await victim.end('SIGKILL');
    const killed = performance.now();
    expect(signal).toBe('SIGKILL');
    const before = fleet.lucca.requests.counters().total;
    await waitFor(() => (fleet.lucca.requests.counters().total > before ? true : undefined), 60_000);
    const ms = performance.now() - killed;
    expect(ms).toBeLessThan(35_000);
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded', error: null });
    expect(await fleet.mirror('killed', 'employees')).toEqual(truth(fleet.lucca, 'employees'));
    await workers.find((worker) => worker !== victim)?.end('SIGTERM');
  }, 120_000);

  it('end at SIGTERM within their grace while the provider never answers for a page or a token', async () => {
    for (const id of ['page', 'token']) await fleet.connect(id, { streams: ['employees'] });
    const worker = await startWorker();
    const runs = [];
    for (const [id, path] of [
      ['page', '*/employees'],
      ['token', '/connect/token'],
    ] as const) {
      const hang = fleet.lucca.faults.add({ kind: 'hang', path, times: Infinity });
      runs.push(await ask(id));
      await waitFor(() => (hang.hits > 0 ? true : undefined), 20_000);
    }
    const end = await worker.end('SIGTERM');
    expect(end).toMatchObject({ code: 0, signal: null });
    expect(end.ms).toBeLessThan(GRACE_MS);
    const rows = await fleet.database.db.pool.query(
      'select status, attempts, starts, error from sluice.run_streams where run_id = any($1)',
      [runs],
    );
    expect(rows.rows).toEqual(runs.map(() => ({ status: 'queued', attempts: 0, starts: 0, error: null })));
    fleet.lucca.faults.clear();
    const next = await startWorker();
    for (const runId of runs)
      expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded', error: null });
    await next.end('SIGTERM');
  }, 90_000);

  async function pages(runId: string): Promise<number> {
    const result = await fleet.database.db.pool.query<{ pages: number }>(
      'select pages from sluice.run_streams where run_id = $1',
      [runId],
    );
    return result.rows[0]?.pages ?? 0;
  }
});
