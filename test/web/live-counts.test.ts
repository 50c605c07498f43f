import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLiveCounts } from '../../src/sync/live-counts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A stream with so many records more, under a new number. */
async function grow(stream: string, count: number): Promise<void> {
  const { pool } = database.db;
  await pool.query(
    `insert into sluice.streams (connection_id, stream, last_seq) values ('acme', $1, 1)
     on conflict (connection_id, stream) do update set last_seq = streams.last_seq + 1`,
    [stream],
  );
  await pool.query(
    `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
     select 'acme', $1, gen_random_uuid(), '{}', '\\x00', 1, 'test', now() from generate_series(1, $2)`,
    [stream, count],
  );
}

it('are counted the more rarely the larger a stream is that changes, and never where nothing has', async () => {
  let time = 0;
  let statements = 0;
  const pool = new Proxy(database.db.pool, {
    get: (target, name) => {
      if (name === 'query') statements += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const counts = createLiveCounts({ pool }, () => time);
  await grow('small', 20);
  await grow('large', 20_000);
  expect(await counts.of('acme')).toEqual({ small: 20, large: 20_000 });

  await grow('small', 1);
  await grow('large', 1);
  // a fiftieth of a second: long enough for twenty records, not for twenty thousand
  time += 20;
  expect(await counts.of('acme')).toEqual({ small: 21, large: 20_000 });
  time += 1_000;
  expect(await counts.of('acme')).toEqual({ small: 21, large: 20_001 });

  time += 60_000;
  statements = 0;
  expect(await counts.of('acme')).toEqual({ small: 21, large: 20_001 });
  expect(statements).toBe(1);
});
