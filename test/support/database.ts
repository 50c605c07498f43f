/** A migrated database of its own for each test file, cloned from a template in a few milliseconds. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { openDb, type Db } from '../../src/store/db.ts';

export interface TestDatabase {
  readonly url: string;
  readonly db: Db;
  /** Closes the pool and removes the database; throws when somebody else still holds a connection to it. */
  drop(): Promise<void>;
}

export async function createTestDatabase(options: { max?: number } = {}): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await admin(server, `create database ${name} template sluice_template`);
  const url = server.replace(/\/[^/]*$/, `/${name}`);
  const db = openDb({ url, max: options.max ?? 10, applicationName: `test ${name}` });
  return {
    url,
    db,
    async drop() {
      await db.close();
      const leaked = await leftConnections(server, name);
      await admin(server, `drop database ${name} with (force)`);
      if (leaked.length > 0)
        throw new Error(
          `connections were left open by: ${leaked.join(', ')}; close every pool the test opens`,
        );
    },
  };
}

async function leftConnections(server: string, database: string): Promise<string[]> {
  // A closed pool's backends take a moment to leave.
  for (let attempt = 0; ; attempt += 1) {
    const rows = await query<{ application_name: string }>(
      server,
      // not an autovacuum that has begun with what a test has written
      `select application_name from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
      [database],
    );
    if (rows.length === 0 || attempt === 40) return rows.map((row) => row.application_name);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function admin(server: string, statement: string): Promise<void> {
  await query(server, statement, []);
}

async function query<T extends object>(server: string, statement: string, values: unknown[]): Promise<T[]> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    return (await client.query<T>(statement, values)).rows;
  } finally {
    await client.end();
  }
}
