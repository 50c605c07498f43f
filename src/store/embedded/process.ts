/**
 * Tells processes apart. A pid alone proves nothing, since the system uses it again: pid and start time together
 * name one process for good. Linux is read from /proc (slim images have no `ps`), everything else from `ps`.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const hasProc = existsSync('/proc/self/stat');
let bootId: Promise<string> | undefined;

function psEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function ps(columns: string, pid: number): Promise<string | null> {
  try {
    const { stdout } = await run('ps', ['-ww', '-o', columns, '-p', String(pid)], {
      env: psEnvironment(),
      timeout: 10_000,
    });
    return stdout.trim() === '' ? null : stdout.trim();
  } catch (error) {
    // `ps` ends with 1 where there is no such process
    if (error instanceof Error && 'code' in error && error.code === 1) return null;
    throw error;
  }
}

/**
 * A short text that no other process has had or will have on this machine, or null where no process with this
 * pid runs. A process that has ended and waits for its parent counts as gone: in a container whose first process
 * collects no children it would stay for ever.
 */
export async function identityOf(pid: number): Promise<string | null> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  let start: string;
  if (hasProc) {
    let line: string;
    try {
      line = await readFile(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return null;
    }
    // the second field is the command in brackets and may hold anything; state is field 3, start time field 22
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    // start times count from the boot
    bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
    start = `${(await bootId).trim()}:${fields[19]}`;
  } else {
    const line = await ps('stat=,lstart=', pid);
    if (line === null || line.startsWith('Z')) return null;
    start = line.slice(line.indexOf(' ')).trim();
  }
  return createHash('sha256').update(`${pid}:${start}`).digest('hex').slice(0, 16);
}

/**
 * Whether this pid is a Postgres server that serves `data`, run by the account `uid`. The command line is looked
 * at, not the working directory: inside Docker root may not read that of another account's process.
 */
export async function servesData(pid: number, data: string, uid: number): Promise<boolean> {
  if ((await identityOf(pid)) === null) return false;
  if (hasProc) {
    try {
      const owner = (await stat(`/proc/${pid}`)).uid;
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      return (
        owner === uid && basename(words[0] ?? '') === 'postgres' && words[words.indexOf('-D') + 1] === data
      );
    } catch {
      return false;
    }
  }
  const line = (await ps('uid=,command=', pid)) ?? '';
  const [, owner, command] = /^(\d+)\s+(.*)$/s.exec(line) ?? [];
  return Number(owner) === uid && `${command} `.includes(`postgres -D ${data} `);
}

/**
 * What every process of a cluster's server is called in its title: `postgres: TITLE: checkpointer`. By that the children
 * are known when their server is gone; their working directory is hidden from root where a container drops capabilities.
 */
export function titleOf(cluster: string): string {
  return `sluice-${createHash('sha256').update(cluster).digest('hex').slice(0, 12)}`;
}

/** The processes of a cluster's server other than the server itself, run by the account `uid`. */
export async function childrenOf(cluster: string, uid: number): Promise<number[]> {
  const title = `postgres: ${titleOf(cluster)}: `;
  if (!hasProc) {
    const { stdout } = await run('ps', ['-axww', '-o', 'pid=,uid=,command='], { env: psEnvironment() });
    return stdout
      .split('\n')
      .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
      .filter(([, , owner, command]) => Number(owner) === uid && command?.startsWith(title) === true)
      .map(([, pid]) => Number(pid));
  }
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8');
      if (command.startsWith(title) && (await stat(`/proc/${name}`)).uid === uid) found.push(Number(name));
    } catch {
      // it has just ended
    }
  }
  return found;
}
