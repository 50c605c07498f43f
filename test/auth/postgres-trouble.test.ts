import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identify } from '../../src/auth/identity.ts';
import { openEmbedded } from '../../src/store/embedded/index.ts';
import { migrate } from '../../src/store/migrate.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { waitFor } from '../support/wait.ts';
import { flow, type Member } from './fleet.ts';
import { askedBy, newSubject, server, useTokenFleet } from './token-fleet.ts';

/** The limit of one call to the cache in these tests, in milliseconds. */
const CACHE_MS = 1_000;

// a server of its own, since it is going to be frozen
const dataDir = mkdtempSync(join(tmpdir(), 'sluice-trouble-'));
let postgres: Awaited<ReturnType<typeof openEmbedded>>;
let admin: pg.Client;
let proxy: Proxy;
let url: string;

beforeAll(async () => {
  chmodSync(dataDir, 0o755);
  postgres = await openEmbedded({ dataDir });
  await migrate(postgres.url, async () => {});
  admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  const { hostname, port } = new URL(postgres.url);
  proxy = await startProxy({ host: hostname, port: Number(port) });
  const through = new URL(postgres.url);
  through.hostname = '127.0.0.1';
  through.port = String(proxy.port);
  url = through.href;
});
afterAll(async () => {
  await proxy.close();
  await admin.end();
  await postgres.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const processes = useTokenFleet(() => ({ databaseUrl: url }), { cacheTimeoutMs: CACHE_MS });

/** Of the postmaster and of every server process. */
async function pids(): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>(
    `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid
      union select pid from pg_stat_activity where pid is not null`,
  );
  return rows.map(({ pid }) => pid);
}

async function readOnly(isOn: boolean): Promise<void> {
  await admin.query(`set default_transaction_read_only = off`);
  await admin.query(`alter database sluice set default_transaction_read_only = ${isOn ? 'on' : 'off'}`);
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = 'sluice' and pid <> pg_backend_pid() and application_name = ''`,
  );
}

let frozen: number[] = [];
const troubles = [
  { name: 'down', begin: () => proxy.cut(), end: () => proxy.restore() },
  {
    name: 'frozen',
    async begin() {
      frozen = await pids();
      for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    },
    async end() {
      for (const pid of frozen) {
        try {
          process.kill(pid, 'SIGCONT');
        } catch {
          // a server process that ended with its connection
        }
      }
    },
  },
  { name: 'read-only', begin: () => readOnly(true), end: () => readOnly(false) },
];

describe.each(troubles)('a Postgres that is $name', ({ begin, end }) => {
  test('costs one token request per process in a bounded time, and is used again when it is back', async () => {
    const offset = { ms: 0 };
    const now = (): number => Date.now() + offset.ms;
    const subject = newSubject();
    const known = processes(2, { now });
    // their connections stand
    await Promise.all(known.map(({ cache }) => cache.read('nothing', '')));
    const fleet = [...known, ...processes(1, { now })];
    await begin();
    try {
      const started = performance.now();
      const tokens = await askedBy(fleet, subject);
      expect(performance.now() - started).toBeLessThan(15_000);
      expect(server.requests).toHaveLength(3);
      expect(new Set(tokens.map(({ value }) => value)).size).toBe(3);
      await askedBy(fleet, subject);
      expect(server.requests).toHaveLength(3);
    } finally {
      await end();
    }
    await waitFor(async () => {
      const locks = await Promise.allSettled(
        fleet.map(({ cache }, index) => cache.acquire(`probe-${index}`, 'p', 1)),
      );
      return locks.every(({ status }) => status === 'fulfilled') ? true : undefined;
    }, 20_000);
    // past the pause in which a cache that did not answer is left alone
    offset.ms += 5_000;
    await askedBy(fleet, newSubject());
    expect(server.requests).toHaveLength(4);
  }, 60_000);
});

test('a Postgres that is emptied costs one request for the fleet, and no fence turns back', async () => {
  const fleet = processes(3, { cacheTimeoutMs: 10_000 });
  const subject = newSubject();
  await askedBy(fleet, subject);
  const { key } = identify(subject, '');
  const before = (await fleet[0]?.cache.read(key, ''))?.token?.fence ?? 0n;
  await admin.query('truncate sluice.tokens, sluice.token_locks, sluice.token_failures');
  // each of them still holds it in memory
  await askedBy(fleet, subject);
  expect(server.requests).toHaveLength(1);
  const [fresh] = processes(1, { cacheTimeoutMs: 10_000 }) as [Member];
  await askedBy([fresh], subject);
  expect(server.requests).toHaveLength(2);
  expect((await fresh.cache.read(key, ''))?.token?.fence).toBeGreaterThan(before);
});

test('values that are none of ours count as absent', async () => {
  const [a, b, c] = processes(3, { cacheTimeoutMs: 10_000 }) as [Member, Member, Member];
  const subject = newSubject();
  const { key, subject: hash } = identify(subject, '');
  await a.service.get(subject, flow());
  // a lock that nobody will ever give back, a token without an end, failures of another shape
  await admin.query(`update sluice.token_locks set owner = 'x', expires_at = 'infinity' where key = $1`, [
    key,
  ]);
  await admin.query(`update sluice.tokens set expires_at = 'infinity' where key = $1`, [key]);
  await admin.query(
    `insert into sluice.token_failures (subject, failures, failing_since, retry_at, error)
     values ($1, 3, now(), now() + interval '1 hour', '"nonsense"')`,
    [hash],
  );
  expect((await b.service.get(subject, flow())).value).toBe(server.issued[1]);
  expect(await b.cache.read(key, hash)).toMatchObject({
    token: { fingerprint: expect.any(String) as string },
  });
  expect((await c.service.get(subject, flow())).value).toBe(server.issued[1]);
});
