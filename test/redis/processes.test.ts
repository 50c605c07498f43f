import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startFleet, truth, waitFor, type Fleet } from '../support/fleet.ts';
import { endAll, runSluice, startSluice, type SluiceProcess } from '../support/process.ts';
import { freePort } from '../support/port.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';

const PAGES = 30;

describe('worker processes on a Redis of their own', () => {
  let redis: PrivateRedis;
  let fleet: Fleet;
  let cwd: string;
  beforeAll(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
    redis = await startRedis();
    fleet = await startFleet({
      workers: false,
      redisUrl: redis.url,
      lucca: { records: { employees: PAGES * 100 } },
    });
    for (const id of ['one', 'two', 'three']) await fleet.connect(id, { streams: ['employees'] });
  });
  afterEach(async () => {
    redis.thaw();
    await endAll();
    fleet.lucca.faults.clear();
  });
  afterAll(async () => {
    await fleet.close();
    await redis.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  const startWorker = (env: Record<string, string> = {}): SluiceProcess =>
    startSluice(['worker'], { env: { ...fleet.env, ...env }, cwd });
  const ask = (connectionId: string): Promise<string> =>
    fleet.runtime.jobs.askForRun({ connectionId, trigger: 'command', priority: 1 });
  const reached = (runId: string, pages: number): Promise<true> =>
    waitFor(async () => {
      const result = await fleet.database.db.pool.query<{ pages: number }>(
        'select pages from sluice.run_streams where run_id = $1',
        [runId],
      );
      return (result.rows[0]?.pages ?? 0) >= pages ? true : undefined;
    }, 60_000);

  it('finish every run within a minute of the moment at which Redis was emptied', async () => {
    fleet.lucca.faults.add({ kind: 'slow', path: '*/employees', delayMs: 100, times: Infinity });
    const workers = [startWorker(), startWorker()];
    const runs = await Promise.all(['one', 'two'].map(ask));
    for (const runId of runs) await reached(runId, 5);
    await redis.command('FLUSHALL');
    // one that is asked for now has a queue that begins anew
    runs.push(await ask('three'));
    await redis.command('FLUSHALL');
    const emptied = performance.now();
    for (const runId of runs)
      expect(await fleet.ended(runId, 60_000)).toMatchObject({ status: 'succeeded', error: null });
    expect(performance.now() - emptied).toBeLessThan(60_000);
    for (const id of ['one', 'two', 'three'])
      expect(await fleet.mirror(id, 'employees')).toEqual(truth(fleet.lucca, 'employees'));
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
  }, 180_000);

  it('say at /readyz that the queue is away, and end at SIGTERM, while Redis is frozen', async () => {
    const port = await freePort();
    const worker = startWorker({
      SLUICE_WORKER_PORT: String(port),
      HOST: '127.0.0.1',
      SLUICE_SHUTDOWN_GRACE: '2s',
    });
    await worker.said('ready');
    const ready = async () => {
      const started = performance.now();
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      return { status: answer.status, text: await answer.text(), ms: performance.now() - started };
    };
    expect(await ready()).toMatchObject({ status: 200 });
    redis.freeze();
    const answer = await ready();
    expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('REDIS_URL') as string });
    expect(answer.ms).toBeLessThan(2_500);
    const end = await worker.end('SIGTERM');
    expect(end).toMatchObject({ code: 0 });
    expect(end.ms).toBeLessThan(9_000);
  }, 60_000);

  it('don’t start where Redis does not answer, and name the setting', async () => {
    const port = await freePort();
    // a database of its own: the fleet of this file has another Redis, which would be the first thing to refuse
    const database = await createTestDatabase();
    const env = {
      ...fleet.env,
      DATABASE_URL: database.url,
      REDIS_URL: `redis://:not-shown@127.0.0.1:${port}`,
    };
    const end = await runSluice(['worker'], { env, cwd });
    expect(end.stderr).toContain('queue_unreachable');
    expect(end.stderr).toContain('REDIS_URL');
    expect(end.stderr).not.toContain('not-shown');
    expect(end.code).toBe(1);
    expect(end.ms).toBeLessThan(20_000);
    await database.drop();
  }, 60_000);
});
