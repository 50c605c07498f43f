import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
let record = '';
beforeAll(async () => {
  bench = await openBench({ employees: 5 });
  await bench.apply({ acme: bench.connection({ streams: ['employees', 'departments'] }) });
  await bench.run(['sync', 'acme', '--wait', '--stream', 'employees']);
  record = String(bench.lucca.source.list('employees')[2]?.id);
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const stored = async (): Promise<string[]> =>
  (await bench.query<{ id: string }>(`select record_id as id from sluice.records order by record_id`)).map(
    ({ id }) => id,
  );

it('purge says with exit code 3 what it does not know, and names what is near', async () => {
  const answers = await Promise.all([
    bench.run(['purge', 'acmee', 'employees', record, '--json']),
    bench.run(['purge', 'acme', 'employes', record, '--json']),
    bench.run(['purge', 'acme', 'employees', 'no-such-record', '--json']),
    // configured, and never read
    bench.run(['purge', 'acme', 'departments', '1', '--json']),
  ]);
  for (const answer of answers) expect(answer).toMatchObject({ code: 3 });
  expect(answers.map(({ json }) => json.error.message)).toEqual([
    'There is no connection acmee; did you mean acme?',
    'There is no stream of acme employes; did you mean employees?',
    'There is no record of acme employees no-such-record.',
    'There is no record of acme departments 1.',
  ]);
  expect(await bench.run(['purge', 'acme', 'employees'])).toMatchObject({ code: 2 });
  expect(await stored()).toHaveLength(5);
});

it('purge erases one record, and asks nothing where nobody can answer', async () => {
  // two messages about it, one of them never read, and one about another record
  const about = (id: string): string => JSON.stringify({ topic: 'employee.updated', data: { id } });
  await bench.query(`insert into sluice.webhook_events (id, connection_id, dedupe_key, body, body_hash, status, stream, record_id)
    values ('e1', 'acme', '1', convert_to('${about(record)}', 'UTF8'), '', 'processed', 'employees', '${record}'),
           ('e2', 'acme', '2', convert_to('${about(record)}', 'UTF8'), '', 'received', null, null),
           ('e3', 'acme', '3', convert_to('${about('other')}', 'UTF8'), '', 'received', null, null)`);
  const first = await bench.run(['purge', 'acme', 'employees', record, '--json']);
  expect(first).toMatchObject({ code: 0 });
  expect(first.json).toEqual({
    purged: {
      connection: 'acme',
      stream: 'employees',
      id: record,
      record: true,
      changes: 1,
      rejected: 0,
      seq: 6,
      events: 2,
    },
  });
  const events = await bench.query(
    `select id, status, body is null as empty, record_id from sluice.webhook_events order by id`,
  );
  expect(events).toEqual([
    { id: 'e1', status: 'processed', empty: true, record_id: null },
    { id: 'e2', status: 'ignored', empty: true, record_id: null },
    { id: 'e3', status: 'received', empty: false, record_id: null },
  ]);
  expect(await stored()).not.toContain(record);
  expect(await bench.run(['purge', 'acme', 'employees', record])).toMatchObject({ code: 3 });

  // what a removed connection left can be erased as well
  await bench.run(['connections', 'remove', 'acme']);
  const [other = ''] = await stored();
  const second = await bench.run(['purge', 'acme', 'employees', other]);
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toBe(
    `Erased ${other} of acme employees (changes blanked: 1, rejected versions erased: 0, webhooks emptied: 0).\n` +
      'Change 7 tells readers of the feed to erase it too.\n',
  );
  expect(second.stderr).toContain('If the provider still has it, the next run brings it back.');
  expect(await stored()).toHaveLength(3);
  await bench.expectNoSecrets();
});
