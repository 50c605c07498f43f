import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openEmbedded } from '../../../src/store/embedded/index.ts';
import { alive, openBench, processesNaming, select, until, type Bench } from './harness.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.clean();
});
afterAll(async () => {
  await bench.remove();
});

test('processes that start at once on an empty folder share one server, and the last to leave stops it', async () => {
  const dataDir = join(bench.folder(), '.sluice');
  const users = Array.from({ length: 6 }, () => bench.launch({ dataDir }));
  const opened = await Promise.all(users.map(async (user) => await user.ask('open')));

  expect(opened.map((answer) => answer.error)).toEqual(opened.map(() => undefined));
  expect(new Set(opened.map((answer) => `${String(answer['url'])} ${String(answer['pid'])}`)).size).toBe(1);
  expect(opened.filter((answer) => answer['startedHere'] === true)).toHaveLength(1);

  const pid = Number(opened[0]?.['pid']);
  const [last, ...others] = users;
  await Promise.all(others.map(async (user) => await user.ask('close')));
  expect(await alive(pid)).toBe(true);
  expect(await last?.ask('query select 1 as one')).toEqual({ rows: [{ one: 1 }] });

  expect(await last?.ask('close')).toEqual({ closed: true });
  expect(await alive(pid)).toBe(false);
  expect(existsSync(join(dataDir, 'postgres', 'server.json'))).toBe(false);
});

test('the server is private, durable and large enough', async () => {
  const dataDir = await bench.readyData();
  const server = await openEmbedded({
    dataDir,
    env: { ...process.env, SLUICE_TEST_SECRET: 'not for the server' },
  });
  try {
    const [settings] = await select(
      server.url,
      `select current_setting('max_connections') as connections, current_setting('fsync') as fsync,
         current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as commits,
         current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
         current_setting('server_encoding') as encoding, current_user as role,
         (select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = current_user) as scram,
         (select pg_get_userbyid(datdba) from pg_database where datname = current_database()) as owner`,
    );
    expect(settings).toEqual({
      connections: '300',
      fsync: 'on',
      pages: 'on',
      commits: 'on',
      addresses: '127.0.0.1',
      sockets: '',
      encoding: 'UTF8',
      role: 'sluice',
      scram: true,
      owner: 'sluice',
    });
    expect(server.url).toMatch(/^postgres:\/\/sluice:[\w-]{32}@127\.0\.0\.1:\d+\/sluice$/);
    await expect(select(server.url.replace(/:[\w-]{32}@/, ':wrong@'), 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
    await expect(select(server.url.replace(/:[\w-]{32}@/, '@'), 'select 1')).rejects.toThrow();

    const port = Number(new URL(server.url).port);
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((at) => at?.family === 'IPv4' && !at.internal);
    for (const at of others) expect(await answers(at?.address ?? '', port)).toBe(false);

    const control = join(dataDir, 'postgres');
    const mode = (path: string): number => statSync(path).mode & 0o777;
    for (const name of ['server.json', 'password', 'server.log'])
      expect(mode(join(control, name))).toBe(0o600);
    expect(mode(server.cluster)).toBe(0o700);
    expect(mode(dataDir) & 0o066).toBe(0);
    const record = JSON.parse(readFileSync(join(control, 'server.json'), 'utf8')) as Record<string, unknown>;
    expect(record).toMatchObject({
      host: '127.0.0.1',
      port,
      pid: server.pid,
      serverVersion: expect.stringMatching(/^18\./),
    });

    if (process.platform === 'linux')
      expect(readFileSync(`/proc/${server.pid}/environ`, 'utf8')).not.toContain('SLUICE_TEST_SECRET');
  } finally {
    await server.close();
  }
});

async function answers(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}

test('Ctrl-C in a terminal reaches Sluice and not the server, which lasts until the drain is done', async () => {
  const dataDir = await bench.readyData();
  const user = bench.launch({ dataDir });
  const opened = await user.ask('open');
  const pid = Number(opened['pid']);
  // a terminal signals the whole foreground process group
  process.kill(-Number(user.process.pid), 'SIGINT');
  expect(await user.hear()).toEqual({ drained: 1 });
  await until('the process has ended', () => user.process.exitCode !== null);
  expect(user.process.exitCode).toBe(0);
  expect(await alive(pid)).toBe(false);

  const log = readFileSync(join(dataDir, 'postgres', 'server.log'), 'utf8');
  expect(log.trimEnd()).toMatch(/database system is shut down$/);
  expect(log).not.toContain('not properly shut down');
  const again = await openEmbedded({ dataDir });
  expect(await select(again.url, 'select * from drained')).toEqual([{ how: 'in order' }]);
  await again.close();
});

test('kill -9 of every process leaves the server and its data; the next one attaches and then stops it', async () => {
  const dataDir = await bench.readyData();
  const users = [bench.launch({ dataDir }), bench.launch({ dataDir })];
  const opened = await Promise.all(users.map(async (user) => await user.ask('open')));
  await users[0]?.ask('query update counter set n = 41');
  await Promise.all(users.map(async (user) => await user.kill()));

  const next = await openEmbedded({ dataDir });
  expect(next.pid).toBe(opened[0]?.['pid']);
  expect(next.startedHere).toBe(false);
  expect(await select(next.url, 'select n from counter')).toEqual([{ n: 41 }]);
  await next.close();
  expect(await alive(next.pid)).toBe(false);
});

test('a killed process whose connection Postgres has not yet noticed to be dead does not count as a user', async () => {
  const dataDir = await bench.readyData();
  const server = await openEmbedded({ dataDir });
  const user = bench.launch({ dataDir });
  await user.ask('open');
  const [row] = await select(
    server.url,
    `select pid from pg_stat_activity where application_name like 'sluice user ${user.process.pid} %'`,
  );
  const backend = Number(row?.['pid']);
  // a process that is stopped notices nothing, and keeps its locks
  process.kill(backend, 'SIGSTOP');
  await user.kill();

  let left = false;
  const closing = server.close().then(() => (left = true));
  await until('the one that leaves has looked who else is there', async () => {
    if (left) return true;
    const seen = await select(
      server.url,
      `select 1 from pg_stat_activity where application_name like 'sluice user%' and query like '%pg_locks%'`,
    ).catch(() => []);
    return seen.length > 0;
  });
  process.kill(backend, 'SIGCONT');
  await closing;
  expect(await alive(server.pid)).toBe(false);
});

test('after kill -9 of the server its users get it back under the same URL, with every committed row', async () => {
  const dataDir = await bench.readyData();
  const troubles: Error[] = [];
  const server = await openEmbedded({ dataDir, onTrouble: (error) => troubles.push(error) });
  const user = bench.launch({ dataDir });
  await user.ask('open');
  await select(server.url, 'update counter set n = 7');
  const first = server.pid;
  process.kill(first, 'SIGKILL');
  await until('the server answers again', async () => {
    return await select(server.url, 'select n from counter').then(
      (rows) => rows[0]?.['n'] === 7,
      () => false,
    );
  });
  await until('both hold the new server', async () => {
    const [row] = await select(
      server.url,
      `select count(*)::int as n from pg_stat_activity where application_name like 'sluice user%'`,
    ).catch(() => []);
    return row?.['n'] === 2;
  });
  expect(server.pid).not.toBe(first);
  expect(troubles).toEqual([]);
  await user.ask('close');
  expect(await alive(server.pid)).toBe(true);
  await server.close();
  expect(await alive(server.pid)).toBe(false);
});

test('a server that was killed without users is recovered by the next start', async () => {
  const dataDir = await bench.readyData();
  const user = bench.launch({ dataDir });
  const opened = await user.ask('open');
  await user.ask('query update counter set n = 8');
  await user.kill();
  process.kill(Number(opened['pid']), 'SIGKILL');
  const server = await openEmbedded({ dataDir });
  expect(server.startedHere).toBe(true);
  expect(new URL(server.url).password).toBe(new URL(String(opened['url'])).password);
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 8 }]);
  await server.close();
});

