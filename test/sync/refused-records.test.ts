import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRefused, isContentError } from '../../src/sync/refused-records.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('records that Postgres refuses', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  beforeAll(async () => {
    tiny = await startTinyProvider([tinyStream('things')]);
    fleet = await startFleet({ providers: [tiny.definition] });
    await fleet.connect('acme', {
      ...tiny.connection,
      retry: { attempts: 2, baseDelay: '50ms', maxDelay: '50ms' },
    });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });

  const items = (bodies: readonly string[]): string =>
    `{"items":[${bodies.map((body, index) => `{"id":"r${index}","x":${body}}`).join(',')}]}`;

  it.each([
    ['deeper than the stack of this process', 20_000],
    ['deeper than the whole of it', 200_000],
  ])('are put aside when they are nested %s; the rest of the page is stored', async (_name, depth) => {
    tiny.answer = () => ({ body: items(['1', deep(depth), '{"a":[2]}', deep(depth), deep(500)]) });
    const run = await fleet.sync('acme');
    expect(run).toMatchObject({ status: 'succeeded', requests: 1, retries: 0, error: null });
    expect(run.streams[0]).toMatchObject({ rejected: 2, pages: 1 });
    expect([...(await fleet.mirror('acme', 'things')).keys()].sort()).toEqual(['r0', 'r2', 'r4']);
    const rejected = await fleet.runtime.db.pool.query<{ record_id: string; raw: Buffer }>(
      'select record_id, raw from sluice.rejected_records where run_id = $1 order by record_id',
      [run.id],
    );
    expect(rejected.rows.map((row) => row.record_id)).toEqual(['r1', 'r3']);
    expect(rejected.rows[0]?.raw.toString()).toBe(`{"id":"r1","x":${deep(depth)}}`);
  });

  it('are put aside when only the stack of Postgres is too small for them', async () => {
    tiny.answer = () => ({ body: items(['1', '0', '2', '3']) });
    await fleet.sync('acme');
    // Which depth this process can still write depends on its own stack, so the server's is made the smaller one.
    const { pool } = fleet.runtime.db;
    await fleet.database.db.pool.query(
      `do $$ begin execute format('alter database %I set max_stack_depth = ''100kB''', current_database()); end $$`,
    );
    await fleet.database.db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'sluice worker'`,
    );
    await expect
      .poll(async () => (await pool.query('show max_stack_depth').catch(() => undefined))?.rows)
      .toEqual([{ max_stack_depth: '100kB' }]);
    tiny.answer = () => ({ body: items(['1', deep(1_500), '2', '3']) });
    const run = await fleet.sync('acme');
    expect(run).toMatchObject({ status: 'succeeded', requests: 1 });
    expect(run.streams[0]).toMatchObject({ rejected: 1 });
    const rejected = await fleet.runtime.db.pool.query<{ record_id: string; reason: string }>(
      'select record_id, reason from sluice.rejected_records where run_id = $1',
      [run.id],
    );
    expect(rejected.rows).toEqual([
      { record_id: 'r1', reason: 'is refused by Postgres: stack depth limit exceeded' },
    ]);
    const mirror = await fleet.mirror('acme', 'things');
    expect([...mirror.keys()].sort()).toEqual(['r0', 'r1', 'r2', 'r3']);
    expect(mirror.get('r1')).toEqual({ id: 'r1', x: 0 });
  });

  it('are found among many by halves', async () => {
    const record = (id: string, json: string) => ({
      id,
      json,
      hash: '00'.repeat(32),
      version: null,
      partition: '',
    });
    const page = Array.from({ length: 500 }, (_, index) =>
      record(`r${index}`, index % 100 === 7 ? '"\\u0000"' : '1'),
    );
    const refused = await findRefused(fleet.runtime.db, page);
    expect(refused.map((one) => one.id)).toEqual(['r7', 'r107', 'r207', 'r307', 'r407']);
    expect(await findRefused(fleet.runtime.db, page.slice(10, 50))).toEqual([]);
  });

  it.each([
    ['22P05', true],
    ['54001', true],
    ['23505', false],
    ['40001', false],
    ['57P01', false],
    ['ECONNRESET', false],
    [undefined, false],
  ])('are what an error with code %s is about: %s', (code, expected) => {
    expect(isContentError(Object.assign(new Error('x'), { code }))).toBe(expected);
  });
});
