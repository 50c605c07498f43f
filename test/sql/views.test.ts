/** Views of the mirror: what a reader of Postgres sees of synced and of damaged records. */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ensureViews, type ViewDefinition } from '../../src/store/views.ts';
import type { ColumnType } from '../../src/store/view-functions.ts';
import { fieldsOf } from '../../src/sync/stream-views.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let client: pg.PoolClient;
let made = 0;
beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.db.pool.connect();
  await client.query(`insert into sluice.connections (id, provider, managed_by, config, credentials)
                      values ('acme', 'tiny', 'file', '{}', '-'), ('other', 'another', 'file', '{}', '-')`);
});
afterAll(async () => {
  client.release();
  await database.drop();
});

const view = (fields: Readonly<Record<string, ColumnType>>, stream = `s${(made += 1)}`): ViewDefinition => ({
  name: `tiny_${stream}`,
  of: { provider: 'tiny' },
  stream,
  fields: Object.entries(fields).map(([field, type]) => ({ field, type })),
});
const store = async (stream: string, id: string, body: unknown, connection = 'acme'): Promise<void> => {
  await client.query(
    `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
     values ($1, $2, $3, $4, '', 1, 'test', now())`,
    [connection, stream, id, JSON.stringify(body)],
  );
};
/** As text, so that the driver changes nothing. */
const rows = async (name: string): Promise<Record<string, unknown>[]> => {
  await client.query(`set time zone 'America/New_York'; set datestyle = 'German, DMY'`);
  const result = await client.query<{ row: Record<string, unknown> }>(
    `select to_jsonb(v) - 'changed_at' - 'data' as row from sluice.${name} v order by record_id`,
  );
  return result.rows.map(({ row }) => row);
};
const columns = async (name: string): Promise<string[]> =>
  (
    await client.query<{ column: string }>(
      `select attname || ' ' || format_type(atttypid, atttypmod) as column from pg_attribute
        where attrelid = ('sluice.' || $1)::regclass order by attnum`,
      [name],
    )
  ).rows.map(({ column }) => column);
const fixed = [
  'connection_id text',
  'record_id text',
  'changed_at timestamp with time zone',
  'partition text',
  'data jsonb',
];

