/**
 * Joining and leaving the server. Everything here runs under the file lock of the control folder: so nobody attaches
 * to a server that is being stopped, and two processes never start one each.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../errors.ts';
import { findBinaries } from './binaries.ts';
import {
  checkVersion,
  clusterVersion,
  database,
  makeCluster,
  readPassword,
  resetPassword,
  role,
} from './cluster.ts';
import { connectUser, isLastUser, sqlState, type UserConnection } from './connection.ts';
import { exists } from './files.ts';
import { waitLock } from './lock.ts';
import { findPlace, type Place } from './place.ts';
import { failed, findPostmaster, startPostmaster, stopPostmaster, type Postmaster } from './postmaster.ts';
import { identityOf, servesData } from './process.ts';
import { readRecord, removeRecord, writeRecord, type ServerRecord } from './record.ts';
import type { RunLimits } from './tool.ts';

/** What stays the same while a process uses the server of one data folder. */
export interface Context {
  readonly control: string;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: string;
  readonly rootFolders: readonly string[];
  readonly timeoutMs: number;
  readonly onProgress: (step: string) => void;
}

/** This process' use of a running server. */
export interface Session {
  readonly url: string;
  readonly place: Place;
  readonly server: Postmaster;
  readonly connection: UserConnection;
  readonly startedHere: boolean;
}

