/** What brings a server back that was ended under its users, whatever of it is left. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import pg from 'pg';
import { openEmbedded } from '../../../src/store/embedded/index.ts';
import { childrenOf } from '../../../src/store/embedded/process.ts';
import { alive, openBench, select, until, type Bench } from './harness.ts';

// four processes and several starts of a server, on a machine that may be busy
vi.setConfig({ testTimeout: 120_000 });

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
const clients: pg.Client[] = [];
afterEach(async () => {
  await bench.clean();
  for (const client of clients.splice(0)) await client.end().catch(() => {});
});
afterAll(async () => {
  await bench.remove();
});

/** Computes for minutes: such a process doesn't look whether its server lives. */
async function compute(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  clients.push(client);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  client.query('select count(*) from generate_series(1, 100000000000)').catch(() => {});
  const pid = Number(rows[0]?.pid);
  await until('the query computes', async () => {
    const [row] = await select(url, `select state from pg_stat_activity where pid = ${pid}`);
    return row?.['state'] === 'active';
  });
  return pid;
}

async function answers(url: string): Promise<boolean> {
  return await select(url, 'select n from counter').then(
    () => true,
    () => false,
  );
}

interface Users {
  readonly url: string;
  readonly cluster: string;
  readonly uid: number;
  readonly troubles: readonly Error[];
  readonly pid: () => number;
  close(): Promise<void>;
}

/** One user in this process and three others. */
async function fourUsers(): Promise<Users> {
  const dataDir = await bench.readyData();
  const troubles: Error[] = [];
  const server = await openEmbedded({ dataDir, onTrouble: (error) => troubles.push(error) });
  const others = [1, 2, 3].map(() => bench.launch({ dataDir }));
  for (const other of others) await other.ask('open');
  const { url, cluster } = server;
  return {
    url,
    cluster,
    uid: statSync(cluster).uid,
    troubles,
    pid: () => server.pid,
    async close() {
      for (const other of others) await other.ask('close');
      await server.close();
      expect(await alive(server.pid)).toBe(false);
    },
  };
}

/** All four hold the new server, under the URL that they had. */
async function expectBack(users: Users, before: number): Promise<void> {
  // a shutdown has its time first
  await expect.poll(() => answers(users.url), { timeout: 80_000 }).toBe(true);
  await until('all hold the new server', async () => {
    const [row] = await select(
      users.url,
      `select count(distinct application_name)::int as n from pg_stat_activity where application_name like 'sluice user%'`,
    ).catch(() => []);
    return row?.['n'] === 4;
  });
  // this process' connection is seen before it has written down whose it is
  await expect.poll(users.pid).not.toBe(before);
  expect(users.troubles).toEqual([]);
}

test.each([
  ['alone', 'postmaster'],
  ['and all of its processes', 'everything'],
])('kill -9 of the server %s, while one of them computes, is over in seconds', async (_name, what) => {
  const users = await fourUsers();
  const busy = await compute(users.url);
  const before = users.pid();
  const victims = what === 'everything' ? await childrenOf(users.cluster, users.uid) : [];
  if (what === 'everything') expect(victims).toContain(busy);
  for (const pid of [before, ...victims]) process.kill(pid, 'SIGKILL');
  await expectBack(users, before);
  expect(await alive(busy)).toBe(false);
  await users.close();
});

test('a stopped process of a killed server does not keep the next one from starting', async () => {
  const users = await fourUsers();
  const busy = await compute(users.url);
  const before = users.pid();
  process.kill(busy, 'SIGSTOP');
  process.kill(before, 'SIGKILL');
  await expectBack(users, before);
  expect(await alive(busy)).toBe(false);
  await users.close();
});

test('a shutdown that never ends, since one process does not, is brought to its end', async () => {
  const users = await fourUsers();
  const busy = await compute(users.url);
  const before = users.pid();
  process.kill(busy, 'SIGSTOP');
  process.kill(before, 'SIGINT');
  await expectBack(users, before);
  await users.close();
});

test('a port that something else has for a moment is waited for', async () => {
  const users = await fourUsers();
  const before = users.pid();
  process.kill(before, 'SIGKILL');
  const squatter = createServer((socket) => socket.destroy());
  // until the killed one has gone
  await until('the port is taken', async () => {
    squatter.listen(Number(new URL(users.url).port), '127.0.0.1');
    return await once(squatter, 'listening').then(
      () => true,
      () => false,
    );
  });
  setTimeout(() => squatter.close(), 1_500);
  await expectBack(users, before);
  await users.close();
});
