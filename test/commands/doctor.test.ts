import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkClock, judgeVersion } from '../../src/commands/diagnosis/database.ts';
import { checkDisk } from '../../src/commands/diagnosis/folder.ts';
import { judgeRedis } from '../../src/commands/diagnosis/redis.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench, type Env } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.apply({ acme: bench.connection(), globex: bench.connection() });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

interface Found {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
  readonly advice: string | null;
}

/** Runs it on something that is broken and returns what it found wrong. */
async function faults(env: Env = {}, code = 1): Promise<Found[]> {
  const result = await bench.run(['doctor', '--json'], env);
  expect(result, result.stdout + result.stderr).toMatchObject({ code });
  expect(result.json.ok).toBe(false);
  for (const { ok, message, advice } of result.json.data as Found[]) {
    expect(message).toMatch(/\S/);
    if (!ok) expect(advice).toMatch(/^[A-Z].+\.$/);
  }
  return (result.json.data as Found[]).filter(({ ok }) => !ok);
}

const fault = (name: string, message: RegExp, advice: string) => ({
  name,
  ok: false,
  message: expect.stringMatching(message),
  advice: expect.stringContaining(advice),
});

describe('doctor', () => {
  it('finds nothing wrong where all is well, and says what it looked at', async () => {
    const [json, human] = await Promise.all([bench.run(['doctor', '--json']), bench.run(['doctor'])]);
    expect(json, json.stdout).toMatchObject({ code: 0, stderr: '' });
    expect(json.json.ok).toBe(true);
    const names = (json.json.data as Found[]).map(({ name }) => name);
    const origin = new URL(bench.lucca.urls.api).origin;
    expect(names).toEqual([
      'configuration',
      'database',
      'clock',
      'queue',
      'schema',
      'fleet',
      'workers',
      'schedules',
      'encryption',
      `endpoint ${origin}`,
    ]);
    expect(human).toMatchObject({ code: 0 });
    expect(human.stdout).toMatch(/^ok {2}database: Postgres \d+\.\d+ answers\.$/m);
  });

  it('lists every problem of the configuration with its fix, and ends with 2', async () => {
    const found = await faults({ PORT: '70000', LOG_LEVEL: 'loud', SLUICE_ENCRYPTION_KEYS: undefined }, 2);
    expect(found).toEqual([
      fault('configuration', /^PORT /, '65535'),
      fault('configuration', /^LOG_LEVEL /, 'info'),
      fault('configuration', /^SLUICE_ENCRYPTION_KEYS is missing/, 'openssl rand'),
    ]);
  });

  it('reports a database that is away, and a Redis that is', async () => {
    const found = await faults({
      DATABASE_URL: 'postgres://sluice:hunter2-hunter2@127.0.0.1:1/x',
      REDIS_URL: 'redis://127.0.0.1:1',
    });
    expect(found).toEqual([
      fault('queue', /Redis can't be reached: ECONNREFUSED/, 'REDIS_URL'),
      fault('database', /ECONNREFUSED/, 'DATABASE_URL'),
    ]);
  });

  it('names the command that makes the schema and that of the queue', async () => {
    const name = `t_${randomBytes(6).toString('hex')}`;
    await bench.query(`create database ${name}`);
    try {
      const found = await faults({ DATABASE_URL: bench.database.url.replace(/\/[^/]*$/, `/${name}`) });
      expect(found).toEqual([
        fault('queue', /queue's schema/, 'sluice migrate'),
        fault('schema', /no Sluice schema/, 'sluice migrate'),
      ]);
    } finally {
      await bench.query(`drop database ${name} with (force)`);
    }
  });

  it('names connections whose credentials no key decrypts', async () => {
    const found = await faults({ SLUICE_ENCRYPTION_KEYS: `k2:${randomBytes(32).toString('base64')}` });
    expect(found).toEqual([fault('encryption', /acme, globex .*"k1"/, 'SLUICE_ENCRYPTION_KEYS')]);
  });

  it('names endpoints that nobody answers, and those that the policy refuses', async () => {
    await bench.apply({
      acme: bench.connection(),
      globex: bench.connection({
        endpoints: { token: 'http://127.0.0.1:1/token', api: 'http://127.0.0.1:1' },
      }),
    });
    expect(await faults()).toEqual([fault('endpoint http://127.0.0.1:1', /\(globex\)/, 'firewall')]);
    const refused = await faults({ SLUICE_ALLOW_LOOPBACK: undefined });
    expect(refused).toHaveLength(2);
    expect(refused[0]).toEqual(
      fault(`endpoint ${new URL(bench.lucca.urls.api).origin}`, /loopback/, 'SLUICE_ALLOW_HOSTS'),
    );
    await bench.apply({ acme: bench.connection(), globex: bench.connection() });
  });

  it('names a connection that this version cannot work with', async () => {
    await bench.query(`update sluice.connections set provider = 'gone' where id = 'globex'`);
    expect(await faults()).toEqual([fault('connection globex', /no provider gone/, 'remove the connection')]);
    await bench.query(`update sluice.connections set provider = 'lucca' where id = 'globex'`);
  });

  it('misses workers where something waits for one, late schedules, and processes on another queue', async () => {
    await bench.apply({ acme: bench.connection(), globex: bench.connection({ schedule: '0 6 * * *' }) });
    expect(await faults()).toEqual([fault('workers', /schedules of 1 connections/, 'sluice worker')]);

    await bench.query(`insert into sluice.fleet (id, role, backend) values ('one', 'worker', 'redis:other')`);
    await bench.query(
      `update sluice.connections set next_run_at = now() - interval '1 hour' where id = 'globex'`,
    );
    expect(await faults()).toEqual([
      fault('fleet', /worker one on Redis/, 'REDIS_URL'),
      fault('schedules', /globex/, 'sluice worker'),
    ]);
    await bench.query(`delete from sluice.fleet`);
    await bench.query(`update sluice.connections set next_run_at = null`);
  });

  it('finds a data folder that is none, before anything is made in it', async () => {
    const file = join(bench.cwd, 'a-file');
    writeFileSync(file, '');
    const env = { DATABASE_URL: undefined, SLUICE_ENCRYPTION_KEYS: undefined };
    expect(await faults({ ...env, SLUICE_DATA_DIR: file })).toEqual([
      fault('data_folder', /is no folder/, 'SLUICE_DATA_DIR'),
    ]);
    expect(await faults({ ...env, SLUICE_DATA_DIR: join(file, 'below') })).toEqual([
      fault('data_folder', /lies within a file|is no folder/, 'SLUICE_DATA_DIR'),
    ]);
  });

  it('notices a full disk, clocks that differ, and servers that are too old', async () => {
    expect(await checkDisk('/', () => Promise.resolve(300 * 1024 ** 2))).toEqual(
      fault('disk', /Only 0\.3 GiB/, 'Free at least 1 GiB'),
    );
    expect(await checkDisk('/', () => Promise.resolve(2 * 1024 ** 3))).toMatchObject({ ok: true });

    const { db } = bench.database;
    expect(await checkClock(db, () => Date.now() + 60_000)).toEqual(fault('clock', /ahead/, 'NTP'));
    expect(await checkClock(db, () => Date.now() - 60_000)).toEqual(fault('clock', /behind/, 'NTP'));

    expect(judgeVersion(130_014)).toEqual(fault('database', /Postgres 13\.14/, 'Postgres 14'));
    expect(judgeVersion(140_000)).toMatchObject({ ok: true });
    expect(judgeRedis({ version: '6.0.20', evictionPolicy: 'noeviction' })).toEqual(
      fault('queue', /6\.0\.20/, 'Redis 6.2'),
    );
    expect(judgeRedis({ version: '6.2.0', evictionPolicy: undefined })).toMatchObject({ ok: true });
  });

  it('prints no secret', () => bench.expectNoSecrets());
});
