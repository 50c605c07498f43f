import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: 25 });
  await bench.apply({ acme: bench.connection({ limits: { pageSize: 20 } }) });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const rows = async (): Promise<unknown> => {
  const [counts] = await bench.query(
    `select (select count(*)::int from sluice.records) as records, (select count(*)::int from sluice.runs) as runs,
            (select count(*)::int from sluice.rejected_records) as rejected, (select count(*)::int from sluice.streams) as streams,
            (select count(*)::int from sluice.changes) as changes, (select count(*)::int from sluice.tokens) as tokens`,
  );
  return counts;
};
const NOTHING = { records: 0, runs: 0, rejected: 0, streams: 0, changes: 0, tokens: 0 };
const dryRun = (...more: string[]) => bench.run(['sync', 'acme', '--dry-run', '--json', ...more]);

describe('sync --dry-run', () => {
  it('reads one page of each stream, says what would happen, and writes nothing', async () => {
    bench.lucca.faults.add({ kind: 'bad-record', path: '*/employees', index: 3, field: 'id', value: null });
    const result = await dryRun();
    expect(result).toMatchObject({ code: 0 });
    expect(result.json).toEqual({
      dryRun: true,
      connection: 'acme',
      streams: [
        {
          name: 'employees',
          records: 20,
          added: 19,
          updated: 0,
          deleted: 0,
          unchanged: 0,
          rejected: 1,
          rejections: [{ id: null, reason: expect.stringContaining('has no usable id') }],
          more: true,
          note: null,
          error: null,
        },
        expect.objectContaining({ name: 'departments', records: 5, added: 5, rejected: 0, more: false }),
      ],
    });
    expect(await rows()).toEqual(NOTHING);
  });

  it('compares with the mirror, and can be asked for one stream by a person', async () => {
    const { source, faults } = bench.lucca;
    faults.add({ kind: 'bad-record', path: '*/employees', index: 0, field: 'id', value: { odd: true } });
    expect(await bench.run(['sync', 'acme', '--wait'])).toMatchObject({ code: 0 });
    const before = await rows();
    const [skipped, changed] = source.list('employees');
    source.update('employees', String(changed?.id), { lastName: 'Changed' });
    const { code, json } = await dryRun('--stream', 'employees');
    expect(code).toBe(0);
    // the one that was refused is new to the mirror
    expect(skipped).toBeDefined();
    expect(json.streams).toEqual([
      expect.objectContaining({
        name: 'employees',
        added: 1,
        updated: 1,
        unchanged: 18,
        rejected: 0,
        error: null,
      }),
    ]);
    const human = await bench.run(['sync', 'acme', '--dry-run', '--stream', 'departments']);
    expect(human).toMatchObject({ code: 0 });
    expect(human.stdout).toMatch(/^departments +ok +5 +0 +0 +0 +5 +0 +no$/m);
    expect(await rows()).toEqual(before);
  });

  it('ends with 4 where a stream needs a person, with 1 where one failed otherwise, and reads the others', async () => {
    const { faults } = bench.lucca;
    faults.add({ kind: 'status', status: 403, path: '*/employees', times: Infinity });
    const [forbidden, human] = [await dryRun(), await bench.run(['sync', 'acme', '--dry-run'])];
    expect(forbidden).toMatchObject({ code: 4 });
    expect(forbidden.json.streams).toMatchObject([
      { name: 'employees', more: null, error: { code: 'provider_forbidden', advice: expect.any(String) } },
      { name: 'departments', unchanged: 5, error: null },
    ]);
    expect(human).toMatchObject({ code: 4 });
    expect(human.stderr).toContain(`fix: ${forbidden.json.streams[0].error.advice}`);
    faults.clear();
    faults.add({ kind: 'html', path: '*/employees', times: Infinity });
    expect(await dryRun()).toMatchObject({ code: 1 });
    faults.clear();
    faults.add({ kind: 'oauth-error', error: 'invalid_client', path: '/connect/token', times: Infinity });
    const refused = await dryRun();
    expect(refused).toMatchObject({ code: 4 });
    for (const { error } of refused.json.streams)
      expect(error).toMatchObject({ code: 'token_client_rejected' });
    // it was only asked: the connection stays as it was
    expect((await bench.run(['connections', 'acme', '--json'])).json.connection.state).toBe('active');
    faults.clear();
  });

  it('refuses what contradicts it, and names that are unknown', async () => {
    const [wait, typo] = await Promise.all([dryRun('--wait'), dryRun('--stream', 'departmens')]);
    expect(wait).toMatchObject({ code: 2 });
    expect(wait.json.error).toMatchObject({ code: 'usage', message: expect.stringContaining('--wait') });
    expect(typo).toMatchObject({ code: 3 });
  });
});

describe('rejected', () => {
  it('prints refused records with the reason, newest first, as NDJSON or as one document', async () => {
    // bytes that are no JSON, and one that is nested deeper than any stack
    await bench.query(
      `insert into sluice.rejected_records (connection_id, stream, run_id, record_id, raw, reason)
       values ('acme', 'employees', 'r', 'x', '\\xff00', 'odd'), ('acme', 'employees', 'r', 'y', $1, 'deep')`,
      [Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
    );
    const [lines, json, one, none, typo] = await Promise.all([
      bench.run(['rejected', 'acme', 'employees']),
      bench.run(['rejected', 'acme', 'employees', '--json']),
      bench.run(['rejected', 'acme', 'employees', '--limit', '1']),
      bench.run(['rejected', 'acme', 'departments']),
      bench.run(['rejected', 'acme', 'employes', '--json']),
    ]);
    const records = lines.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(lines.code).toBe(0);
    expect(records).toEqual([
      expect.objectContaining({ id: 'y', reason: 'deep', run: 'r' }),
      expect.objectContaining({ id: 'x', reason: 'odd', record: null, raw: '/wA=' }),
      {
        id: null,
        reason: expect.stringContaining('has no usable id'),
        rejectedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.+Z$/),
        run: expect.any(String),
        record: expect.objectContaining({ id: { odd: true } }),
      },
    ]);
    expect(json.json.data).toEqual(records);
    expect(JSON.parse(one.stdout).id).toBe('y');
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(typo).toMatchObject({ code: 3 });
  });

  it('prints no secret and stores none readable', () => bench.expectNoSecrets());
});
