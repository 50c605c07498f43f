import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/fleet.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

const HOUR = { 'retry-after': '3600' };

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.apply({
    acme: bench.connection(),
    timed: bench.connection({ schedule: 'every 1h' }),
    daily: bench.connection({ schedule: '0 6 * * *' }),
  });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const statusOf = async (run: string): Promise<string | undefined> =>
  (await bench.query<{ status: string }>('select status from sluice.runs where id = $1', [run]))[0]?.status;
const becomes = (run: string, status: string, timeoutMs = 20_000) =>
  waitFor(
    async () => ((await statusOf(run)) === status ? true : undefined),
    timeoutMs,
    async () => `the run is ${await statusOf(run)}`,
  );
const ask = async (id: string): Promise<string> => (await bench.run(['sync', id, '--json'])).json.run.id;

describe('pause and resume', () => {
  it('stops the schedule, refuses new runs with the way out, and can be said twice', async () => {
    const paused = await bench.run(['pause', 'timed', '--json']);
    expect(paused).toMatchObject({ code: 0 });
    expect(paused.json).toMatchObject({
      connection: {
        id: 'timed',
        state: 'paused',
        nextRunAt: null,
        advice: expect.stringContaining('sluice resume timed'),
      },
    });
    const [again, human, refused, typo] = [
      await bench.run(['pause', 'timed', '--json']),
      await bench.run(['pause', 'timed']),
      await bench.run(['sync', 'timed', '--json']),
      await bench.run(['pause', 'timd', '--json']),
    ];
    expect(again.json).toEqual(paused.json);
    expect(human.stdout).toMatch(/^timed is paused since .+; next run when it is resumed\.\n$/);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.json.error).toMatchObject({
      code: 'connection_paused',
      advice: expect.stringContaining('sluice resume timed'),
    });
    expect(typo).toMatchObject({ code: 3 });
    expect(typo.json.error.message).toContain('did you mean timed?');

    const before = Date.now();
    const resumed = await bench.run(['resume', 'timed', '--json']);
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.json.connection).toMatchObject({ state: 'active', reason: null, advice: null });
    // `every` asks at once
    expect(Date.parse(resumed.json.connection.nextRunAt)).toBeGreaterThanOrEqual(before);
    expect((await bench.run(['resume', 'timed', '--json'])).json).toEqual(resumed.json);
    await bench.run(['pause', 'timed']);
  });

  it('clears what waits for a person, with the failures that slowed the schedule down', async () => {
    for (const state of ['needs_attention', 'needs_reconnect']) {
      await bench.query(
        `update sluice.connections set state = $1, state_code = 'x', state_reason = 'y', state_advice = 'z',
                failed_runs = 7, next_run_at = null where id = 'daily'`,
        [state],
      );
      const { code, json } = await bench.run(['resume', 'daily', '--json']);
      expect(code).toBe(0);
      expect(json.connection).toMatchObject({
        state: 'active',
        reason: null,
        advice: null,
        nextRunAt: expect.stringContaining('T06:00:00'),
      });
      const [row] = await bench.query(
        `select failed_runs, state_code from sluice.connections where id = 'daily'`,
      );
      expect(row).toEqual({ failed_runs: 0, state_code: null });
    }
  });
});

