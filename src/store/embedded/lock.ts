/**
 * A lock between processes, kept in a folder of numbered files, since Node has no flock. The highest number
 * counts: `NAME.7` holding a live process means locked, an empty file or a dead holder means free. Whoever creates
 * `NAME.8` has the lock; creation by hard link is exclusive and shows the whole content at once. Numbers only rise,
 * so of two processes that find the same dead holder one wins, and no one can remove the lock of the living.
 * A dead holder is noticed at once, by pid and start time: there is no age after which a lock counts as stale.
 */
import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../errors.ts';
import { makeFolder } from './files.ts';
import { identityOf } from './process.ts';

/** Who has a lock. */
export interface Holder {
  readonly pid: number;
  /** pid and start time as one text, see `identityOf` */
  readonly identity: string;
  /** ISO time at which the lock was taken */
  readonly since: string;
  /** what the holder is doing, in words */
  readonly purpose: string;
}

export interface FileLock {
  release(): Promise<void>;
}

/** Older files of a name are removed, but not the youngest: a slow process may still be looking at them. */
const keptGenerations = 8;

async function generations(folder: string, name: string): Promise<number[]> {
  const prefix = `${name}.`;
  return (await readdir(folder))
    .filter((file) => file.startsWith(prefix) && /^\d+$/.test(file.slice(prefix.length)))
    .map((file) => Number(file.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/** The live holder written in a lock file; null where it was released, its holder died, or a crash left rubbish. */
async function liveHolder(path: string): Promise<Holder | null> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return (await identityOf(holder.pid)) === holder.identity ? holder : null;
  } catch {
    return null;
  }
}

async function sweep(folder: string, name: string, current: number): Promise<void> {
  const old = (await generations(folder, name)).filter((number) => number <= current - keptGenerations);
  // drafts of processes that were killed between writing and linking
  const drafts = (await readdir(folder)).filter((file) => file.startsWith(`${name}.draft-`));
  for (const file of drafts)
    if ((await identityOf(Number(file.split('-')[1]))) === null)
      await rm(join(folder, file), { force: true });
  for (const number of old) await rm(join(folder, `${name}.${number}`), { force: true });
}

/**
 * Takes the lock, or tells who has it. The folder is made (mode 0700) where its parent exists.
 * Throws what the file system throws.
 */
export async function tryLock(folder: string, name: string, purpose: string): Promise<FileLock | Holder> {
  await makeFolder(folder, 0o700);
  const identity = await identityOf(process.pid);
  if (identity === null) throw new Error('this system does not tell when a process was started');
  const me: Holder = { pid: process.pid, identity, since: new Date().toISOString(), purpose };
  for (;;) {
    const newest = (await generations(folder, name)).at(-1) ?? 0;
    const holder = await liveHolder(join(folder, `${name}.${newest}`));
    if (holder !== null) return holder;

    const number = newest + 1;
    const path = join(folder, `${name}.${number}`);
    const draft = join(folder, `${name}.draft-${process.pid}-${randomBytes(6).toString('hex')}`);
    try {
      await writeFile(draft, JSON.stringify(me), { mode: 0o600, flag: 'wx' });
      await link(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    // the number was free because it had been swept: others are long ahead
    if (((await generations(folder, name)).at(-1) ?? 0) > number) {
      await rm(path, { force: true });
      continue;
    }
    await sweep(folder, name, number);
    return {
      async release() {
        await truncate(path).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        });
      },
    };
  }
}

export interface LockWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the lock, waiting for whoever has it.
 *
 * @throws SluiceError `embedded_postgres_busy` (transient) naming the holder when `timeoutMs` is over;
 *   the signal's reason when it is aborted.
 */
export async function waitLock(
  folder: string,
  name: string,
  purpose: string,
  wait: LockWait,
): Promise<FileLock> {
  const deadline = performance.now() + wait.timeoutMs;
  for (;;) {
    wait.signal?.throwIfAborted();
    const got = await tryLock(folder, name, purpose);
    if ('release' in got) return got;
    if (performance.now() > deadline)
      throw new SluiceError(
        'embedded_postgres_busy',
        `Process ${got.pid} has been ${got.purpose} since ${got.since} and did not finish within ${Math.round(wait.timeoutMs / 1000)} s.`,
        { details: { pid: got.pid, folder } },
      );
    // spread, so that many who wait don't look at the same moment
    await sleep(10 + Math.random() * 30);
  }
}
