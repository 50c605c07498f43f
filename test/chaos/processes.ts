/** Processes of the fleet, each with a log file of its own: what a killed one wrote last is not lost in a pipe. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** of a start on a busy machine, in milliseconds */
const START_MS = 90_000;
const dist = join(import.meta.dirname, '..', '..');

export interface ChaosProcess {
  readonly role: 'worker' | 'web' | 'sandbox';
  readonly pid: number;
  readonly logFile: string;
  /** of a web process */
  readonly url?: string;
  frozen: boolean;
  isAlive(): boolean;
  signal(name: NodeJS.Signals): void;
  /** Sends the signal and waits for the end. */
  end(name: NodeJS.Signals): Promise<void>;
}

/** Starts a script of the built package; resolves when its log holds `ready`. */
export async function startProcess(
  role: ChaosProcess['role'],
  script: readonly string[],
  options: {
    readonly folder: string;
    readonly name: string;
    readonly env: Readonly<Record<string, string>>;
    readonly ready: string;
    readonly url?: string;
  },
): Promise<ChaosProcess> {
  const logFile = join(options.folder, `${options.name}.log`);
  const log = openSync(logFile, 'a');
  const [file = '', ...args] = script;
  const child = spawn(process.execPath, [join(dist, file), ...args], {
    cwd: options.folder,
    env: { PATH: process.env.PATH ?? '', HOME: options.folder, ...options.env },
    stdio: ['ignore', log, log],
    // a Ctrl-C in the terminal is for the run, which then ends them
    detached: true,
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be started`);
  const started = performance.now();
  while (!readFileSync(logFile, 'utf8').includes(options.ready)) {
    const isLate = performance.now() - started > START_MS;
    if (!isLate && isRunning(child)) {
      await sleep(50);
      continue;
    }
    child.kill('SIGKILL');
    throw new Error(`${options.name} did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
  }
  return {
    role,
    pid,
    logFile,
    ...(options.url === undefined ? {} : { url: options.url }),
    frozen: false,
    isAlive: () => isRunning(child),
    signal: (name) => void child.kill(name),
    async end(name) {
      if (!isRunning(child)) return;
      const exited = once(child, 'exit');
      child.kill(name);
      await exited;
    },
  };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** The first line of a log: what the sandbox says about itself. */
export function firstLine(logFile: string): string {
  return existsSync(logFile) ? (readFileSync(logFile, 'utf8').split('\n')[0] ?? '') : '';
}
