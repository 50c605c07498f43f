/** Views over data that came from the simulated providers, and the role that may read them and nothing else. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { providers } from '../../src/providers/registry.ts';
import { migrateAll } from '../../src/migration.ts';
import { fieldsOf, providerViews } from '../../src/sync/stream-views.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet();
  await fleet.connect('acme-lucca', {
    customStreams: [
      {
        name: 'teams',
        path: '/departments',
        items: 'items',
        id: 'id',
        paging: { style: 'none' },
        changes: 'full',
      },
    ],
  });
  expect(await fleet.sync('acme-lucca')).toMatchObject({ status: 'succeeded', error: null });
});
afterAll(async () => {
  await fleet.close();
});

const query = async (sql: string, values: unknown[] = []): Promise<any[]> =>
  (await fleet.database.db.pool.query(sql, values)).rows;

describe('every stream that Sluice ships', () => {
  it('has a view with a column for each documented field, of the type that its schema says', async () => {
    const columns = await query(
      `select c.relname as view, attname, format_type(atttypid, atttypmod) as type
         from pg_attribute join pg_class c on c.oid = attrelid
        where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'v' and attnum > 0 order by attnum`,
    );
    for (const provider of providers) {
      for (const { name, fields } of providerViews(provider)) {
        const found = columns.filter(({ view }) => view === name);
        const types = found.slice(5).map(({ type }) => type);
        expect(types, name).toEqual(
          fields.map(({ type }) => (type === 'timestamptz' ? 'timestamp with time zone' : type)),
        );
      }
    }
    const known = providers.flatMap(({ streams }) => streams.flatMap(({ schema }) => fieldsOf(schema)));
    expect(new Set(known.map(({ type }) => type))).toEqual(
      new Set(['text', 'bigint', 'numeric', 'boolean', 'timestamptz', 'date', 'jsonb']),
    );
  });

  it.each([
    ['lucca_employees', ['created_at', 'last_updated_at'], []],
    ['lucca_leaves', ['created_at', 'last_updated_at'], ['starts_on', 'ends_on']],
    ['floriday_trade_items', ['creation_date_time', 'last_modified_date_time'], []],
    ['loke_organizations', ['created'], []],
    ['loke_customers', ['created_at', 'updated_at'], ['dob']],
    ['loke_payments', ['created_at', 'completed_at', 'refunded_at'], []],
    ['coloop_projects', ['created_at', 'updated_at'], []],
    ['coloop_memberships', ['created_at'], []],
  ])('%s compares its moments and days with those of the database', async (view, moments, days) => {
    const asked = [...moments.map((one) => `${one} < now()`), ...days.map((one) => `${one} < current_date`)];
    // text isn't comparable with either: the query itself would fail
    expect(await query(`select count(*) from sluice.${view} where ${asked.join(' and ')}`)).toHaveLength(1);
  });
});

describe('a custom stream', () => {
  it('has a view of its connection, made when the connection was stored', async () => {
    const teams = await query(`select record_id, data from sluice.acme_lucca__teams order by record_id`);
    const mirror = await fleet.mirror('acme-lucca', 'teams');
    expect(mirror.size).toBeGreaterThan(0);
    expect(new Map(teams.map((row) => [row.record_id, row.data]))).toEqual(mirror);
  });
});

describe('the read-only role of docs/sql.md', () => {
  const role = `reader_${randomBytes(4).toString('hex')}`;
  const as = async (sql: string): Promise<any[]> => {
    const client = await fleet.database.db.pool.connect();
    try {
      await client.query(`set role ${role}`);
      return (await client.query(sql)).rows;
    } finally {
      await client.query('reset role');
      client.release();
    }
  };
  beforeAll(async () => {
    const page = readFileSync(new URL('../../docs/sql.md', import.meta.url), 'utf8');
    const statements = /```sql\n(create role sluice_reader[^`]*)```/.exec(page)?.[1] ?? expect.unreachable();
    const database = new URL(fleet.database.url).pathname.slice(1);
    await query(statements.replaceAll('sluice_reader', role).replaceAll('your_database', database));
  });
  afterAll(async () => {
    await query(`drop owned by ${role}; drop role ${role}`);
  });

  it('reads the records, and, from the next migration on, every view', async () => {
    await migrateAll(fleet.database.url);
    expect(await as(`select 1 from sluice.records`)).not.toEqual([]);
    for (const { name } of await query(`select name from sluice.views`))
      await as(`select * from sluice.${name}`);
    expect(await as(`select given_name, last_updated_at from sluice.lucca_employees`)).not.toEqual([]);
  });

  it('reads a view that is made later, without another grant', async () => {
    await fleet.connect('acme-lucca', {
      customStreams: [
        {
          name: 'sites',
          path: '/legal-entities',
          items: 'items',
          id: 'id',
          paging: { style: 'none' },
          changes: 'full',
        },
      ],
    });
    expect(await as(`select * from sluice.acme_lucca__sites`)).toEqual([]);
  });

  it('reads no other table, and changes nothing', async () => {
    const tables = await query(
      `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('sluice', 'bullmq') and c.relkind in ('r', 'p') and c.relname <> 'records'`,
    );
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'sluice.connections',
        'sluice.tokens',
        'sluice.rejected_records',
        'sluice.runs',
      ]),
    );
    for (const { name } of tables) {
      await expect(as(`select * from ${name}`), name).rejects.toThrow(/permission denied/);
    }
    await expect(as(`update sluice.records set data = '{}'`)).rejects.toThrow(/permission denied/);
    await expect(as(`delete from sluice.lucca_employees`)).rejects.toThrow(/permission denied|cannot delete/);
    await expect(as(`create table sluice.mine (a int)`)).rejects.toThrow(/permission denied/);
  });
});
