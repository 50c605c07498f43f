import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/fleet.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

const EMPLOYEES = 30;
const DEPARTMENTS = 5;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: EMPLOYEES });
  // all of them share a tenant, and so its 50 requests a minute, which these tests would use up on a fast machine
  const limits = { requestsPerMinute: 6_000 };
  await bench.apply({
    'acme-hr': bench.connection({ limits }),
    slow: bench.connection({ limits }),
    held: bench.connection({ limits, streams: ['employees'] }),
    down: bench.connection({
      limits,
      endpoints: { token: 'http://127.0.0.1:1/token', api: 'http://127.0.0.1:1' },
    }),
  });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const ended = (runId: string) =>
  waitFor(async () => {
    const [run] = await bench.query<{ status: string; finished_at: Date | null }>(
      'select status, finished_at from sluice.runs where id = $1',
      [runId],
    );
    return run?.finished_at === null ? undefined : run?.status;
  }, 20_000);

interface RunRow {
  readonly started_at: Date | null;
  readonly full: boolean;
}

const runOf = async (connection: string, slot: string, when: (run: RunRow) => boolean) => {
  const [run] = await bench.query<RunRow & Record<string, unknown>>(
    'select * from sluice.runs where connection_id = $1 and slot = $2',
    [connection, slot],
  );
  return run !== undefined && when(run) ? run : undefined;
};

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('sync without --wait', () => {
  it('prints the queued run and ends; a worker that starts later carries it out, and stops on SIGTERM', async () => {
    const asked = await bench.run(['sync', 'acme-hr', '--json']);
    expect(asked.code).toBe(0);
    expect(Object.keys(asked.json)).toEqual(['run']);
    const { run } = asked.json;
    expect(run).toMatchObject({
      connection: 'acme-hr',
      status: 'queued',
      startedAt: null,
      finishedAt: null,
      tokenRequests: 0,
      requests: 0,
      retries: 0,
      error: null,
      streams: [],
    });
    const again = await bench.run(['sync', 'acme-hr']);
    expect(again).toMatchObject({ code: 0, stdout: `Run ${run.id} of acme-hr is queued.\n` });
    expect(again.stderr).toContain(`sluice runs ${run.id}`);

    const worker = bench.start(['worker']);
    expect(await ended(run.id)).toBe('succeeded');
    expect(await worker.end('SIGTERM')).toMatchObject({ code: 0 });
    // a process logs to standard error, one JSON document a line
    expect(worker.stdout()).toBe('');
    const messages = worker
      .stderr()
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(messages.map((line) => JSON.parse(line).msg)).toEqual(
      expect.arrayContaining(['ready', 'stopped']),
    );
    const [count] = await bench.query(
      `select count(*)::int as live from sluice.records where connection_id = 'acme-hr'`,
    );
    expect(count).toEqual({ live: EMPLOYEES + DEPARTMENTS });
  });
});

