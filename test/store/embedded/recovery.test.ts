import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openEmbedded } from '../../../src/store/embedded/index.ts';
import { alive, openBench, run, select, type Bench } from './harness.ts';

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

/** A server whose users were all killed. */
async function orphan(): Promise<{ dataDir: string; pid: number; url: string }> {
  const dataDir = await bench.readyData();
  const user = bench.launch({ dataDir });
  const opened = await user.ask('open');
  await user.ask('query update counter set n = 5');
  await user.kill();
  return { dataDir, pid: Number(opened['pid']), url: String(opened['url']) };
}

/** An unrelated process of the account that owns a path. */
async function stranger(path: string): Promise<{ pid: number; end: () => Promise<void> }> {
  const { uid, gid } = statSync(path);
  const child = spawn('sleep', ['60'], { stdio: 'ignore', cwd: '/', uid, gid });
  await once(child, 'spawn');
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { pid: Number(child.pid), end };
}

test('a server.json whose pid now belongs to another process is ignored, and that process is left alone', async () => {
  const dataDir = await bench.readyData();
  const control = join(dataDir, 'postgres');
  const other = await stranger(join(control, 'data'));
  const record = { host: '127.0.0.1', port: 9, pid: other.pid, identity: 'of another time', password: 'x' };
  writeFileSync(
    join(control, 'server.json'),
    JSON.stringify({ ...record, serverVersion: '18.4', startedAt: 'then' }),
  );
  const server = await openEmbedded({ dataDir });
  expect(server.startedHere).toBe(true);
  await server.close();
  expect(await alive(other.pid)).toBe(true);
  await other.end();
});

test.each([
  ['', false],
  [', nor a new password', true],
])(
  'a postmaster.pid whose pid now belongs to another process of the same account does not stop the start%s',
  async (_more, lost) => {
    const { dataDir, pid } = await orphan();
    const file = join(dataDir, 'postgres', 'data', 'postmaster.pid');
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => await alive(pid)).toBe(false);
    const other = await stranger(dirname(file));
    writeFileSync(file, readFileSync(file, 'utf8').replace(String(pid), String(other.pid)), { flag: 'r+' });
    if (lost) for (const name of ['server.json', 'password']) rmSync(join(dataDir, 'postgres', name));
    const server = await openEmbedded({ dataDir });
    expect(await select(server.url, 'select n from counter')).toEqual([{ n: 5 }]);
    await server.close();
    expect(await alive(other.pid)).toBe(true);
    await other.end();
  },
);

test.each([
  ['missing', undefined],
  ['cut short', '{ "host": "127.0'],
  ['of another kind', '[]'],
])('a running server is found again when server.json is %s', async (_case, text) => {
  const { dataDir, pid } = await orphan();
  const path = join(dataDir, 'postgres', 'server.json');
  if (text === undefined) rmSync(path);
  else writeFileSync(path, text);
  const server = await openEmbedded({ dataDir });
  expect([server.pid, server.startedHere]).toEqual([pid, false]);
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 5 }]);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid });
  await server.close();
  expect(await alive(pid)).toBe(false);
});

test('when also the password is lost, the server is restarted with a new one and the data are kept', async () => {
  const { dataDir, pid, url } = await orphan();
  rmSync(join(dataDir, 'postgres', 'server.json'));
  rmSync(join(dataDir, 'postgres', 'password'));
  const server = await openEmbedded({ dataDir });
  expect(await alive(pid)).toBe(false);
  expect(new URL(server.url).password).not.toBe(new URL(url).password);
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 5 }]);
  await server.close();
});

test('a password that was changed in the database is set anew', async () => {
  const dataDir = await bench.readyData();
  const first = await openEmbedded({ dataDir });
  await select(first.url, `alter role sluice password 'by hand'`);
  await first.close();
  const server = await openEmbedded({ dataDir });
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 0 }]);
  await server.close();
});

test('a turn that a killed process held is free at once', async () => {
  const dataDir = await bench.readyData();
  const user = bench.launch({ dataDir });
  // a process that is stopped in the middle of its start holds the turn
  user.process.stdin?.write('open\n');
  await expect
    .poll(() => existsSync(join(dataDir, 'postgres', 'data', 'postmaster.pid')), { interval: 5 })
    .toBe(true);
  user.process.kill('SIGSTOP');
  await user.kill();
  const before = performance.now();
  const server = await openEmbedded({ dataDir });
  expect(performance.now() - before).toBeLessThan(10_000);
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 0 }]);
  await server.close();
  expect(await alive(server.pid)).toBe(false);
});

