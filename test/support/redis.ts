/** A private redis-server on a free port: for the whole test run, or for a test that is going to hurt it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { freePort } from './port.ts';
import { waitFor } from './wait.ts';

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** the process stops working, and its sockets stay open */
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** after `kill`: on the same port, empty */
  restart(): Promise<void>;
  /** Sends one command on a connection of its own. */
  command(name: string, ...args: string[]): Promise<unknown>;
  close(): Promise<void>;
}

/** Whether a redis-server is found on the PATH. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

export async function startRedis(): Promise<PrivateRedis> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return await running(port);
    } catch (error) {
      // somebody else has taken the port since
      if (attempt === 5) throw error;
    }
  }
}

async function running(port: number): Promise<PrivateRedis> {
  let server = await start(port);
  const url = `redis://127.0.0.1:${port}`;
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  };
  return {
    url,
    port,
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill,
    async restart() {
      server = await start(port);
    },
    command: (name, ...args) => command(port, name, args),
    close: kill,
  };
}

async function start(port: number): Promise<ChildProcess> {
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: tmpdir() },
  );
  server.stdout.resume();
  server.unref();
  await waitFor(
    async () => {
      if (server.exitCode !== null) throw new Error(`redis-server ended with code ${server.exitCode}`);
      return (await command(port, 'PING', []).catch(() => undefined)) === 'PONG' ? true : undefined;
    },
    10_000,
    () => 'redis-server did not answer',
  );
  return server;
}

async function command(port: number, name: string, args: readonly string[]): Promise<unknown> {
  const client = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: () => null,
    commandTimeout: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}
