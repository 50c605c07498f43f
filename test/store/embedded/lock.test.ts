import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { acquireFolderLock } from '../../../src/store/embedded/index.ts';
import { tryLock, waitLock } from '../../../src/store/embedded/lock.ts';
import { identityOf } from '../../../src/store/embedded/process.ts';
import { compileBench, type Bench } from './harness.ts';

let bench: Bench;
let folder: string;
beforeAll(async () => {
  bench = await compileBench();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
});
afterEach(async () => {
  await bench.clean();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(async () => {
  await bench.remove();
});

test('a second start on one folder is refused, naming the first pid', async () => {
  const first = bench.launch({ dataDir: folder });
  expect(await first.ask('lock sluice start')).toEqual({ locked: true });
  const second = bench.launch({ dataDir: folder });
  const refused = await second.ask('lock sluice demo');
  expect(refused.error?.code).toBe('folder_in_use');
  expect(refused.error?.message).toContain(`\`sluice start\`, pid ${first.process.pid},`);
  await expect(acquireFolderLock(folder, 'run', 'sluice start')).rejects.toMatchObject({
    kind: 'config',
    details: { pid: first.process.pid },
  });
});

test('the lock of a process that was killed is free at once', async () => {
  const first = bench.launch({ dataDir: folder });
  expect(await first.ask('lock sluice start')).toEqual({ locked: true });
  await first.kill();
  const lock = await acquireFolderLock(folder, 'run', 'sluice start');
  await expect(acquireFolderLock(folder, 'run', 'sluice demo')).rejects.toMatchObject({
    details: { pid: process.pid },
  });
  await lock.release();
  await (await acquireFolderLock(folder, 'run', 'sluice demo')).release();
});

test('a lock whose pid now belongs to another process is free, and so is one that a crash left empty', async () => {
  const other = bench.launch({ dataDir: folder });
  const holder = {
    pid: other.process.pid,
    identity: 'of another time',
    since: 'then',
    purpose: 'sluice start',
  };
  for (const text of [JSON.stringify(holder), '', '{"pid":']) {
    const lock = await acquireFolderLock(folder, 'run', 'x');
    await lock.release();
    const newest = readdirSync(join(folder, 'locks')).sort(
      (a, b) => Number(b.slice(4)) - Number(a.slice(4)),
    )[0];
    writeFileSync(join(folder, 'locks', newest ?? ''), text);
  }
  await (await acquireFolderLock(folder, 'run', 'x')).release();
});

test('locks of different names do not meet', async () => {
  const one = await acquireFolderLock(folder, 'one', 'x');
  const two = await acquireFolderLock(folder, 'two', 'x');
  await one.release();
  await two.release();
});

test('of many processes one at a time has the lock, also while some of them are killed', async () => {
  const victims = Array.from({ length: 3 }, () => bench.launch({ dataDir: folder }));
  const workers = Array.from({ length: 3 }, () => bench.launch({ dataDir: folder }));
  writeFileSync(join(folder, 'count'), '0');
  for (const victim of victims) victim.process.stdin?.write('hold\n');
  const counted = Promise.all(workers.map(async (worker) => await worker.ask('count 40')));
  await Promise.all(
    victims.map(async (victim) => {
      // it says so when it has the lock, and dies with it
      await victim.hear();
      await victim.kill();
    }),
  );
  expect(await counted).toEqual(workers.map(() => ({ counted: 40 })));
  expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('120');
  // and no heap of old files is left
  expect(readdirSync(join(folder, 'turns')).length).toBeLessThan(12);
});

test('waiting for the lock ends in time and names who has it, or with the reason of an abort', async () => {
  const first = await tryLock(folder, 'turn', 'sleeping');
  expect(first).toHaveProperty('release');
  await expect(waitLock(folder, 'turn', 'x', { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'embedded_postgres_busy',
    message: expect.stringContaining(`Process ${process.pid} has been sleeping`),
  });
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await expect(waitLock(folder, 'turn', 'x', { timeoutMs: 50_000, signal })).rejects.toBe(reason);
});

test('a process is told from a later one with its pid, and a dead one is nobody', async () => {
  const user = bench.launch({ dataDir: folder });
  const pid = Number(user.process.pid);
  const identity = await identityOf(pid);
  expect(identity).toMatch(/^[0-9a-f]{16}$/);
  expect(await identityOf(pid)).toBe(identity);
  expect(await identityOf(process.pid)).not.toBe(identity);
  await user.kill();
  expect(await identityOf(pid)).toBeNull();
  expect(await identityOf(0)).toBeNull();
  expect(await identityOf(Number.NaN)).toBeNull();
});
