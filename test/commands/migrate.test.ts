import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

const WEB = { PUBLIC_URL: 'http://127.0.0.1', PORT: '0' };

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

it('migrate brings an empty database up once, however many deploys begin at the same time', async () => {
  await bench.query('drop schema sluice cascade');
  await bench.query('drop schema bullmq cascade');
  const refused = await bench.run(['worker']);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(/error schema_outdated: .+\n {2}fix: Run `sluice migrate`/);

  const outcomes = await Promise.all([bench.run(['migrate', '--json']), bench.run(['release', '--json'])]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
  const applied = outcomes.map(({ json }) => json.applied).toSorted((a, b) => a.length - b.length);
  expect(applied[0]).toEqual([]);
  expect(applied[1].length).toBeGreaterThan(0);
  expect(await bench.run(['migrate'])).toMatchObject({ code: 0, stdout: 'The schema is current.\n' });
  // the queue's schema is there too
  await bench.apply({ acme: bench.connection({ streams: ['departments'] }) });
  expect(await bench.run(['sync', 'acme', '--wait'])).toMatchObject({ code: 0 });
});

it('every process refuses an older schema with exit code 2, and names the command that mends it', async () => {
  await bench.query('update sluice.migrations set created_at = created_at - 1');
  const [web, worker, command] = await Promise.all([
    bench.run(['web'], WEB),
    bench.run(['worker']),
    bench.run(['connections', '--json']),
  ]);
  await bench.query('update sluice.migrations set created_at = created_at + 1');
  for (const { code, stderr } of [web, worker]) {
    expect(code).toBe(2);
    expect(stderr).toContain(
      'error schema_outdated: The database has the schema of an older version of Sluice.',
    );
    expect(stderr).toContain('fix: Run `sluice migrate`');
  }
  expect(command).toMatchObject({ code: 2 });
  expect(command.json.error).toMatchObject({ code: 'schema_outdated', kind: 'config' });
});

it('every process refuses a newer schema with exit code 2, migrate too', async () => {
  await bench.query('update sluice.migrations set created_at = created_at + 1000');
  const [worker, migrate] = await Promise.all([bench.run(['worker']), bench.run(['migrate', '--json'])]);
  await bench.query('update sluice.migrations set created_at = created_at - 1000');
  expect(worker).toMatchObject({ code: 2 });
  expect(worker.stderr).toContain('error schema_newer');
  expect(migrate).toMatchObject({ code: 2 });
  expect(migrate.json.error.code).toBe('schema_newer');
});

it('prints no secret and stores none readable', () => bench.expectNoSecrets());