describe('sync --wait', () => {
  it('does the work itself, and prints the run in the documented shape', async () => {
    bench.lucca.source.edit({ resource: 'employees', creates: 2, updates: 3, deletes: 1 });
    const { code, json } = await bench.run(['sync', 'acme-hr', '--wait', '--json']);
    expect(code).toBe(0);
    expect(json.run).toMatchObject({
      id: expect.any(String),
      connection: 'acme-hr',
      status: 'succeeded',
      startedAt: time,
      finishedAt: time,
      tokenRequests: 1,
      requests: 2,
      retries: 0,
      error: null,
    });
    expect(json.run.streams).toHaveLength(2);
    expect(json.run.streams.find((stream: any) => stream.name === 'employees')).toMatchObject({
      name: 'employees',
      status: 'succeeded',
      mode: 'full',
      added: 2,
      updated: 3,
      deleted: 1,
      unchanged: EMPLOYEES - 4,
      rejected: 0,
      pages: 1,
      cursor: null,
      error: null,
    });
  });

  it('takes the chosen streams only, and tells a person what it did', async () => {
    const [both, human] = await Promise.all([
      bench.run(['sync', 'acme-hr', '--stream', 'employees', '--stream', 'departments', '--wait', '--json']),
      bench.run(['sync', 'slow', '--stream', 'departments', '--wait']),
    ]);
    expect(both.code).toBe(0);
    expect(both.json.run.streams.map((stream: any) => stream.name).toSorted()).toEqual([
      'departments',
      'employees',
    ]);
    expect(human).toMatchObject({ code: 0 });
    expect(human.stdout).toMatch(/^slow {2}succeeded {2}[\d.]+ s {2}run [\da-f-]+\n/);
    expect(human.stdout).toMatch(/^departments +succeeded +1 +5 +0 +0 +0 +0$/m);
    expect(human.stdout).not.toContain('employees');
  });

  it('names the near stream, and the near connection, where there is none of that name', async () => {
    const [stream, connection] = await Promise.all([
      bench.run(['sync', 'acme-hr', '--stream', 'employes', '--wait', '--json']),
      bench.run(['sync', 'acme-hrr']),
    ]);
    expect(stream).toMatchObject({ code: 3 });
    expect(stream.json.error).toMatchObject({
      code: 'not_found',
      message: 'There is no stream of acme-hr employes; did you mean employees?',
    });
    expect(connection).toMatchObject({ code: 3, stdout: '' });
    expect(connection.stderr).toMatch(
      /error not_found: There is no connection acme-hrr; did you mean acme-hr\?\n {2}fix: .*`sluice connections`/,
    );
  });

  it('joins the one queued run while another is active: streams united, the id followed is the one printed', async () => {
    // the active run waits for the provider, for as long as this test wants
    bench.lucca.faults.add({
      kind: 'status',
      status: 429,
      headers: { 'retry-after': '1' },
      times: Infinity,
      path: '/lucca-api/employees',
    });
    const first = bench.start(['sync', 'slow', '--stream', 'employees', '--wait', '--json']);
    await waitFor(() => runOf('slow', 'active', (run) => run.started_at !== null), 20_000);
    const queued = (await bench.run(['sync', 'slow', '--stream', 'departments', '--json'])).json.run;
    expect(queued.status).toBe('queued');
    const second = bench.start(['sync', 'slow', '--stream', 'employees', '--full', '--wait', '--json']);
    await waitFor(() => runOf('slow', 'queued', (run) => run.full), 20_000);
    bench.lucca.faults.clear();
    const ends = await Promise.all([first.ended, second.ended]);
    expect(ends.map((end) => end.code)).toEqual([0, 0]);
    const [active, joined] = [first, second].map((sluice) => JSON.parse(sluice.stdout()).run);
    expect(active.status).toBe('succeeded');
    expect(active.id).not.toBe(queued.id);
    expect(joined).toMatchObject({ id: queued.id, status: 'succeeded' });
    expect(joined.streams.map((stream: any) => stream.name).toSorted()).toEqual(['departments', 'employees']);
  });

  it('ends with exit code 4 where deletes are held, says how to allow them, and does so', async () => {
    await bench.run(['sync', 'held', '--wait']);
    const before = bench.lucca.source.count('employees');
    bench.lucca.source.resize('employees', 0);
    const held = await bench.run(['sync', 'held', '--wait', '--json']);
    expect(held.code).toBe(4);
    expect(held.json.run).toMatchObject({
      status: 'held',
      error: { code: 'deletes_held', kind: 'data', advice: expect.stringContaining('--allow-deletes') },
      streams: [{ name: 'employees', status: 'held', deleted: 0 }],
    });
    const human = await bench.run(['runs', held.json.run.id]);
    expect(human.stdout).toContain(`fix: ${held.json.run.error.advice}`);
    const allowed = await bench.run(['sync', 'held', '--wait', '--json', '--allow-deletes']);
    expect(allowed.code).toBe(0);
    expect(allowed.json.run).toMatchObject({ status: 'succeeded', streams: [{ deleted: before }] });
    bench.lucca.source.resize('employees', EMPLOYEES);
  });

  it('gives up waiting after --timeout with exit code 1; the run goes on and another process ends it', async () => {
    bench.lucca.faults.add({ kind: 'hang', path: '/lucca-api/departments', times: Infinity });
    const late = await bench.run(['sync', 'acme-hr', '--wait', '--json', '--timeout', '1s']);
    bench.lucca.faults.clear();
    expect(late.code).toBe(1);
    expect(late.json.run).toMatchObject({
      finishedAt: null,
      error: { code: 'wait_timeout', kind: 'transient', advice: expect.stringContaining('sluice runs') },
    });
    expect(['queued', 'running', 'waiting']).toContain(late.json.run.status);
    const worker = bench.start(['worker']);
    expect(await ended(late.json.run.id)).toBe('succeeded');
    expect(await worker.end('SIGTERM')).toMatchObject({ code: 0 });
    const run = await bench.run(['runs', late.json.run.id, '--json']);
    expect(run.json.run).toMatchObject({ id: late.json.run.id, status: 'succeeded', error: null });
  });

  it('ends with exit code 1 where the provider is down, and says what to do', async () => {
    const program = await bench.run(['sync', 'down', '--wait', '--json']);
    expect(program.code).toBe(1);
    expect(program.json.run).toMatchObject({
      status: 'failed',
      error: {
        code: expect.any(String),
        kind: 'transient',
        message: expect.any(String),
        advice: expect.any(String),
      },
    });
  });

  it('prints no secret and stores none readable', () => bench.expectNoSecrets());
});
