import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyring } from '../../src/auth/keyring.ts';
import { createVault } from '../../src/auth/vault.ts';
import { employee } from '../../src/providers/lucca/schema.ts';
import { truth } from '../support/fleet.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

const sluiceCli = join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli.js');

/** Bodies of so many don't fit into a pipe's buffer. */
const EMPLOYEES = 300;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: EMPLOYEES });
  const { source } = bench.lucca;
  const [first, second] = source.list('employees');
  // what a CSV reader stumbles over
  source.update('employees', String(first?.id), {
    familyName: 'O"Hara, "Al"\r\nof Clan, Second',
    givenName: '=HYPERLINK("http://x.example")',
    shoe: { size: -42 },
  });
  await bench.apply({
    acme: bench.connection({ streams: ['employees', 'departments', 'leaves'], tokenPolicy: 'reuse' }),
    globex: bench.connection({ streams: ['employees'] }),
  });
  const synced = await bench.run([
    'sync',
    'acme',
    '--wait',
    '--stream',
    'employees',
    '--stream',
    'departments',
  ]);
  expect(synced, synced.stdout).toMatchObject({ code: 0 });
  source.remove('employees', String(second?.id));
  expect(await bench.run(['sync', 'acme', '--wait', '--stream', 'employees'])).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const lines = (text: string): any[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('records', () => {
  it('come as NDJSON, as one JSON document and as CSV, all with the same content', async () => {
    const [ndjson, json, short, csv] = await Promise.all([
      bench.run(['records', 'acme', 'employees']),
      bench.run(['records', 'acme', 'employees', '--format', 'json']),
      bench.run(['records', 'acme', 'employees', '--json', '--limit', '2']),
      bench.run(['records', 'acme', 'employees', '--format', 'csv']),
    ]);
    for (const result of [ndjson, json, short, csv]) expect(result.code).toBe(0);
    const records = lines(ndjson.stdout);
    const byId = new Map(records.map((one) => [one.id, one.record]));
    expect(byId).toEqual(truth(bench.lucca, 'employees'));
    expect(Object.keys(records[0])).toEqual(['id', 'record', 'changedAt', 'deletedAt']);
    expect(records[0]).toMatchObject({ changedAt: expect.stringMatching(/Z$/), deletedAt: null });
    expect(json.json).toEqual({ data: records });
    expect(short.json).toEqual({ data: records.slice(0, 2) });
    const [header = [], ...rows] = parseCsv(csv.stdout);
    const fields = Object.keys(employee.shape);
    expect(header).toEqual([
      'id',
      'changedAt',
      'deletedAt',
      ...fields.map((field) => (field === 'id' ? 'record.id' : field)),
      '_more',
    ]);
    const cell = (value: unknown): string => {
      if (value === null || value === undefined) return '';
      return typeof value === 'string' ? value.replace(/^(?=[=+@-])/, "'") : JSON.stringify(value);
    };
    expect(rows).toEqual(
      records.map(({ id, changedAt, record }) => {
        const more = Object.entries(record).filter(([name]) => !fields.includes(name));
        return [
          id,
          changedAt,
          '',
          ...fields.map((name) => cell(record[name])),
          more.length === 0 ? '' : JSON.stringify(Object.fromEntries(more)),
        ];
      }),
    );
    const columns = (name: string): string[] => rows.map((row) => row[header.indexOf(name)] ?? '');
    expect(columns('familyName')).toContain('O"Hara, "Al"\r\nof Clan, Second');
    expect(columns('givenName')).toContain(`'=HYPERLINK("http://x.example")`);
    expect(columns('_more')).toEqual(
      expect.arrayContaining([expect.stringContaining('"shoe":{"size":-42}')]),
    );
  });

  it('leave out what was deleted at the provider, unless asked for', async () => {
    const all = lines((await bench.run(['records', 'acme', 'employees', '--deleted'])).stdout);
    expect(all).toHaveLength(EMPLOYEES);
    const deleted = all.filter((one) => one.deletedAt !== null);
    expect(deleted).toHaveLength(1);
    expect(deleted[0]).toMatchObject({ deletedAt: expect.stringMatching(/Z$/), record: expect.any(Object) });
  });

  it('end quietly with exit code 0 where the reader has seen enough', async () => {
    const all = (await bench.run(['records', 'acme', 'employees'])).stdout;
    expect(all.length, 'more than a pipe holds').toBeGreaterThan(100_000);
    const script = '{ "$NODE" "$CLI" records acme employees; echo "exit code $?" >&2; } | head -1';
    const env = { PATH: process.env.PATH, ...bench.env, NODE: process.execPath, CLI: sluiceCli };
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', script], { cwd: bench.cwd, env });
    expect(stdout).toBe(`${all.split('\n')[0]}\n`);
    expect(stderr).toBe('exit code 0\n');
  });

  it('of a stream that is configured and never ran are none; of any other stream there is a near name', async () => {
    const [none, csv, json, typo] = await Promise.all([
      bench.run(['records', 'acme', 'leaves']),
      bench.run(['records', 'acme', 'leaves', '--format', 'csv']),
      bench.run(['records', 'acme', 'leaves', '--format', 'json']),
      bench.run(['records', 'acme', 'leafs', '--json']),
    ]);
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(csv.stdout).toMatch(/^id,changedAt,deletedAt,record\.id,.*,_more\r\n$/);
    expect(json).toMatchObject({ code: 0 });
    expect(json.json).toEqual({ data: [] });
    expect(typo).toMatchObject({ code: 3 });
    expect(typo.json.error.message).toContain('did you mean leaves?');
  });
});

describe('runs', () => {
  it('are listed newest first, filtered and limited, and shown one by one', async () => {
    const [all, one, none, unknown, human] = await Promise.all([
      bench.run(['runs', '--json']),
      bench.run(['runs', '--connection', 'acme', '--limit', '1', '--json']),
      bench.run(['runs', '--connection', 'globex', '--json']),
      bench.run(['runs', '--connection', 'acmee', '--json']),
      bench.run(['runs']),
    ]);
    expect(Object.keys(all.json)).toEqual(['data']);
    expect(all.json.data).toHaveLength(2);
    expect(all.json.data.map((run: any) => run.streams.length)).toEqual([1, 2]);
    expect(all.json.data[0]).toMatchObject({ connection: 'acme', status: 'succeeded', error: null });
    expect(one.json.data).toEqual([all.json.data[0]]);
    expect(none.json).toEqual({ data: [] });
    expect(unknown).toMatchObject({ code: 3 });
    expect(unknown.json.error).toMatchObject({ message: expect.stringContaining('did you mean acme?') });
    expect(human.stdout.split('\n')[0]).toMatch(/^RUN +CONNECTION +STATUS/);
    const [detail, missing, person] = await Promise.all([
      bench.run(['runs', all.json.data[1].id, '--json']),
      bench.run(['runs', 'no-such-run', '--json']),
      bench.run(['runs', all.json.data[1].id]),
    ]);
    const { timeline, timelineOmitted, ...run } = detail.json.run;
    expect(run).toEqual(all.json.data[1]);
    expect(timeline).toHaveLength(run.requests);
    expect(timelineOmitted).toEqual({});
    expect(missing).toMatchObject({ code: 3 });
    expect(missing.json.error).toMatchObject({
      code: 'not_found',
      advice: 'List what there is with `sluice runs`.',
    });
    expect(person.stdout).toMatch(/^employees +succeeded +3 +300 +0 +0 +0 +0$/m);
    expect(person.stdout).toMatch(/^Timeline  \d{4}-\d\d-\d\d, UTC\nTIME +STREAM +STATUS/m);
    expect(person.stdout).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} +employees +200 +[\d.]+ m?s +1 .* 1 +100 added +(new|\d+ s old) +\/\S+employees\?\S*limit$/m,
    );
  });
});

