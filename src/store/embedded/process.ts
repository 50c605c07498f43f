/**
 * Tells processes apart. A pid alone proves nothing, since the system uses it again: pid and start time together
 * name one process for good. Linux is read from /proc (slim images have no `ps`), everything else from `ps`.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const hasProc = existsSync('/proc/self/stat');
let bootId: Promise<string> | undefined;

async function ps(columns: string, pid: number): Promise<string | null> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  try {
    const { stdout } = await run('ps', ['-ww', '-o', columns, '-p', String(pid)], { env, timeout: 10_000 });
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
