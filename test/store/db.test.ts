import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDb } from '../../src/store/db.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ max: 2 });
});
afterAll(() => database.drop());

test('a connection that breaks between two statements fails the transaction, and not the process', async () => {
  const { db } = database;
  const uncaught: unknown[] = [];
  const listen = (error: unknown): void => void uncaught.push(error);
  process.prependListener('uncaughtException', listen);
  try {
    const broken = db.tx(async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      // listening before: its end may be noticed before the answer to who ended it
      const ended = new Promise((resolve) => client.once('end', resolve));
      await db.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      // nothing is under way on it when its end is noticed
      await ended;
      await client.query('select 1');
    });
    await expect(broken).rejects.toThrow();
    expect((await db.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  } finally {
    process.removeListener('uncaughtException', listen);
  }
  expect(uncaught).toEqual([]);
});

describe('a statement with a name', () => {
  const named = { name: 'sum', text: 'select $1::int + 1 as sum', values: [1] };
  const prepared = 'select name from pg_prepared_statements';

  test('is known again on a direct connection', async () => {
    const direct = openDb({ url: database.url, max: 1, direct: true });
    try {
      for (let time = 0; time < 2; time += 1)
        expect((await direct.pool.query(named)).rows).toEqual([{ sum: 2 }]);
      expect((await direct.pool.query(prepared)).rows).toEqual([{ name: 'sum' }]);
    } finally {
      await direct.close();
    }
  });

  test('has none where a pooler may stand between', async () => {
    const pooled = openDb({ url: database.url, max: 1 });
    try {
      expect((await pooled.pool.query(named)).rows).toEqual([{ sum: 2 }]);
      await pooled.tx((client) => client.query(named));
      expect((await pooled.pool.query(prepared)).rows).toEqual([]);
    } finally {
      await pooled.close();
    }
  });
});

describe('a transaction that sends its first statements along with its begin', () => {
  beforeAll(async () => {
    await database.db.pool.query('create table told (n int primary key)');
    await database.db.pool.query('create table locked (id int primary key)');
    await database.db.pool.query('insert into locked values (1)');
  });

  test('sees behind a lock what was committed while it waited for it', async () => {
    const { db } = database;
    let read: Promise<number> | undefined;
    await db.tx(async (client) => {
      await client.query('select 1 from locked for update');
      read = db.txAfter(
        async (other) => {
          const lock = other.query('select 1 from locked for update');
          const count = other.query<{ count: number }>('select count(*)::int as count from told');
          return (await Promise.all([lock, count]))[1].rows[0]?.count ?? -1;
        },
        async (_other, count) => count,
      );
      await waitUntilBlocked(client);
      await client.query('insert into told values (1)');
    });
    expect(await read).toBe(1);
  });

  test('does nothing more, and keeps no lock, where one of them fails', async () => {
    const { db } = database;
    let worked = false;
    const failed = db.txAfter(
      async (client) => {
        await client.query('select 1 from locked for update');
        throw new Error('not ours');
      },
      async () => void (worked = true),
    );
    await expect(failed).rejects.toThrow('not ours');
    expect(worked).toBe(false);
    await db.pool.query('select 1 from locked for update nowait');
  });
});

describe('statements that are sent together', () => {
  test('fail with the error of the first that failed, and store nothing', async () => {
    const { db } = database;
    const failed = db.txAfter(
      () => Promise.resolve(),
      async (client, _opened, send) => {
        send(client.query('insert into told values (2)'));
        send(client.query(`select $1::jsonb`, ['no json']));
        send(client.query('insert into told values (3)'));
      },
    );
    await expect(failed).rejects.toMatchObject({ code: '22P02' });
    const { rows } = await db.pool.query('select n from told where n > 1');
    expect(rows).toEqual([]);
  });

  test('store nothing where one of them could not even be sent', async () => {
    const { db } = database;
    const unsendable = {
      toPostgres: () => {
        throw new RangeError('Invalid string length');
      },
    };
    const failed = db.txAfter(
      () => Promise.resolve(),
      async (client, _opened, send) => {
        send(client.query('insert into told values ($1)', [unsendable]));
        send(client.query('insert into told values (4)'));
      },
    );
    await expect(failed).rejects.toThrow('Invalid string length');
    const { rows } = await db.pool.query('select n from told where n > 1');
    expect(rows).toEqual([]);
  });
});

/** Until another connection waits for a lock that this one holds. */
async function waitUntilBlocked(client: pg.PoolClient): Promise<void> {
  await expect
    .poll(async () => {
      const { rows } = await client.query<{ blocked: number }>(
        // pg_stat_activity would be read once for the whole transaction
        'select count(*)::int as blocked from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))',
      );
      return rows[0]?.blocked;
    })
    .toBe(1);
}