describe('a column', () => {
  it('has the type that the schema says', () => {
    const reference = z.looseObject({ id: z.string() });
    const schema = z.looseObject({
      text: z.string().nullish(),
      id: z.union([z.string(), z.number()]),
      uuid: z.guid(),
      status: z.enum(['OPEN', 'CLOSED']).nullable(),
      whole: z.int().nullish(),
      number: z.number().optional(),
      either: z.union([z.int(), z.number()]),
      flag: z.boolean().nullish(),
      instant: z.string().meta({ format: 'date-time' }).nullish(),
      checked: z.iso.datetime(),
      day: z.iso.date().nullish(),
      list: z.array(z.unknown()).nullish(),
      tree: z.looseObject({ a: z.string() }).nullish(),
      reference,
      again: reference,
      textOrTree: z.union([z.string(), z.looseObject({})]),
      anything: z.unknown(),
      nothing: z.null(),
    });
    expect(Object.fromEntries(fieldsOf(schema).map(({ field, type }) => [field, type]))).toEqual({
      text: 'text',
      id: 'text',
      uuid: 'text',
      status: 'text',
      whole: 'bigint',
      number: 'numeric',
      either: 'numeric',
      flag: 'boolean',
      instant: 'timestamptz',
      checked: 'timestamptz',
      day: 'date',
      list: 'jsonb',
      tree: 'jsonb',
      reference: 'jsonb',
      again: 'jsonb',
      textOrTree: 'jsonb',
      anything: 'jsonb',
      nothing: 'jsonb',
    });
  });

  it('of a record that may have several shapes are all of theirs', () => {
    const one = z.looseObject({ a: z.int(), b: z.string() });
    const other = z.looseObject({ a: z.number(), c: z.boolean() });
    const expected = [
      { field: 'a', type: 'numeric' },
      { field: 'b', type: 'text' },
      { field: 'c', type: 'boolean' },
    ];
    expect(fieldsOf(z.union([one, other]))).toEqual(expected);
    expect(fieldsOf(z.intersection(one, other))).toEqual(expected);
  });

  it('is null for a value that its type cannot hold, and the rest of the view stays readable', async () => {
    const definition = view({
      t: 'text',
      i: 'bigint',
      n: 'numeric',
      b: 'boolean',
      at: 'timestamptz',
      d: 'date',
      j: 'jsonb',
    });
    await ensureViews(client, [definition]);
    const good = {
      t: 'x',
      i: 7,
      n: 1.5,
      b: true,
      at: '2026-03-01T12:00:00+02:00',
      d: '2026-03-01',
      j: { a: [1] },
    };
    const bad = { t: 'y', i: 1.5, n: 'many', b: 'yes', at: '2026-02-30T00:00:00Z', d: '0000-00-00', j: null };
    const trees = { t: {}, i: [], n: {}, b: [], at: {}, d: [] };
    await store(definition.stream, '1', good);
    await store(definition.stream, '2', bad);
    await store(definition.stream, '3', trees);
    await store(definition.stream, '4', 'no object at all');
    await store(definition.stream, '5', [1]);
    const none = { t: null, i: null, n: null, b: null, at: null, d: null, j: null };
    const ids = { connection_id: 'acme', partition: null };
    expect(await rows(definition.name)).toEqual([
      { ...ids, record_id: '1', ...good, at: '2026-03-01T05:00:00-05:00' },
      { ...ids, record_id: '2', ...none, t: 'y' },
      { ...ids, record_id: '3', ...none, t: '{}' },
      { ...ids, record_id: '4', ...none },
      { ...ids, record_id: '5', ...none },
    ]);
  });

  const read = async (type: ColumnType, text: string): Promise<string | null> => {
    await client.query(`set time zone 'America/New_York'; set datestyle = 'ISO, DMY'`);
    const result = await client.query<{ value: string | null }>(
      `select case $2 when 'timestamptz' then (sluice.read_timestamptz($1) at time zone 'utc')::text
                      when 'date' then sluice.read_date($1)::text when 'boolean' then sluice.read_boolean($1)::text
                      when 'numeric' then sluice.read_numeric($1)::text else sluice.read_bigint($1)::text end as value`,
      [text, type],
    );
    return result.rows[0]?.value ?? null;
  };

  it.each<[ColumnType, string, string | null]>([
    ['timestamptz', '2026-03-01T12:00:00Z', '2026-03-01 12:00:00'],
    ['timestamptz', '2026-03-01T12:00:00.1234567+0530', '2026-03-01 06:30:00.123457'],
    ['timestamptz', '2026-03-01 12:00:00+02', '2026-03-01 10:00:00'],
    ['timestamptz', '2026-03-01T12:00', '2026-03-01 12:00:00'],
    ['timestamptz', '2026-03-01', '2026-03-01 00:00:00'],
    ['timestamptz', '2024-02-29T23:59:60Z', '2024-03-01 00:00:00'],
    ['timestamptz', '2000-02-29', '2000-02-29 00:00:00'],
    ['timestamptz', '1900-02-29', null],
    ['timestamptz', '2023-02-29T00:00:00Z', null],
    ['timestamptz', '2026-04-31T00:00:00Z', null],
    ['timestamptz', '2026-03-01T24:00:00Z', null],
    ['timestamptz', '2026-03-01T12:00:00+16:00', null],
    ['timestamptz', `2026-03-01T12:00:00.${'1'.repeat(200)}Z`, null],
    ['timestamptz', 'now', null],
    ['timestamptz', 'infinity', null],
    ['timestamptz', '2026-03-01T12:00:00Z\nx', null],
    ['timestamptz', '1772366400', null],
    ['timestamptz', '', null],
    ['date', '2026-03-01', '2026-03-01'],
    ['date', '2026-03-01T23:30:00-05:00', '2026-03-01'],
    ['date', '01.03.2026', null],
    ['date', 'today', null],
    ['bigint', '9223372036854775807', '9223372036854775807'],
    ['bigint', '9223372036854775808', null],
    ['bigint', '-9223372036854775808', '-9223372036854775808'],
    ['bigint', '12.00', '12'],
    ['bigint', '12.5', null],
    ['numeric', '-0.000000000000000000001', '-0.000000000000000000001'],
    ['numeric', 'NaN', null],
    ['numeric', '9'.repeat(150_000), null],
    ['boolean', 'true', 'true'],
    ['boolean', 't', null],
  ])('of type %s reads %j as %j', async (type, text, expected) => {
    expect(await read(type, text)).toBe(expected);
  });

  it('never fails, whatever stands in the record', async () => {
    const digits = fc.stringMatching(/^-?[0-9]{1,25}(\.[0-9]{1,25})?$/);
    const moment = fc.stringMatching(
      /^[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,9})?)?(Z|[+-][012][0-9](:?[0-9][0-9])?)?)?$/,
    );
    const any = fc.oneof(
      digits,
      moment,
      fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
    );
    const texts = fc.sample(any, 3000).map((text) => Buffer.from(text).toString());
    const result = await client.query<{ read: number }>(
      `select count(sluice.read_timestamptz(t)) + count(sluice.read_date(t)) + count(sluice.read_boolean(t))
              + count(sluice.read_numeric(t)) + count(sluice.read_bigint(t)) as read from unnest($1::text[]) t`,
      [texts],
    );
    expect(Number(result.rows[0]?.read)).toBeGreaterThan(1000);
  });
});

