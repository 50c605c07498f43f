import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: 12 });
  await bench.apply({ acme: bench.connection({ streams: ['employees', 'leaves'], tokenPolicy: 'reuse' }) });
  await sync();
  bench.lucca.source.update('employees', employee(0), { givenName: 'Zoë' });
  bench.lucca.source.remove('employees', employee(1));
  await sync();
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const sync = async (): Promise<void> => {
  const result = await bench.run(['sync', 'acme', '--wait', '--stream', 'employees']);
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
};
const ids: string[] = [];
/** Ids in the order of the first list, whatever was removed since. */
const employee = (index: number): string => {
  if (ids.length === 0) ids.push(...bench.lucca.source.list('employees').map((row) => String(row.id)));
  return ids[index] ?? expect.unreachable();
};
const lines = (stdout: string): any[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('changes', () => {
  it('are printed from the beginning, one a line, with the record as it is now', async () => {
    const { code, stdout } = await bench.run(['changes', 'acme', 'employees']);
    expect(code).toBe(0);
    const changes = lines(stdout);
    expect(changes.map(({ seq }) => seq)).toEqual(Array.from({ length: 14 }, (_, index) => index + 1));
    expect(Object.keys(changes[0])).toEqual(['seq', 'op', 'id', 'record', 'changedAt']);
    const later = changes.slice(12);
    expect(later.find(({ op }) => op === 'updated')).toMatchObject({
      id: employee(0),
      record: { givenName: 'Zoë' },
    });
    expect(later.find(({ op }) => op === 'deleted')).toMatchObject({ id: employee(1), record: null });
  });

  it('are printed after a number, and as many as asked for', async () => {
    const [after, limited, none, never] = await Promise.all([
      bench.run(['changes', 'acme', 'employees', '--after', '12', '--json']),
      bench.run(['changes', 'acme', 'employees', '--after', '3', '--limit', '2']),
      bench.run(['changes', 'acme', 'employees', '--after', '14']),
      bench.run(['changes', 'acme', 'leaves']),
    ]);
    expect(lines(after.stdout).map(({ seq }) => seq)).toEqual([13, 14]);
    expect(lines(limited.stdout).map(({ seq }) => seq)).toEqual([4, 5]);
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(never).toMatchObject({ code: 0, stdout: '' });
  });

  it('that cannot be given say why, with what to do', async () => {
    const [connection, stream, ahead, usage, far] = await Promise.all([
      bench.run(['changes', 'acne', 'employees']),
      bench.run(['changes', 'acme', 'employes']),
      bench.run(['changes', 'acme', 'employees', '--after', '15']),
      bench.run(['changes', 'acme', 'employees', '--after', '-1']),
      bench.run(['changes', 'acme', 'employees', '--after', '9'.repeat(30), '--json']),
    ]);
    expect(connection).toMatchObject({ code: 3, stderr: expect.stringContaining('did you mean acme?') });
    expect(stream).toMatchObject({ code: 3, stderr: expect.stringContaining('did you mean employees?') });
    expect(ahead).toMatchObject({ code: 1, stderr: expect.stringContaining('error cursor_ahead') });
    expect(usage).toMatchObject({ code: 2 });
    expect(far).toMatchObject({ code: 1, stderr: '' });
    expect(far.json.error.code).toBe('cursor_ahead');
  });

  it('are followed: what comes later is printed, until the command is stopped', async () => {
    const following = bench.start(['changes', 'acme', 'employees', '--after', '14', '--follow']);
    // it waits already when the change comes, or it reads it at once: both must show it
    bench.lucca.source.update('employees', employee(2), { givenName: 'Åsa' });
    await sync();
    await following.said('Åsa', 30_000);
    bench.lucca.source.update('employees', employee(2), { givenName: 'Øyvind' });
    await sync();
    await following.said('Øyvind', 30_000);
    expect(await following.end('SIGINT')).toMatchObject({ code: 0 });
    expect(lines(following.stdout()).map(({ seq, op }) => [seq, op])).toEqual([
      [15, 'updated'],
      [16, 'updated'],
    ]);
  });

  it('that are kept no more are not passed over in silence', async () => {
    await bench.query(`delete from sluice.changes where stream = 'employees' and seq < 10`);
    const [first, later] = await Promise.all([
      bench.run(['changes', 'acme', 'employees']),
      bench.run(['changes', 'acme', 'employees', '--after', '9', '--limit', '1']),
    ]);
    expect(first).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('error feed_truncated'),
    });
    expect(first.stderr).toContain('10');
    expect(lines(later.stdout).map(({ seq }) => seq)).toEqual([10]);
  });

  it('are waited for at a web process, which answers those who wait when it stops', async () => {
    const web = bench.start(['web'], {
      HOST: '127.0.0.1',
      PORT: '0',
      PUBLIC_URL: 'https://sluice.example.com',
    });
    await web.said('"msg":"ready"', 60_000);
    const line = web
      .stderr()
      .split('\n')
      .find((one) => one.includes('"msg":"ready"'));
    const { url } = JSON.parse(line ?? '');
    const headers = { authorization: `Bearer ${bench.env.SLUICE_API_KEYS ?? ''}` };
    const feed = `${url}/v1/connections/acme/streams/employees/changes`;
    const { last }: any = await (await fetch(`${feed}?after=9&limit=1`, { headers })).json();
    let answered = false;
    const waiting = fetch(`${feed}?after=${last}&wait=50s`, { headers }).finally(() => (answered = true));
    // another one on the same process is answered meanwhile, so the first has arrived
    await fetch(`${feed}?after=${last}&wait=1s`, { headers });
    expect(answered).toBe(false);
    const end = await web.end('SIGTERM');
    expect(end).toMatchObject({ code: 0, signal: null });
    expect(await (await waiting).json()).toEqual({ data: [], last });
  });

  it('can be read, and so can the records, of a stream that is mirrored no more, without any key', async () => {
    await bench.apply({ acme: bench.connection({ streams: ['leaves'] }) });
    const other = { SLUICE_ENCRYPTION_KEYS: `k2:${randomBytes(32).toString('base64')}` };
    const [changes, records, csv, rejected, sync] = await Promise.all([
      bench.run(['changes', 'acme', 'employees', '--after', '13', '--limit', '1'], other),
      bench.run(['records', 'acme', 'employees', '--limit', '2'], other),
      bench.run(['records', 'acme', 'employees', '--format', 'csv', '--limit', '1'], other),
      bench.run(['rejected', 'acme', 'employees', '--json'], other),
      bench.run(['sync', 'acme', '--stream', 'employees']),
    ]);
    expect(lines(changes.stdout).map(({ seq }) => seq)).toEqual([14]);
    expect(lines(records.stdout)).toHaveLength(2);
    expect(csv.stdout).toMatch(/^id,changedAt,deletedAt,record\.id,.*givenName/);
    expect([rejected.code, rejected.json]).toEqual([0, { data: [] }]);
    expect(sync).toMatchObject({ code: 3 });
  });

  it('print no secret', () => bench.expectNoSecrets());
});
