import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, truth, waitFor, type Fleet } from '../support/fleet.ts';
import { endAll, startSluice, type SluiceProcess } from '../support/process.ts';

const PAGES = 60;
const KILLS = 5;

describe('worker processes', () => {
  let fleet: Fleet;
  let cwd: string;
  beforeAll(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'sluice-worker-'));
    fleet = await startFleet({ workers: false, lucca: { records: { employees: PAGES * 100 } } });
    await fleet.connect('acme', { streams: ['employees'] });
  });
  afterEach(endAll);
  afterAll(async () => {
    await fleet.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  const startWorker = (): SluiceProcess => startSluice(['worker'], { env: fleet.env, cwd });
  const askForRun = (): Promise<string> =>
    fleet.runtime.jobs.askForRun({ connectionId: 'acme', trigger: 'command', priority: 1 });
  const committed = async (runId: string): Promise<number> => {
    const result = await fleet.runtime.db.pool.query<{ pages: number }>(
      `select pages from sluice.run_streams where run_id = $1`,
      [runId],
    );
    return result.rows[0]?.pages ?? 0;
  };
  const reached = (runId: string, pages: number): Promise<number> =>
    waitFor(
      async () => {
        const now = await committed(runId);
        return now >= pages ? now : undefined;
      },
      40_000,
      async () => `page ${pages} was not reached: ${await committed(runId)}`,
    );
  /** the cursors of the pages asked for so far, in order */
  const asked = (): string[] =>
    fleet.lucca.requests
      .list()
      .filter((request) => request.path.endsWith('/employees'))
      .map((request) => request.query.page ?? 'first');

  it(`survives ${KILLS} kill -9 in the middle of a ${PAGES}-page sync without losing or repeating a committed page`, async () => {
    fleet.lucca.faults.add({ kind: 'slow', path: '*/employees', delayMs: 60, times: Infinity });
    fleet.lucca.requests.clear();
    const runId = await askForRun();
    let worker = startWorker();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await reached(runId, kill * 9);
      await worker.end('SIGKILL');
      const pages = await committed(runId);
      expect(pages).toBeLessThan(PAGES);
      const before = asked();
      const done = new Set([...new Set(before)].slice(0, pages));
      worker = startWorker();
      await reached(runId, pages + 1);
      const again = asked().slice(before.length);
      // what was committed is not asked for again; the page under way and the one ahead of it may be
      expect(again.filter((cursor) => done.has(cursor))).toEqual([]);
      expect(again.filter((cursor) => before.includes(cursor)).length).toBeLessThanOrEqual(2);
    }
    fleet.lucca.faults.clear();
    const run = await fleet.ended(runId, 60_000);
    expect(run).toMatchObject({ status: 'succeeded', error: null });
    expect(run.streams[0]).toMatchObject({ pages: PAGES, added: PAGES * 100, updated: 0, deleted: 0 });
    expect(await fleet.mirror('acme', 'employees')).toEqual(truth(fleet.lucca, 'employees'));
    const numbers = await fleet.runtime.db.pool.query<{ count: number; last: number }>(
      `select count(*)::int as count, max(seq)::int as last from sluice.changes where connection_id = 'acme'`,
    );
    expect(numbers.rows).toEqual([{ count: PAGES * 100, last: PAGES * 100 }]);
    await worker.end('SIGTERM');
  }, 300_000);

  it('gives its work back on SIGTERM without spending an attempt, and another worker goes on', async () => {
    fleet.lucca.faults.add({ kind: 'slow', path: '*/employees', delayMs: 80, times: Infinity });
    const runId = await askForRun();
    const first = startWorker();
    await reached(runId, 5);
    const end = await first.end('SIGTERM');
    expect(end.code).toBe(0);
    expect(end.ms).toBeLessThan(25_000);
    const row = await fleet.runtime.db.pool.query(
      `select status, attempts, starts from sluice.run_streams where run_id = $1`,
      [runId],
    );
    expect(row.rows).toEqual([{ status: 'queued', attempts: 0, starts: 0 }]);
    fleet.lucca.faults.clear();
    const second = startWorker();
    const run = await fleet.ended(runId, 30_000);
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 1 });
    await second.end('SIGTERM');
  });
});
