/** What an upgrade does to the processes that still run. */
import { expect, it } from 'vitest';
import { readiness } from '../../src/commands/serve.ts';
import { startFleet } from '../support/fleet.ts';

it('a process stays ready while a newer schema comes, and is not on one that is older than its own', async () => {
  const fleet = await startFleet({ workers: false });
  const { pool } = fleet.runtime.db;
  try {
    expect(await readiness(fleet.runtime)).toMatchObject({ ok: true });
    const { rows } = await pool.query<{ newest: string }>(
      `select max(created_at) as newest from sluice.migrations`,
    );
    const newest = Number(rows[0]?.newest);
    await pool.query(`insert into sluice.migrations (hash, created_at) values ('later', $1)`, [newest + 1]);
    expect(await readiness(fleet.runtime)).toMatchObject({ ok: true });
    await pool.query(`delete from sluice.migrations where created_at >= $1`, [newest]);
    expect(await readiness(fleet.runtime)).toMatchObject({
      ok: false,
      checks: [{ name: 'database', ok: false, advice: expect.stringContaining('migrate') }, { ok: true }],
    });
  } finally {
    await fleet.close();
  }
});
