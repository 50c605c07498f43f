import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { endAll, runSluice, startSluice } from '../support/process.ts';

describe('a fleet whose processes disagree on the queue', () => {
  let fleet: Fleet;
  let cwd: string;
  beforeAll(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'sluice-backend-'));
    fleet = await startFleet({ workers: false });
    await fleet.connect('acme', { streams: ['employees'] });
  });
  afterEach(endAll);
  afterAll(async () => {
    await fleet.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('refuses the process that has another, before it touches that, and the command that would enqueue', async () => {
    const worker = startSluice(['worker'], { env: fleet.env, cwd });
    await worker.said('ready');
    // nothing listens there: whoever refuses has not asked it
    const other = { ...fleet.env, REDIS_URL: 'redis://user:not-shown@127.0.0.1:1/3' };
    for (const args of [['worker'], ['sync', 'acme']]) {
      const end = await runSluice(args, { env: other, cwd });
      expect(end.code).toBe(2);
      expect(end.stderr).toContain('backend_mismatch');
      expect(end.stderr).toContain('REDIS_URL');
      expect(end.stderr).not.toContain('not-shown');
    }
    const asked = await fleet.database.db.pool.query('select 1 from sluice.runs');
    expect(asked.rowCount).toBe(0);
    // commands that only look still serve
    expect((await runSluice(['connections', '--json'], { env: other, cwd })).code).toBe(0);
    await worker.end('SIGTERM');
    const left = await fleet.database.db.pool.query<{ role: string }>('select role from sluice.fleet');
    // the runtime of this test is a member too
    expect(left.rows).toEqual([{ role: 'worker' }]);
  }, 90_000);
});