/** Runs `work` while no other process joins or leaves. Throws `embedded_postgres_busy` when the turn never comes. */
export async function inTurn<T>(
  context: Context,
  purpose: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await waitLock(join(context.control, 'locks'), 'server', purpose, {
    timeoutMs: context.timeoutMs,
    signal,
  });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/**
 * Attaches to the server that runs, or starts it, making the cluster where there is none. `revive` is for a process
 * that had a server and lost it: it makes no cluster, since its data folder has then been removed.
 *
 * @throws SluiceError of the `embedded_postgres_*` and `data_folder_unusable` codes.
 */
export async function joinServer(
  context: Context,
  signal: AbortSignal | undefined,
  revive = false,
): Promise<Session> {
  const place = await findPlace(context.control, context);
  const limits: RunLimits = { timeoutMs: context.timeoutMs, signal };
  const record = await readRecord(context.control);
  let password = await readPassword(place);
  const running = await findPostmaster(place.cluster, place.uid, record ?? undefined);
  if (running !== null) {
    let refusal: Refusal = 'wrong password';
    // server.json may know the password when its own file is lost
    for (const known of new Set([record?.password, password])) {
      if (typeof known !== 'string' || refusal !== 'wrong password') continue;
      const met = await attach(running, known, limits);
      if (typeof met !== 'string') return await admit(context, place, running, known, met, false);
      refusal = met;
    }
    if (refusal !== 'gone') {
      context.onProgress('restarting a Postgres server that does not let us in');
      await stopPostmaster(running, refusal === 'stopping');
    }
    // any other refusal leaves the password good, and others have it in their URLs
    if (refusal === 'wrong password') password = null;
  } else if (record !== null && (await servesData(record.pid, place.cluster, place.uid))) {
    // without its postmaster.pid a server ends by itself within a minute: no one may use it
    await stopPostmaster(record);
  }

  const found = await clusterVersion(place);
  if (found === null && revive) throw failed(`The database in ${place.cluster} was removed.`, '');
  const binaries = await findBinaries({
    platform: context.platform,
    account: place.account,
    copies: place.copies,
    env: context.env,
    onProgress: context.onProgress,
  });
  if (found === null) {
    context.onProgress('creating the database cluster');
    await makeCluster(place, binaries, context.env, limits);
    password = await readPassword(place);
  } else checkVersion(place, found, binaries);

  context.onProgress('starting Postgres');
  password ??= await resetPassword(place, binaries, context.env, limits);
  const start = async (): Promise<Postmaster> =>
    await startPostmaster(place, {
      ...limits,
      postgres: binaries.postgres,
      env: context.env,
      preferredPort: record?.port,
    });
  let server = await start();
  try {
    let met = await attach(server, password, limits);
    if (met === 'wrong password') {
      // someone has changed it in the database
      await stopPostmaster(server);
      password = await resetPassword(place, binaries, context.env, limits);
      server = await start();
      met = await attach(server, password, limits);
    }
    if (typeof met === 'string') throw failed(`Postgres was started but lets nobody in: ${met}.`, '');
    return await admit(context, place, server, password, met, true);
  } catch (error) {
    await stopPostmaster(server);
    throw error;
  }
}

/** Too many connections, starting up, shutting down, its processes being restarted; not listening, hung up. */
const passing = new Set(['53300', '57P03', '57P01', '57P02', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);
/** what `pg` says without a code when the other side hangs up or is silent */
const hungUp = /terminated|timeout/i;
const attachPatienceMs = 60_000;
/** A fast shutdown takes moments. One that takes longer than this waits for a process that never ends. */
const stoppingPatienceMs = 15_000;

type Refusal = 'wrong password' | 'gone' | 'silent' | 'stopping';

/** Connects while the server may still be starting, or tells why it could not. */
async function attach(
  server: Postmaster,
  password: string,
  limits: RunLimits,
): Promise<UserConnection | Refusal> {
  const begun = performance.now();
  for (;;) {
    limits.signal?.throwIfAborted();
    try {
      return await connectUser({ port: server.port, password });
    } catch (error) {
      const state = sqlState(error);
      if ((await identityOf(server.pid)) !== server.identity) return 'gone';
      if (state === '28P01' || state === '28000') return 'wrong password';
      const message = error instanceof Error ? error.message : String(error);
      const stopping = state === '57P03' && message.includes('shutting down');
      const patience = stopping ? stoppingPatienceMs : attachPatienceMs;
      const late = performance.now() - begun > Math.min(limits.timeoutMs, patience);
      if (late && stopping) return 'stopping';
      const details = { pid: server.pid };
      if (late && state === '53300')
        throw new SluiceError(
          'embedded_postgres_busy',
          `All connections of the embedded Postgres, pid ${server.pid}, are taken.`,
          { cause: error, details },
        );
      const passes = passing.has(state) || (state === '' && hungUp.test(message));
      if (!passes || (late && state === '57P03'))
        throw failed(`Postgres, pid ${server.pid}, lets nobody in: ${message}.`, '', error);
      if (late) return 'silent';
    }
    await sleep(25);
  }
}

/** Makes server.json say what is true, and hands out the session. */
async function admit(
  context: Context,
  place: Place,
  server: Postmaster,
  password: string,
  connection: UserConnection,
  startedHere: boolean,
): Promise<Session> {
  const before = await readRecord(context.control);
  if (before?.identity !== server.identity || before.port !== server.port || before.password !== password)
    await writeRecord(context.control, {
      host: '127.0.0.1',
      port: server.port,
      pid: server.pid,
      identity: server.identity,
      password,
      serverVersion: connection.serverVersion,
      startedAt: new Date().toISOString(),
    });
  const url = `postgres://${role}:${password}@127.0.0.1:${server.port}/${database}`;
  return { url, place, server, connection, startedHere };
}

/** Ends this process' use of the server, and stops it when nobody else uses it. */
export async function leaveServer(context: Context, session: Session): Promise<void> {
  const record = await readRecord(context.control);
  const { cluster, uid } = session.place;
  const running = (await exists(context.control))
    ? await findPostmaster(cluster, uid, record ?? undefined)
    : // the data folder was removed
      session.server;
  if (running === null || !(await endUse(session.connection, running, record))) return;
  await stopPostmaster(running);
  await removeRecord(context.control);
}

/** Ends the connection; true where it was the last one. A broken one is replaced, to find out. */
async function endUse(
  connection: UserConnection,
  server: Postmaster,
  record: ServerRecord | null,
): Promise<boolean> {
  let last: boolean | undefined;
  try {
    last = await isLastUser(connection);
  } catch {
    // answered below
  } finally {
    await connection.end();
  }
  if (last !== undefined) return last;
  try {
    const fresh = await connectUser({ port: server.port, password: record?.password ?? '' });
    try {
      return await isLastUser(fresh);
    } finally {
      await fresh.end();
    }
  } catch {
    // the server is ending, or others are taking care of it
    return false;
  }
}
