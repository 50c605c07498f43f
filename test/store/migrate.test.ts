import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertSchemaCurrent, migrate } from '../../src/store/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('migrations', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('finds nothing to do on a current database, and accepts it', async () => {
    expect(await migrate(database.url)).toEqual({ applied: [] });
    await assertSchemaCurrent(database.db.pool);
  });

  it('brings an empty database up once when two processes migrate at the same time', async () => {
    await database.db.pool.query('drop schema sluice cascade');
    const outcomes = await Promise.all([migrate(database.url), migrate(database.url)]);
    const applied = outcomes.map((outcome) => outcome.applied.length);
    expect(Math.min(...applied)).toBe(0);
    expect(Math.max(...applied)).toBeGreaterThan(0);
    await assertSchemaCurrent(database.db.pool);
  });

  it('refuses an older schema and names the command that mends it', async () => {
    await database.db.pool.query('update sluice.migrations set created_at = created_at - 1');
    await expect(assertSchemaCurrent(database.db.pool)).rejects.toMatchObject({
      code: 'schema_outdated',
      advice: expect.stringContaining('sluice migrate') as string,
    });
  });

  it('refuses a newer schema, for the processes and for migrate', async () => {
    await database.db.pool.query('update sluice.migrations set created_at = created_at + 100000');
    await expect(assertSchemaCurrent(database.db.pool)).rejects.toMatchObject({ code: 'schema_newer' });
    await expect(migrate(database.url)).rejects.toMatchObject({ code: 'schema_newer' });
  });

  it('names an unreachable database without its password', async () => {
    const pool = new pg.Pool({ connectionString: 'postgres://u:hunter2@127.0.0.1:1/x' });
    await expect(assertSchemaCurrent(pool)).rejects.toMatchObject({
      code: 'database_unreachable',
      message: expect.not.stringContaining('hunter2') as string,
    });
    await pool.end();
  });
});
