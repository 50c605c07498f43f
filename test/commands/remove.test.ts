import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

const EMPLOYEES = 20;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: EMPLOYEES });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const numbers = async (): Promise<number[]> => {
  const rows = await bench.query<{ seq: string }>(`select seq from sluice.changes order by seq`);
  return rows.map(({ seq }) => Number(seq));
};
const count = async (table: string): Promise<number> =>
  (await bench.query<{ count: number }>(`select count(*)::int as count from sluice.${table}`))[0]?.count ??
  -1;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

it('connections remove keeps the records or erases them, and change numbers go on in either case', async () => {
  const connection = bench.connection({ streams: ['employees'] });
  const sync = async () => {
    const { code, json } = await bench.run(['sync', 'acme', '--wait', '--json']);
    expect(code).toBe(0);
    return json.run.streams[0];
  };
  await bench.apply({ acme: connection });
  expect(await sync()).toMatchObject({ added: EMPLOYEES });

  const [removed, unknown] = [
    await bench.run(['connections', 'remove', 'acme', '--json']),
    await bench.run(['connections', 'remove', 'acme', '--json']),
  ];
  expect(removed).toMatchObject({ code: 0 });
  expect(removed.json).toEqual({ removed: { id: 'acme', purge: false, records: EMPLOYEES } });
  expect(unknown).toMatchObject({ code: 3 });
  expect(await count('connections')).toBe(0);
  expect(await count('records')).toBe(EMPLOYEES);
  expect(await count('run_timeline')).toBeGreaterThan(0);
  expect(await numbers()).toEqual(range(1, EMPLOYEES));

  // made again under its id, it finds what it had
  await bench.apply({ acme: connection });
  bench.lucca.source.edit({ resource: 'employees', updates: 3 });
  expect(await sync()).toMatchObject({ added: 0, updated: 3, unchanged: EMPLOYEES - 3 });
  expect(await numbers()).toEqual(range(1, EMPLOYEES + 3));

  // with a run asked for, which is over then
  await bench.run(['sync', 'acme']);
  const purged = await bench.run(['connections', 'remove', 'acme', '--purge']);
  expect(purged).toMatchObject({ code: 0, stdout: `Removed acme and ${EMPLOYEES} records.\n` });
  for (const table of ['connections', 'records', 'changes', 'rejected_records', 'seen_keys', 'run_timeline'])
    expect(await count(table), table).toBe(0);
  expect(await bench.query('select first_seq::int as first from sluice.streams')).toEqual([
    { first: EMPLOYEES + 4 },
  ]);
  expect(await bench.query('select distinct slot from sluice.runs')).toEqual([{ slot: null }]);
  // the history of its runs stays
  const runs = await bench.run(['runs', '--connection', 'acme', '--json']);
  expect(runs.json.data.map((run: any) => run.status)).toEqual(['cancelled', 'succeeded', 'succeeded']);

  await bench.apply({ acme: connection });
  expect(await sync()).toMatchObject({ added: EMPLOYEES });
  expect(await numbers()).toEqual(range(EMPLOYEES + 4, 2 * EMPLOYEES + 3));
  await bench.expectNoSecrets();
});
