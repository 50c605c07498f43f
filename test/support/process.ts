/** Sluice as a process of its own: started, watched, stopped or killed. None outlives its test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const cli = join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli.js');

export interface SluiceProcess {
  readonly args: readonly string[];
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Resolves when the text has appeared on either output; rejects when the process ends first. */
  said(text: string, timeoutMs?: number): Promise<void>;
  /** Sends a signal, to the whole process group as a terminal does where `group` is set, and waits for the end. */
  end(signal: NodeJS.Signals, options?: { readonly group?: boolean }): Promise<ProcessEnd>;
  readonly ended: Promise<ProcessEnd>;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** milliseconds from the last `end` call, or from the start */
  readonly ms: number;
}

const running = new Set<SluiceProcess>();

/** Starts `sluice ARGS` with nothing of this process's environment but PATH. */
export function startSluice(
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd: string;
    /** another script in the place of the command line's own */
    readonly entry?: string;
  },
): SluiceProcess {
  const child = spawn(process.execPath, [options.entry ?? cli, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', HOME: options.cwd, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // a process group of its own, as a shell gives it
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  // a character may be cut in two by the pipe
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    stdout += chunk;
    changed();
  });
  child.stderr.on('data', (chunk: string) => {
    stderr += chunk;
    changed();
  });
  let since = performance.now();
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ms: performance.now() - since }));
  });
  const sluice: SluiceProcess = {
    args,
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    said: (text, timeoutMs = 30_000) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error): void => {
          listeners.delete(look);
          clearTimeout(timer);
          if (error === undefined) resolve();
          else reject(error);
        };
        const look = (): void => {
          if (stdout.includes(text) || stderr.includes(text)) finish();
        };
        const complain = (why: string): Error =>
          new Error(`${why} "${text}"; it said:\n${stdout}\n${stderr}`);
        const timer = setTimeout(() => finish(complain('timed out waiting for')), timeoutMs);
        listeners.add(look);
        void ended.then(() => finish(complain('ended without saying')));
        look();
      }),
    end(signal, how = {}) {
      since = performance.now();
      process.kill(how.group === true ? -sluice.pid : sluice.pid, signal);
      return ended;
    },
  };
  running.add(sluice);
  void ended.then(() => running.delete(sluice));
  return sluice;
}

/** For `afterEach`: kills what a test left running, and fails it for that. */
export async function endAll(): Promise<void> {
  const left = [...running];
  await Promise.all(left.map((sluice) => sluice.end('SIGKILL')));
  if (left.length > 0)
    throw new Error(`left running: ${left.map((sluice) => sluice.args.join(' ')).join('; ')}`);
}

/** Runs a command to its end. */
export async function runSluice(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd: string },
): Promise<ProcessEnd & { stdout: string; stderr: string }> {
  const sluice = startSluice(args, options);
  const end = await sluice.ended;
  return { ...end, stdout: sluice.stdout(), stderr: sluice.stderr() };
}