test('processes that come while the last one leaves never meet a dying server', async () => {
  const dataDir = await bench.readyData();
  const users = Array.from({ length: 4 }, () => bench.launch({ dataDir }));
  const ends = await Promise.all(users.map(async (user) => await user.ask('churn 6')));
  expect(ends).toEqual(ends.map(() => ({ done: true })));
  const server = await openEmbedded({ dataDir });
  expect(server.startedHere).toBe(true);
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 24 }]);
  await server.close();
});

test('one process may open several handles, and closing one twice is harmless', async () => {
  const dataDir = await bench.readyData();
  const [one, two] = await Promise.all([openEmbedded({ dataDir }), openEmbedded({ dataDir })]);
  expect([one.startedHere, two.startedHere].filter(Boolean)).toHaveLength(1);
  await Promise.all([one.close(), one.close()]);
  await one.close();
  expect(await select(two.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await two.close();
  expect(await alive(two.pid)).toBe(false);
});

test('an aborted first start leaves nothing running and nothing half made', async () => {
  const folder = bench.folder();
  const stop = new AbortController();
  const reason = new Error('the user thought better of it');
  const opening = openEmbedded({
    dataDir: join(folder, '.sluice'),
    signal: stop.signal,
    onProgress: (step) => {
      if (step.startsWith('creating')) setTimeout(() => stop.abort(reason), 200);
    },
  });
  await expect(opening).rejects.toBe(reason);
  expect(readdirSync(join(folder, '.sluice', 'postgres')).filter((name) => name.startsWith('data'))).toEqual(
    [],
  );
  expect(await processesNaming(folder)).toEqual([]);
});
