/** The server process: found through postmaster.pid, started detached, stopped in order. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../errors.ts';
import { exists, lastLines, sizeOf, textSince } from './files.ts';
import type { Place } from './place.ts';
import { childrenOf, identityOf, servesData, titleOf } from './process.ts';
import { startDetached, type RunLimits } from './tool.ts';

/** A server that runs. */
export interface Postmaster {
  readonly pid: number;
  readonly identity: string;
  readonly port: number;
}

/** What postmaster.pid says: line 1 the pid, line 4 the port, line 8 the state. */
interface PidFile {
  readonly lines: readonly string[];
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

async function readPidFile(cluster: string): Promise<PidFile | null> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => null);
  if (text === null) return null;
  const lines = text.split('\n');
  return {
    lines,
    pid: Number(lines[0]),
    port: Number(lines[3]),
    ready: lines[7]?.trim() === 'ready',
  };
}

/**
 * The server of this cluster, or null where none runs. `known` is the one that server.json names: it counts also
 * when it was started under another path, provided that this path is gone. Then the folder was moved; otherwise it
 * is a copy, and the server is the original's.
 */
export async function findPostmaster(
  cluster: string,
  uid: number,
  known?: { readonly pid: number; readonly identity: string },
): Promise<Postmaster | null> {
  const file = await readPidFile(cluster);
  if (file === null) return null;
  const identity = await identityOf(file.pid);
  if (identity === null) return null;
  const moved =
    known?.pid === file.pid && known.identity === identity && !(await exists(file.lines[1] ?? cluster));
  if (!moved && !(await servesData(file.pid, cluster, uid))) return null;
  return { pid: file.pid, identity, port: file.port };
}

/**
 * Makes a postmaster.pid whose process is not this cluster's server harmless. After a reboot, or in a new container,
 * its pid may belong to any process of the same account, and Postgres would refuse to start. Postgres takes a file
 * with its parent's pid for stale, and we are its parent. The other lines stay: by them Postgres finds left shared
 * memory, and refuses while a process of the dead server still writes.
 */
export async function disownPidFile(cluster: string): Promise<void> {
  const file = await readPidFile(cluster);
  if (file === null) return;
  const path = join(cluster, 'postmaster.pid');
  // in place: owner and mode must stay
  await writeFile(path, [String(process.pid), ...file.lines.slice(1)].join('\n'), { flag: 'r+' });
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
  shared_buffers: '128MB',
  // an explicit value here can't be weakened by a file in the cluster
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // huge pages that a container may not touch end the server with SIGBUS
  huge_pages: 'off',
  jit: 'off',
  // a statement of a killed process ends soon, instead of holding its locks until it is done
  client_connection_check_interval: '2s',
  // what clients do wrong is told to them; statements and row contents have no place in a log
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  logging_collector: 'off',
  log_destination: 'stderr',
};

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

const logLimitBytes = 1024 * 1024;
const portTries = 10;
/**
 * How long a preferred port that is taken is asked for again, in milliseconds. While nobody listens there, a client that
 * connects again and again may be given it for its own end of the connection, for a moment.
 */
const portPatienceMs = 5_000;

export interface StartOptions extends RunLimits {
  readonly postgres: string;
  readonly env: NodeJS.ProcessEnv;
  /** tried first: processes that lost their server still have this one in their URL */
  readonly preferredPort?: number | undefined;
}

/**
 * Starts the server of an existing cluster and returns when it accepts connections, after any crash recovery.
 *
 * @throws SluiceError `embedded_postgres_failed` (config) with the end of the server's log; the signal's reason when
 *   that is aborted. Then no server is left running.
 */
export async function startPostmaster(place: Place, options: StartOptions): Promise<Postmaster> {
  const deadline = performance.now() + options.timeoutMs;
  if ((await sizeOf(place.log)) > logLimitBytes) await rename(place.log, `${place.log}.old`);
  let preferred = options.preferredPort;
  const preferredUntil = performance.now() + portPatienceMs;
  let clashes = 0;
  for (;;) {
    options.signal?.throwIfAborted();
    await disownPidFile(place.cluster);
    const port = preferred ?? (await freePort());
    const from = await sizeOf(place.log);
    const all = { ...settings, cluster_name: titleOf(place.cluster), port: String(port) };
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = await startDetached(options.postgres, ['-D', place.cluster, ...flags], {
      account: place.account,
      log: place.log,
      env: options.env,
    });
    const pid = child.pid ?? 0;
    const identity = (await identityOf(pid)) ?? '';
    try {
      while (child.exitCode === null && child.signalCode === null) {
        const file = await readPidFile(place.cluster);
        if (file?.pid === pid && file.ready) return { pid, identity, port };
        options.signal?.throwIfAborted();
        if (performance.now() > deadline)
          throw failed(
            `Postgres was not ready within ${Math.round(options.timeoutMs / 1000)} s.`,
            await textSince(place.log, from),
          );
        await sleep(10);
      }
    } catch (error) {
      await stopPostmaster({ pid, identity });
      throw error;
    }
    const said = await textSince(place.log, from);
    if (/could not bind|could not create any TCP\/IP sockets/.test(said)) {
      if (preferred !== undefined && performance.now() < preferredUntil) {
        await sleep(100);
        continue;
      }
      preferred = undefined;
      if (++clashes < portTries) continue;
    }
    if (/shared memory block .* still in use/.test(said) && performance.now() < deadline) {
      await endLeftChildren(place);
      await sleep(50);
      continue;
    }
    throw failed('Postgres ended at its start.', said);
  }
}

/**
 * Ends the processes that a killed server has left. Those that wait for something notice and end by themselves; one that
 * computes, or that is stopped, may hold the shared memory for as long as it likes. What they had not committed is gone
 * anyway, and recovery repairs what they were writing.
 */
async function endLeftChildren(place: Place): Promise<void> {
  for (const pid of await childrenOf(place.cluster, place.uid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

export function failed(message: string, log: string, cause?: unknown): SluiceError {
  return new SluiceError('embedded_postgres_failed', message + lastLines(log), { cause });
}

/** Fast shutdown, then immediate (recovery at the next start), then the end; milliseconds to wait after each. */
const stopSteps: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGINT', 30_000],
  ['SIGQUIT', 10_000],
  ['SIGKILL', 5_000],
];

/**
 * Stops a server and returns when its process is gone. One that `isStopping` has had its time for a fast shutdown.
 *
 * @throws SluiceError `embedded_postgres_failed` when not even SIGKILL ends it.
 */
export async function stopPostmaster(
  server: { readonly pid: number; readonly identity: string },
  isStopping = false,
): Promise<void> {
  for (const [signal, patience] of isStopping ? stopSteps.slice(1) : stopSteps) {
    if ((await identityOf(server.pid)) !== server.identity) return;
    try {
      process.kill(server.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw failed(`The Postgres server, pid ${server.pid}, can't be stopped.`, '', error);
    }
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      if ((await identityOf(server.pid)) !== server.identity) return;
      await sleep(10);
    }
  }
  throw failed(`The Postgres server, pid ${server.pid}, does not end.`, '');
}

/** Stops whatever server runs on a cluster that no data folder owns any more. */
export async function stopLeftover(cluster: string, uid: number): Promise<void> {
  const server = await findPostmaster(cluster, uid);
  if (server !== null) await stopPostmaster(server);
}