describe('connections', () => {
  it('are listed with state, schedule and last run, and shown one by one', async () => {
    const [list, one, human, typo] = await Promise.all([
      bench.run(['connections', '--json']),
      bench.run(['connections', 'acme', '--json']),
      bench.run(['connections']),
      bench.run(['connections', 'globes', '--json']),
    ]);
    expect(Object.keys(list.json)).toEqual(['data']);
    expect(list.json.data.map((connection: any) => connection.id)).toEqual(['acme', 'globex']);
    expect(list.json.data[1]).toMatchObject({
      id: 'globex',
      provider: 'lucca',
      state: 'active',
      reason: null,
      advice: null,
      schedule: 'manual',
      nextRunAt: null,
      lastRun: null,
    });
    expect(list.json.data[0]).toMatchObject({
      lastRun: { status: 'succeeded' },
      records: { employees: EMPLOYEES - 1, departments: 5 },
    });
    expect(one.json).toEqual({ connection: list.json.data[0] });
    expect(human.stdout).toMatch(/^acme +lucca +active +succeeded/m);
    expect(typo).toMatchObject({ code: 3 });
    expect(typo.json.error.message).toContain('did you mean globex?');
  });
});

describe('token', () => {
  it('is null where none is cached, and metadata alone where one is', async () => {
    const [perFlow, reused, human] = await Promise.all([
      bench.run(['token', 'globex', '--json']),
      bench.run(['token', 'acme', '--json']),
      bench.run(['token', 'acme']),
    ]);
    expect(perFlow).toMatchObject({ code: 0 });
    expect(perFlow.json).toMatchObject({
      connection: 'globex',
      policy: 'per-flow',
      state: 'none',
      since: null,
      token: null,
    });
    expect(reused.json).toMatchObject({
      connection: 'acme',
      policy: 'reuse',
      state: 'cached',
      since: reused.json.token.obtainedAt,
      reason: null,
      token: {
        policy: 'reuse',
        missingScopes: [],
        fingerprint: expect.stringMatching(/^[\da-f]{12}$/),
        scopes: expect.arrayContaining(['employees.readonly']),
        ageSeconds: expect.any(Number),
        expiresInSeconds: expect.any(Number),
        obtainedAt: expect.stringMatching(/Z$/),
        expiresAt: expect.stringMatching(/Z$/),
      },
    });
    expect(human.stdout).toContain(`fingerprint  ${reused.json.token.fingerprint}`);
    // both runs used this one
    expect(bench.lucca.requests.counters().tokenRequests).toBe(1);
  });
});

it('prints neither a secret nor the token, and stores none readable', async () => {
  const [row] = await bench.query<{ key: string; ciphertext: string }>(
    'select key, ciphertext from sluice.tokens',
  );
  const [id = '', key = ''] = (bench.env.SLUICE_ENCRYPTION_KEYS ?? '').split(':');
  const vault = createVault(createKeyring([{ id, key: Buffer.from(key, 'base64') }]));
  const stored = vault.decrypt(row?.ciphertext ?? '', `token:${row?.key ?? ''}`);
  const value = /"value":"([^"]+)"/.exec(stored)?.[1] ?? stored;
  expect(bench.lucca.requests.list().length).toBeGreaterThan(0);
  await bench.expectNoSecrets(value);
});

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
