import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openDb, type Db } from '../../src/store/db.ts';
import { createChangeWatch, type ChangeWatch } from '../../src/sync/change-watch.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait.ts';

const LONG_MS = 60_000;

let database: TestDatabase;
/** as small as a pool can be that is used for something else besides */
let db: Db;
let trouble: unknown[];
const watches: ChangeWatch[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDb({ url: database.url, max: 2, applicationName: 'watching' });
  trouble = [];
});
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close();
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const open = (everyMs = 20): ChangeWatch => {
  const watch = createChangeWatch(db, { everyMs, onTrouble: (error) => trouble.push(error) });
  watches.push(watch);
  return watch;
};
const key = (stream: string) => ({ connectionId: 'acme', stream });
const setNewest = (stream: string, seq: number): Promise<unknown> =>
  database.db.pool.query(
    `insert into sluice.streams (connection_id, stream, last_seq) values ('acme', $1, $2)
     on conflict (connection_id, stream) do update set last_seq = excluded.last_seq`,
    [stream, seq],
  );
/** Whether a promise is settled by now. */
const watched = (promise: Promise<void>): { done: boolean } => {
  const state = { done: false };
  void promise.then(() => (state.done = true));
  return state;
};
const looks = async (): Promise<number> =>
  Number(
    (
      await database.db.pool.query<{ count: string }>(
        `select count(*) as count from pg_stat_activity where application_name = 'watching'`,
      )
    ).rows[0]?.count,
  );

describe('readers that wait for changes', () => {
  it('are woken by the change they wait for, hundreds of them on one connection', async () => {
    await setNewest('orders', 5);
    await setNewest('items', 5);
    const watch = open();
    const waiting = Array.from({ length: 500 }, () => watched(watch.wait(key('orders'), 5, LONG_MS)));
    const others = watched(watch.wait(key('items'), 5, LONG_MS));
    const ahead = watched(watch.wait(key('orders'), 6, LONG_MS));
    await setNewest('orders', 6);
    await waitFor(() => (waiting.every(({ done }) => done) ? true : undefined), 15_000);
    expect(await looks()).toBe(1);
    expect([others.done, ahead.done]).toEqual([false, false]);
    await setNewest('items', 6);
    await waitFor(() => (others.done ? true : undefined), 15_000);
    expect(ahead.done).toBe(false);
  });

  it('wait for a stream that never ran, too', async () => {
    const waiting = watched(open().wait(key('fresh'), 0, LONG_MS));
    await setNewest('fresh', 1);
    await waitFor(() => (waiting.done ? true : undefined), 15_000);
  });

  it('give up after their time, or when they are told to', async () => {
    await setNewest('quiet', 1);
    const watch = open();
    await watch.wait(key('quiet'), 1, 30);
    const stop = new AbortController();
    const stopped = watch.wait(key('quiet'), 1, LONG_MS, stop.signal);
    stop.abort();
    await stopped;
    await watch.wait(key('quiet'), 1, LONG_MS, stop.signal);
    const ended = watch.wait(key('quiet'), 1, LONG_MS);
    watch.close();
    await ended;
    await watch.wait(key('quiet'), 1, LONG_MS);
  });

  it('outlast a database that is away for a while', async () => {
    await setNewest('patient', 1);
    const waiting = watched(open().wait(key('patient'), 1, LONG_MS));
    await database.db.pool.query('alter table sluice.streams rename to streams_away');
    await waitFor(() => (trouble.length > 1 ? true : undefined), 15_000);
    await database.db.pool.query('alter table sluice.streams_away rename to streams');
    await setNewest('patient', 2);
    await waitFor(() => (waiting.done ? true : undefined), 15_000);
  });
});
