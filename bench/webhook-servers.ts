/** Who answers: web processes as they are deployed, and the bare servers beside them; and who sends. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import type { FloorPlace } from './webhook-floor.ts';
import type { LoadOrder, LoadReport } from './webhook-load.ts';

export interface Answering {
  /** where it takes messages */
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

const START_MS = 60_000;

/** `sluice web`. */
export async function startWeb(env: Readonly<Record<string, string>>): Promise<Answering> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const cli = fileURLToPath(new URL('../src/cli.js', import.meta.url));
  const child = spawn(process.execPath, [cli, 'web'], {
    env: { ...process.env, ...env, HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: origin },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const end = performance.now() + START_MS;
  const isUp = (): Promise<boolean> =>
    fetch(`${origin}/livez`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isUp())) {
    if (performance.now() > end || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error('the web process did not start');
    }
    await sleep(50);
  }
  return { url: `${origin}/webhooks/bench`, pid: child.pid ?? 0, close: () => ended(child, 'SIGTERM') };
}

export async function startFloor(place: FloorPlace): Promise<Answering> {
  const script = fileURLToPath(new URL('webhook-floor.js', import.meta.url));
  const child = fork(script, [JSON.stringify(place)]);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { url: `http://127.0.0.1:${port}/`, pid: child.pid ?? 0, close: () => ended(child, 'SIGTERM') };
}

export interface Sender {
  send(order: LoadOrder): Promise<LoadReport>;
  close(): Promise<void>;
}

export async function startSender(): Promise<Sender> {
  const child = fork(fileURLToPath(new URL('webhook-load.js', import.meta.url)));
  await once(child, 'message');
  return {
    async send(order) {
      child.send(order);
      const [report] = (await once(child, 'message')) as [LoadReport];
      return report;
    },
    close: () => ended(child, 'SIGTERM'),
  };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(late);
}
