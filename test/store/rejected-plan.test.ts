/** Rejected records are read by their index, however many there are. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { readRejected } from '../../src/sync/read-rejected.ts';
import { rejectedPage } from '../../src/sync/rejected-page.ts';
import { rejectedStreams } from '../../src/sync/rejected-streams.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const STREAMS = 20;
const EACH = 5_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  const { pool } = database.db;
  await pool.query(
    `insert into sluice.connections (id, provider, managed_by, config, credentials)
     values ('acme', 'lucca', 'api', '{}', '')`,
  );
  await pool.query(
    `insert into sluice.streams (connection_id, stream) select 'acme', 's' || n from generate_series(1, $1::int) n`,
    [STREAMS],
  );
  // one stream after the other, and the runs of all are over
  await pool.query(
    `insert into sluice.runs (id, connection_id, status, trigger, created_at, finished_at)
     values ('run', 'acme', 'partial', 'schedule', now(), now())`,
  );
  await pool.query(
    `insert into sluice.rejected_records (connection_id, stream, run_id, raw, reason)
     select 'acme', 's' || s, 'run', convert_to('{"number":' || n || '}', 'utf8'), 'has no readable id'
       from generate_series(1, $1::int) s, generate_series(1, $2::int) n order by s, n`,
    [STREAMS, EACH],
  );
  await pool.query('analyze sluice.rejected_records, sluice.streams, sluice.connections, sluice.runs');
});
afterAll(() => database.drop());

/** What the statements of `work` are planned as, one text for all of them. */
async function plansOf(work: (db: Db) => Promise<unknown>): Promise<string> {
  const { db } = database;
  const plans: string[] = [];
  const query = async (text: string, values: unknown[]): Promise<unknown> => {
    const plan = await db.pool.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
    plans.push(...plan.rows.map((row) => row['QUERY PLAN']));
    return db.pool.query(text, values);
  };
  await work({ pool: { query } } as unknown as Db);
  return plans.join('\n');
}

const key = { connectionId: 'acme', stream: 's1' };

it.each<[string, (db: Db) => Promise<unknown>]>([
  ['the first page', (db) => rejectedPage(db, key, { before: undefined, limit: 50 })],
  ['a later page', (db) => rejectedPage(db, key, { before: 2_500, limit: 50 })],
  [
    'what the command prints',
    async (db) => {
      const records: unknown[] = [];
      for await (const { record } of readRejected(db, 'acme', 's1', 120)) records.push(record);
      expect(records).toEqual(Array.from({ length: 120 }, (_, index) => ({ number: EACH - index })));
    },
  ],
])('%s is read in the order of the index', async (_name, work) => {
  const plans = await plansOf(work);
  expect(plans).toContain('rejected_by_stream');
  expect(plans).not.toMatch(/Sort|Seq Scan|rejected_records_pkey/);
});

it('what each stream rejected last costs one look at the index', async () => {
  const plans = await plansOf(async (db) => {
    expect(await rejectedStreams(db, Date.now(), 5)).toEqual([]);
  });
  expect(plans).toMatch(/Limit[^\n]*\n[^\n]*Index (?:Only )?Scan using rejected_by_stream/);
  expect(plans).not.toContain('Seq Scan on rejected_records');
});
