/**
 * The connection by which a process counts as a user of the server. It holds a shared advisory lock, which ends with
 * the process however that dies, and it carries the process' identity in its name, so that the last to leave can
 * tell a user that lives from one whose connection Postgres has not yet noticed to be dead.
 */
import { Socket } from 'node:net';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { database, role } from './cluster.ts';
import { identityOf } from './process.ts';

/** In the database `sluice`; two-part keys never meet the one-part keys that other code may use. */
const lockKey = '1936487523, 1';

export interface UserConnection {
  readonly client: pg.Client;
  /** as in `18.4` */
  readonly serverVersion: string;
  /** resolves when the connection has ended, wanted or not; never rejects */
  readonly ended: Promise<void>;
  /** ends it; never rejects, and a server that does not answer is not waited for long */
  end(): Promise<void>;
}

interface Target {
  readonly port: number;
  readonly password: string;
}

const connectTimeoutMs = 10_000;
const queryTimeoutMs = 30_000;
const endTimeoutMs = 3_000;

async function connect(
  target: Target,
  name: string,
  to: string,
): Promise<Omit<UserConnection, 'serverVersion'>> {
  const socket = new Socket();
  const client = new pg.Client({
    host: '127.0.0.1',
    port: target.port,
    user: role,
    password: target.password,
    database: to,
    // whatever PGSSLMODE says
    ssl: false,
    stream: () => socket,
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    application_name: name,
  });
  // without a listener an 'error' would end the process
  client.on('error', () => {});
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  const end = async (): Promise<void> => {
    const timer = setTimeout(() => socket.destroy(), endTimeoutMs);
    await client.end().catch(() => {});
    clearTimeout(timer);
  };
  try {
    await client.connect();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return { client, ended, end };
}

const nameOf = (pid: number, identity: string): string => `sluice user ${pid} ${identity}`;

/**
 * Connects, makes the database where it is missing, and becomes a user of the server. Throws what `pg` throws,
 * with Postgres' SQLSTATE in `code`.
 */
export async function connectUser(target: Target): Promise<UserConnection> {
  const name = nameOf(process.pid, (await identityOf(process.pid)) ?? '');
  let made: Omit<UserConnection, 'serverVersion'>;
  try {
    made = await connect(target, name, database);
  } catch (error) {
    if (sqlState(error) !== '3D000') throw error;
    const admin = await connect(target, name, 'postgres');
    try {
      await admin.client.query(`create database ${database} template template0 encoding 'UTF8'`);
    } finally {
      await admin.end();
    }
    made = await connect(target, name, database);
  }
  try {
    await made.client.query(`select pg_advisory_lock_shared(${lockKey})`);
    const { rows } = await made.client.query<{ server_version: string }>('show server_version');
    return { ...made, serverVersion: rows[0]?.server_version ?? '' };
  } catch (error) {
    await made.end();
    throw error;
  }
}

/** Postgres' five-character code of an error, or Node's (`ECONNREFUSED`). */
export function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** How long a dead process' connection may take to vanish, in milliseconds. */
const ghostPatienceMs = 5_000;

/**
 * Whether nobody else uses the server. Call it under the file lock, so that nobody can arrive meanwhile. When true,
 * the connection holds the lock exclusively.
 */
export async function isLastUser(connection: UserConnection): Promise<boolean> {
  const deadline = performance.now() + ghostPatienceMs;
  for (;;) {
    const { rows } = await connection.client.query<{ last: boolean }>(
      `select pg_try_advisory_lock(${lockKey}) as last`,
    );
    if (rows[0]?.last === true) return true;
    const others = await connection.client.query<{ name: string }>(
      `select a.application_name as name from pg_locks l join pg_stat_activity a on a.pid = l.pid
       where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
         and (l.classid::bigint, l.objid::bigint, l.objsubid) = (${lockKey}, 2) and l.granted and a.pid <> pg_backend_pid()`,
    );
    for (const { name } of others.rows) {
      const pid = Number(name.split(' ')[2]);
      if (nameOf(pid, (await identityOf(pid)) ?? 'gone') === name) return false;
    }
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
}