describe('a view', () => {
  it('shows the live records of its provider and stream, and no others', async () => {
    const definition = view({ a: 'text' });
    await ensureViews(client, [definition]);
    await store(definition.stream, '1', { a: 'live' });
    await store(definition.stream, '2', { a: 'deleted' });
    await client.query(`update sluice.records set deleted_at = now() where stream = $1 and record_id = '2'`, [
      definition.stream,
    ]);
    await store(definition.stream, '3', { a: 'of another provider' }, 'other');
    await store('unrelated', '4', { a: 'of another stream' });
    expect(await rows(definition.name)).toEqual([
      { connection_id: 'acme', record_id: '1', partition: null, a: 'live' },
    ]);
  });

  it('names fields apart that collide with each other or with the columns that every view has', async () => {
    const definition = view({
      data: 'text',
      recordId: 'text',
      changed_at: 'date',
      aB: 'text',
      a_b: 'bigint',
      "it's": 'text',
    });
    await ensureViews(client, [definition]);
    expect(await columns(definition.name)).toEqual([
      ...fixed,
      'data_2 text',
      'record_id_2 text',
      'changed_at_2 date',
      'a_b text',
      'a_b_2 bigint',
      'it_s text',
    ]);
    await store(definition.stream, '1', { data: 'd', recordId: 'r', aB: 'x', a_b: 2, "it's": 'me' });
    expect(await rows(definition.name)).toMatchObject([
      { record_id: '1', data_2: 'd', record_id_2: 'r', a_b: 'x', a_b_2: 2, it_s: 'me' },
    ]);
    const comment = await client.query<{ comment: string }>(
      `select col_description(('sluice.' || $1)::regclass, 10) as comment`,
      [definition.name],
    );
    expect(comment.rows[0]?.comment).toBe('field a_b');
  });

  it('only gains columns: those that were there keep name, type, place and what they read', async () => {
    const first = view({ a: 'text', gone: 'bigint', b: 'text' });
    await ensureViews(client, [first]);
    await client.query(`create view own_report as select a, gone from sluice.${first.name}`);
    await store(first.stream, '1', { a: 'x', gone: 5, b: '2026-03-01', fresh: true });
    // a field came first, one is documented no more, one has another type
    const second = view({ fresh: 'boolean', b: 'date', a: 'text' }, first.stream);
    expect(await ensureViews(client, [second])).toEqual([first.name]);
    expect(await columns(first.name)).toEqual([...fixed, 'a text', 'gone bigint', 'b text', 'fresh boolean']);
    expect(await rows(first.name)).toMatchObject([{ a: 'x', gone: 5, b: '2026-03-01', fresh: true }]);
    expect((await client.query(`select * from own_report`)).rows).toEqual([{ a: 'x', gone: '5' }]);
    expect(await ensureViews(client, [second])).toEqual([]);
  });

  it('comes back as it was where somebody dropped it', async () => {
    const definition = view({ a: 'text', b: 'text' });
    await ensureViews(client, [definition]);
    await client.query(`drop view sluice.${definition.name}`);
    expect(await ensureViews(client, [view({ c: 'text' }, definition.stream)])).toEqual([definition.name]);
    expect(await columns(definition.name)).toEqual([...fixed, 'a text', 'b text', 'c text']);
  });

  it('leaves alone what somebody else made under its name', async () => {
    const [table, report] = [view({ a: 'text' }), view({ a: 'text' })];
    await client.query(
      `create table sluice.${table.name} (own int); create view sluice.${report.name} as select 1 as own`,
    );
    for (const definition of [table, report]) {
      await expect(ensureViews(client, [definition])).rejects.toMatchObject({ code: 'view_name_taken' });
      expect(await columns(definition.name)).toContain('own integer');
    }
  });

  it('is made once by many processes that begin at the same time', async () => {
    const definitions = Array.from({ length: 5 }, () => view({ a: 'text', b: 'date' }));
    const clients = await Promise.all(Array.from({ length: 4 }, () => database.db.pool.connect()));
    try {
      await Promise.all(clients.map((one) => ensureViews(one, definitions)));
    } finally {
      for (const one of clients) one.release();
    }
    for (const { name } of definitions) expect(await columns(name)).toEqual([...fixed, 'a text', 'b date']);
  });

  it('that a long query reads is not waited for without end, and nothing is left half done', async () => {
    const definition = view({ a: 'text' });
    await ensureViews(client, [definition]);
    const reader = await database.db.pool.connect();
    try {
      await reader.query(`begin; select * from sluice.${definition.name}`);
      const wider = view({ b: 'text' }, definition.stream);
      await expect(ensureViews(client, [wider], { lockTimeoutMs: 50 })).rejects.toMatchObject({
        code: 'view_busy',
      });
      await reader.query('commit');
      expect(await ensureViews(client, [wider])).toEqual([definition.name]);
    } finally {
      reader.release();
    }
  });
});
