/** Processes of a fleet that can be told what to do, killed, stopped and woken. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CachePlace } from '../support/token-cache.ts';
import { KEYS } from './fleet.ts';

export interface Got {
  readonly fingerprints: readonly string[];
  readonly tokens: number;
  readonly requested: number;
  /** codes */
  readonly errors: readonly string[];
}

export interface MemberProcess {
  /** Sends a command and waits for its answer; one at a time. */
  ask<Answer>(command: string, parameters: object): Promise<Answer>;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  close(): Promise<void>;
}

export async function startMembers(
  place: CachePlace,
  count: number,
  options: { readonly lockLifeMs?: number } = {},
): Promise<MemberProcess[]> {
  if (!existsSync(new URL('../../dist/src/auth/tokens.js', import.meta.url))) {
    throw new Error('this test runs the built code: run `npm run build` first');
  }
  const parameters = JSON.stringify({ place, keys: KEYS, ...options });
  return Promise.all(Array.from({ length: count }, () => start(parameters)));
}

async function start(parameters: string): Promise<MemberProcess> {
  const script = fileURLToPath(new URL('member.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, parameters], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error(`a process of the fleet ended: ${child.exitCode ?? child.signalCode}`);
    return value;
  };
  await next();
  return {
    async ask<Answer>(command: string, more: object) {
      child.stdin.write(`${JSON.stringify({ command, ...more })}\n`);
      return JSON.parse(await next()) as Answer;
    },
    signal: (name) => void child.kill(name),
    close: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
