/** Runs Postgres' programs: as the right account, with a small environment, in a session of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Account } from './account.ts';

export interface ToolOptions {
  readonly account: Account | undefined;
  /** both output streams are appended to this file; it is made with mode 0600 */
  readonly log: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What the dynamic loader may need. Nothing else: the server must not carry Sluice's own secrets in its environment. */
const passedOn = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'DYLD_FALLBACK_LIBRARY_PATH', 'TMPDIR'];

export function toolEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = passedOn.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]);
  // C: messages that we read are in English; macOS' Postgres refuses to start without a locale
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * Starts a program that outlives this process and that no Ctrl-C of a terminal reaches (own session and process
 * group). Rejects where it can't be started at all. The caller may wait for 'exit'; nothing keeps the process alive.
 */
export async function startDetached(
  program: string,
  args: readonly string[],
  options: ToolOptions,
  input?: string,
): Promise<ChildProcess> {
  const log = await open(options.log, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      // a folder that every account can enter
      cwd: '/',
      stdio: [input === undefined ? 'ignore' : 'pipe', log.fd, log.fd],
      env: toolEnvironment(options.env),
      ...(options.account === undefined ? {} : { uid: options.account.uid, gid: options.account.gid }),
    });
    child.unref();
    await once(child, 'spawn');
    // an 'error' after the start (a failed kill) is no reason to die
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return child;
  } finally {
    await log.close();
  }
}

export interface RunLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program to its end and returns its exit code, null when a signal or the time limit ended it. Rejects with
 * the signal's reason when that is aborted: then the program and its children are gone.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions,
  limits: RunLimits,
  input?: string,
): Promise<number | null> {
  limits.signal?.throwIfAborted();
  const child = await startDetached(program, args, options, input);
  child.ref();
  const kill = (): void => {
    try {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // already gone
    }
  };
  const timer = setTimeout(kill, limits.timeoutMs);
  limits.signal?.addEventListener('abort', kill, { once: true });
  try {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener('abort', kill);
  }
  limits.signal?.throwIfAborted();
  return child.exitCode;
}