describe('cancel', () => {
  it('ends a run that nobody works on at once, without a worker; one that is over stays as it is', async () => {
    const run = await ask('acme');
    const cancelled = await bench.run(['cancel', run, '--json']);
    expect(cancelled).toMatchObject({ code: 0 });
    expect(cancelled.json).toMatchObject({
      run: { id: run, status: 'cancelled', finishedAt: expect.any(String), error: null },
    });
    const [again, human, none] = await Promise.all([
      bench.run(['cancel', run, '--json']),
      bench.run(['cancel', run]),
      bench.run(['cancel', 'nothing', '--json']),
    ]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.json).toEqual(cancelled.json);
    expect(human).toMatchObject({ code: 0, stdout: `Run ${run} is over already: cancelled.\n` });
    expect(none).toMatchObject({ code: 3 });
  });

  it('ends waiting and running streams of a run; the queued one begins, also after a pause', async () => {
    const { faults } = bench.lucca;
    const worker = bench.start(['worker'], { SLUICE_WORKER_PORT: '0' });
    const waits = (run: string, stream: string, status: string) =>
      waitFor(async () => {
        const [row] = await bench.query<{ status: string }>(
          'select status from sluice.run_streams where run_id = $1 and stream = $2',
          [run, stream],
        );
        return row?.status === status ? true : undefined;
      }, 20_000);

    // one stream waits for an hour: the run is ended by the command itself
    const down = faults.add({
      kind: 'status',
      status: 503,
      headers: HOUR,
      path: '*/employees',
      times: Infinity,
    });
    const first = await ask('acme');
    await Promise.all([waits(first, 'employees', 'waiting'), waits(first, 'departments', 'succeeded')]);
    const unwanted = await ask('acme');
    expect((await bench.run(['cancel', unwanted, '--json'])).json.run.status).toBe('cancelled');
    expect(await statusOf(first)).toBe('waiting');
    const second = await ask('acme');
    expect(second).not.toBe(unwanted);
    const ended = await bench.run(['cancel', first, '--json']);
    expect(ended.json.run).toMatchObject({
      status: 'cancelled',
      streams: expect.arrayContaining([
        expect.objectContaining({ name: 'employees', status: 'cancelled', waitUntil: null }),
        expect.objectContaining({ name: 'departments', status: 'succeeded', added: 5 }),
      ]),
    });

    // of the next run one stream waits for an hour and one is being read: it ends with its page
    await waits(second, 'employees', 'waiting');
    await waits(second, 'departments', 'succeeded');
    expect((await bench.run(['cancel', second, '--json'])).json.run.status).toBe('cancelled');
    faults.add({ kind: 'slow', delayMs: 4_000, path: '*/departments' });
    const third = await ask('acme');
    await Promise.all([waits(third, 'employees', 'waiting'), waits(third, 'departments', 'running')]);
    const asked = Date.now();
    const human = await bench.run(['cancel', third]);
    expect(human).toMatchObject({ code: 0 });
    expect(human.stdout).toBe(`Run ${third} ends with the page that is being read.\n`);
    // well before anybody compares runs and queue
    await becomes(third, 'cancelled', 15_000);
    expect(Date.now() - asked).toBeLessThan(15_000);

    // what was asked for before a pause goes on to its end
    faults.remove(down.id);
    faults.clear();
    faults.add({ kind: 'slow', delayMs: 1_500, path: '*/departments' });
    const fourth = await ask('acme');
    expect(await bench.run(['pause', 'acme'])).toMatchObject({ code: 0 });
    await becomes(fourth, 'succeeded');
    expect((await bench.run(['resume', 'acme', '--json'])).json.connection.lastRun.id).toBe(fourth);
    expect((await worker.end('SIGTERM')).code).toBe(0);
  });
});

describe('reset', () => {
  it('forgets the cursor of the stream named, or of all; records and change numbers stay', async () => {
    const cursors = async () =>
      bench.query<{ stream: string; cursor: unknown; restart: boolean; last_seq: string }>(
        `select stream, cursor, restart, last_seq from sluice.streams where connection_id = 'acme' order by stream`,
      );
    await bench.query(`update sluice.streams set cursor = '{"sequence": 7}' where connection_id = 'acme'`);
    const before = await cursors();
    expect(before.map(({ stream }) => stream)).toEqual(['departments', 'employees']);

    const one = await bench.run(['reset', 'acme', '--stream', 'employees', '--json']);
    expect(one).toMatchObject({ code: 0 });
    expect(one.json).toMatchObject({
      connection: { id: 'acme', records: { employees: 30 } },
      streams: ['employees'],
    });
    expect(await cursors()).toEqual([before[0], { ...before[1], cursor: null, restart: true }]);

    const all = await bench.run(['reset', 'acme']);
    expect(all).toMatchObject({ code: 0, stdout: expect.stringContaining('employees, departments') });
    expect(await cursors()).toEqual(before.map((row) => ({ ...row, cursor: null, restart: true })));

    const typo = await bench.run(['reset', 'acme', '--stream', 'employes', '--json']);
    expect(typo).toMatchObject({ code: 3 });
    expect(typo.json.error.message).toContain('did you mean employees?');
    expect(await bench.run(['reset', 'acne', '--json'])).toMatchObject({ code: 3 });
  });

  it('prints no secret and stores none readable', () => bench.expectNoSecrets());
});
