import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: 12 });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const units = {
  name: 'units',
  path: '/departments',
  query: { include: 'links' },
  scopes: ['departments.readonly'],
  items: 'items',
  id: 'id',
  paging: { style: 'next-link', at: 'links.next', sizeParam: 'limit', pageSize: 2 },
};
const connection = (customStreams: readonly object[]) =>
  bench.connection({ streams: ['employees'], customStreams });

it('validate names custom streams, and every problem of them with line and fix', async () => {
  const good = bench.file('good.yaml', { connections: { acme: connection([units]) } });
  const said = await bench.run(['validate', good]);
  expect(said).toMatchObject({ code: 0 });
  expect(said.stdout).toContain('acme has a custom stream units: /departments');

  const bad = bench.file(
    'bad.yaml',
    `connections:
  acme:
    provider: lucca
    settings: { host: acme.ilucca.net }
    credentials: { clientId: a, clientSecret: b }
    customStreams:
      - name: employees
        path: /a
        id: id
      - name: units
        path: departments
        id: id
        pagng: { style: none }
`,
  );
  const refused = await bench.run(['validate', bad]);
  expect(refused.code).toBe(2);
  expect(refused.stderr.match(/^bad\.yaml:\d+ {2}connections\.acme\.customStreams\S+/gm)).toEqual([
    'bad.yaml:7  connections.acme.customStreams[0].name:',
    'bad.yaml:11  connections.acme.customStreams[1].path:',
    'bad.yaml:13  connections.acme.customStreams[1].pagng:',
  ]);
  expect(refused.stderr).toContain('fix: Write `paging`, or remove it.');
});

it('apply shows in its plan which custom streams differ', async () => {
  const plan = async (...streams: readonly object[]) => {
    const result = await bench.apply({ acme: connection(streams) });
    return result.data[0];
  };
  expect(await plan(units)).toEqual({ id: 'acme', action: 'create', changed: ['customStreams.units'] });
  expect(await plan(units)).toMatchObject({ action: 'unchanged', changed: [] });
  expect(await plan(units, { ...units, name: 'more' })).toMatchObject({ changed: ['customStreams.more'] });
  expect(await plan({ ...units, version: 'v' })).toMatchObject({
    action: 'update',
    changed: ['customStreams.more', 'customStreams.units'],
  });
});

it('connections shows them, sync takes them by name, dry or not, and records gives what they brought', async () => {
  await bench.apply({ acme: connection([units]) });
  const shown = await bench.run(['connections', 'acme']);
  expect(shown.stdout).toContain('units: /departments, paging next-link, changes full');
  const asJson = await bench.run(['connections', 'acme', '--json']);
  expect(asJson.json.connection.customStreams).toEqual([
    { name: 'units', path: '/departments', parent: null, paging: 'next-link', changes: 'full' },
  ]);

  const dry = await bench.run(['sync', 'acme', '--stream', 'units', '--dry-run', '--json']);
  expect(dry.json.streams).toMatchObject([{ name: 'units', records: 2, added: 2, more: true, error: null }]);
  const synced = await bench.run(['sync', 'acme', '--stream', 'units', '--wait', '--json']);
  expect(synced).toMatchObject({ code: 0 });
  expect(synced.json.run.streams).toMatchObject([{ name: 'units', status: 'succeeded', added: 5, pages: 3 }]);

  const records = await bench.run(['records', 'acme', 'units']);
  const lines = records.stdout.trim().split('\n');
  const given = lines.map((line) => (JSON.parse(line) as { record: unknown }).record);
  expect(new Set(given)).toEqual(new Set(bench.lucca.source.list('departments')));
});

it('shows no secret on the way', async () => {
  await bench.expectNoSecrets();
});
