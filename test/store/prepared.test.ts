/** Prepared statements where each statement may meet another session, as behind a pooler in transaction mode. */
import { beforeEach, expect, test } from 'vitest';
import { queryPrepared } from '../../src/store/prepared.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const TEXT = 'insert into told values ($1) returning n';

let database: TestDatabase;
beforeEach(async () => {
  // one connection: a session that forgets its statements is then the next one's
  database = await createTestDatabase({ max: 1 });
  await database.db.pool.query('create table told (n int)');
  return () => database.drop();
});

const insert = async (n: number): Promise<unknown> => (await queryPrepared(database.db.pool, TEXT, [n])).rows;
const prepared = async (): Promise<readonly string[]> => {
  const { rows } = await database.db.pool.query<{ name: string }>('select name from pg_prepared_statements');
  return rows.map(({ name }) => name);
};
const told = async (): Promise<unknown> =>
  (await database.db.pool.query('select n from told order by n')).rows;

test('a statement is prepared once and used again', async () => {
  for (const n of [1, 2]) expect(await insert(n)).toEqual([{ n }]);
  expect(await prepared()).toHaveLength(1);
});

test('a session that does not know the statement runs it all the same, once, and so do those that follow', async () => {
  await insert(1);
  await database.db.pool.query('deallocate all');
  for (const n of [2, 3]) expect(await insert(n)).toEqual([{ n }]);
  expect(await told()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(await prepared()).toEqual([]);
});

test('a session in which somebody else has prepared it runs it all the same', async () => {
  await insert(1);
  const [name = ''] = await prepared();
  const client = await database.db.pool.connect();
  // this connection is given up, so that the pool's next one believes that it has prepared nothing
  client.release(true);
  await database.db.pool.query(`prepare "${name}" as ${TEXT.replace('$1', '$1::int')}`);
  expect(await insert(2)).toEqual([{ n: 2 }]);
  expect(await told()).toEqual([{ n: 1 }, { n: 2 }]);
});

test('what is wrong with the statement itself is thrown', async () => {
  await expect(queryPrepared(database.db.pool, TEXT, ['no number'])).rejects.toMatchObject({ code: '22P02' });
  expect(await told()).toEqual([]);
});