test('what an initdb left that was killed half way is cleared away', async () => {
  const dataDir = join(bench.folder(), '.sluice');
  const user = bench.launch({ dataDir });
  user.process.stdin?.write('open\n');
  const control = join(dataDir, 'postgres');
  const drafts = async (): Promise<string> =>
    (await run('sh', ['-c', `ls -d ${control}/data* || true`])).stdout;
  await expect.poll(drafts, { interval: 10, timeout: 10_000 }).toContain('data.new-');
  await user.kill();
  const server = await openEmbedded({ dataDir });
  expect(await select(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await server.close();
  expect((await drafts()).trim()).toBe(join(control, 'data'));
});

test('a port that is taken meanwhile is replaced', async () => {
  const { dataDir, pid, url } = await orphan();
  process.kill(pid, 'SIGKILL');
  await expect.poll(async () => await alive(pid)).toBe(false);
  const port = Number(new URL(url).port);
  const squatter = createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  const server = await openEmbedded({ dataDir });
  expect(Number(new URL(server.url).port)).not.toBe(port);
  expect(await select(server.url, 'select n from counter')).toEqual([{ n: 5 }]);
  await server.close();
  squatter.close();
  await once(squatter, 'close');
});

test('a data folder that was moved takes its running server along; a copy gets its own', async () => {
  const { dataDir, pid } = await orphan();
  const copy = join(bench.folder(), '.sluice');
  await run('cp', ['-a', dataDir, copy]);
  const second = await openEmbedded({ dataDir: copy });
  expect(second.pid).not.toBe(pid);
  expect(await alive(pid)).toBe(true);
  await second.close();

  const moved = join(bench.folder(), '.sluice');
  renameSync(dataDir, moved);
  const server = await openEmbedded({ dataDir: moved });
  expect(server.pid).toBe(pid);
  await server.close();
  expect(await alive(pid)).toBe(false);
});

test('the database of another major version is refused and left as it is', async () => {
  const dataDir = await bench.readyData();
  const file = join(dataDir, 'postgres', 'data', 'PG_VERSION');
  writeFileSync(file, '17\n');
  await expect(openEmbedded({ dataDir })).rejects.toMatchObject({
    code: 'embedded_postgres_version',
    message: expect.stringContaining('Postgres 17'),
  });
  writeFileSync(file, '18\n');
  const server = await openEmbedded({ dataDir });
  await server.close();
});

test('files without PG_VERSION are not taken for a database and not overwritten', async () => {
  const dataDir = join(bench.folder(), '.sluice');
  const inside = join(dataDir, 'postgres', 'data');
  mkdirSync(inside, { recursive: true });
  writeFileSync(join(inside, 'precious'), 'x');
  await expect(openEmbedded({ dataDir })).rejects.toMatchObject({ code: 'data_folder_unusable' });
  expect(readFileSync(join(inside, 'precious'), 'utf8')).toBe('x');
});

test('a server that does not start is reported with the end of its log', async () => {
  const dataDir = await bench.readyData();
  const conf = join(dataDir, 'postgres', 'data', 'postgresql.conf');
  const text = readFileSync(conf, 'utf8');
  writeFileSync(conf, `${text}\nno_such_setting = on\n`, { flag: 'r+' });
  await expect(openEmbedded({ dataDir })).rejects.toMatchObject({
    code: 'embedded_postgres_failed',
    kind: 'config',
    message: expect.stringContaining('no_such_setting'),
  });
});

test('a data folder that cannot be made is named', async () => {
  const path = join(bench.folder(), 'file');
  writeFileSync(path, '');
  await expect(openEmbedded({ dataDir: join(path, '.sluice') })).rejects.toMatchObject({
    code: 'data_folder_unusable',
    message: expect.stringContaining(path),
  });
});

test('a data folder that was deleted in use ends quietly and is not made again', async () => {
  const dataDir = await bench.readyData();
  const troubles: Error[] = [];
  const server = await openEmbedded({ dataDir, onTrouble: (error) => troubles.push(error) });
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  await server.close();
  expect(await alive(server.pid)).toBe(false);
  expect(existsSync(dataDir)).toBe(false);
  expect(troubles).toEqual([]);
});
