import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestCache, type TestCache } from '../support/token-cache.ts';
import { waitFor } from '../support/wait.ts';
import { KEYS, openGrantsBench, worksFor, type GrantsBench } from './grants-bench.ts';

const PROCESSES = 8;
const JOBS = 20;
const EXPIRIES = 5;

let bench: GrantsBench;
let cache: TestCache;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  vi.spyOn(console, 'info').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  bench = await openGrantsBench({ accessTokenTtl: 4 });
  cache = await openTestCache();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await cache.close();
  await bench.close();
  vi.restoreAllMocks();
});

interface Child {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly complained: () => string;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

function start(more: Readonly<Record<string, unknown>>): Child {
  const argument = JSON.stringify({
    databaseUrl: bench.database.url,
    place: cache.place,
    keys: KEYS,
    ...more,
  });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'refresher.mjs'), argument], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.add(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child);
    return { code: code as number | null, signal: signal as string | null };
  });
  return { child, said: () => out, complained: () => err, ended };
}

test(`${PROCESSES} processes with ${JOBS} jobs each spend every refresh token once, over ${EXPIRIES} expiries`, async () => {
  const subject = await bench.grant('busy');
  const before = bench.server.tokenRequests.length;
  const refreshes = (): string[] =>
    bench.server.tokenRequests.slice(before).map((form) => form.get('refresh_token') ?? '');
  const fleet = Array.from({ length: PROCESSES }, () =>
    start({ subject, jobs: JOBS, useUrl: `${bench.server.issuer}/me` }),
  );
  for (const one of fleet) {
    await waitFor(
      () => (one.said().includes('ready') ? true : undefined),
      60_000,
      () => one.complained(),
    );
  }
  await waitFor(
    () => (refreshes().length > EXPIRIES ? true : undefined),
    120_000,
    () => `only ${refreshes().length} refreshes`,
  );
  for (const { child } of fleet) child.stdin?.end('stop\n');
  for (const one of fleet) {
    expect(await one.ended, one.complained()).toEqual({ code: 0, signal: null });
    const told = JSON.parse(one.said().replace('ready\n', '')) as { errors: string[]; used: number };
    expect(told.errors).toEqual([]);
    expect(told.used).toBeGreaterThan(0);
  }
  const spent = refreshes();
  expect(new Set(spent).size).toBe(spent.length);
  expect(bench.server.reuses.count).toBe(0);
  expect((await bench.row('busy')).version).toBe(String(spent.length + 1));
}, 240_000);

test.each([
  ['before the intent', 'decrypt', 'goes on'],
  ['after the intent, before the request', 'send', 'goes on'],
  ['when the server has rotated', 'answer', 'asks a person'],
  ['just before the rotated token is stored', 'encrypt', 'asks a person'],
  ['just after it was stored', 'stored', 'goes on'],
] as const)(
  'a process that is killed %s (%s): the next one %s',
  async (_, killAt, then) => {
    const id = `killed-at-${killAt}`;
    const subject = await bench.grant(id);
    const killed = start({ subject, killAt });
    expect(await killed.ended, killed.complained()).toEqual({ code: null, signal: 'SIGKILL' });
    const unknown = ['send', 'answer', 'encrypt'].includes(killAt);
    expect(await bench.intents()).toBe(unknown ? 1 : 0);
    if (unknown) {
      // while the dead one might be alive its token isn't touched
      const early = bench.member();
      await expect(early.refresher.requestToken(subject)).rejects.toMatchObject({ code: 'token_wait' });
    }
    const next = bench.member({ intentLifeMs: 0 });
    if (then === 'goes on') {
      const issued = await next.refresher.requestToken(subject);
      expect(await worksFor(bench.server, issued.value)).toBe('ada');
      expect((await bench.state(id)).state).toBe('active');
    } else {
      await expect(next.refresher.requestToken(subject)).rejects.toMatchObject({ code: 'grant_rejected' });
      expect(await bench.state(id)).toEqual({ state: 'needs_reconnect', state_code: 'grant_rejected' });
    }
    expect(await bench.intents()).toBe(0);
  },
  60_000,
);

test('a process that is killed in doubt leaves it to a person at once where the provider punishes a second use', async () => {
  const subject = await bench.grant('strict', { unknownOutcome: 'reconnect' });
  const killed = start({ subject, killAt: 'answer' });
  expect((await killed.ended).signal).toBe('SIGKILL');
  const before = bench.server.tokenRequests.length;
  const reuses = bench.server.reuses.count;
  const next = bench.member({ intentLifeMs: 0 });
  await expect(next.refresher.requestToken(subject)).rejects.toMatchObject({
    code: 'refresh_outcome_unknown',
  });
  expect(bench.server.tokenRequests.length).toBe(before);
  expect(bench.server.reuses.count).toBe(reuses);
  expect((await bench.state('strict')).state).toBe('needs_reconnect');
}, 60_000);
