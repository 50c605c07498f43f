/** One pool, drizzle on top of it, and a transaction helper. The part that opens a database closes it. */
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { gatheringSocket } from './gathering-socket.ts';
import { BEARS_POOLER } from './prepared.ts';
import * as schema from './schema/index.ts';
import { sendTogether, type Send } from './send-together.ts';

export type Orm = NodePgDatabase<typeof schema>;

export interface Db {
  readonly pool: pg.Pool;
  readonly orm: Orm;
  /** Runs `work` in one transaction on one client; rolls back on any throw. */
  tx<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /**
   * The same for a transaction whose first statements read or lock and change nothing: they travel together with its
   * `begin`, which saves their round trips. `work` is called once all of them have succeeded. What it hands to `send`
   * it needn't wait for: the commit travels right behind those statements, and counts only where all of them did.
   */
  txAfter<Opened, T>(
    open: (client: pg.PoolClient) => Promise<Opened>,
    work: (client: pg.PoolClient, opened: Opened, send: Send) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

export interface DbOptions {
  readonly url: string;
  /** connections at most; default 10 */
  readonly max?: number;
  /** shown in pg_stat_activity */
  readonly applicationName?: string;
  /** milliseconds to wait for a connection [10,000] */
  readonly connectTimeoutMs?: number;
  /** milliseconds after which an unanswered statement fails and its connection is given up; default: none */
  readonly queryTimeoutMs?: number;
  /**
   * No pooler stands between: a statement with a name is planned once for each connection, and known again. Through
   * one that shares sessions, another client's server would not know it; names are left out then. [false]
   */
  readonly direct?: boolean;
  /** where errors of idle connections go; they must never end the process */
  readonly onError?: (error: Error) => void;
}

export function openDb(options: DbOptions): Db {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'sluice',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
    stream: gatheringSocket,
    // Statements that one client is given without waiting are sent at once; each still has its own result or error. Not
    // where a statement that isn't answered in time takes its connection along: it would take its neighbours too.
    ...(options.queryTimeoutMs === undefined
      ? { pipeline: true }
      : { query_timeout: options.queryTimeoutMs }),
  });
  pool.on('error', (error) => options.onError?.(error));
  // A client that is in use has no listener of the pool: where its connection breaks between two statements, the
  // error would end the process. The next statement on it fails, and tells the one who uses it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  if (options.direct !== true) pool.on('connect', leaveOutNames);
  async function transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      await client.query('rollback').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }
  return {
    pool,
    orm: drizzle(pool, { schema }),
    tx: (work) =>
      transaction(async (client) => {
        await client.query('begin');
        const result = await work(client);
        await client.query('commit');
        return result;
      }),
    txAfter: (open, work) =>
      transaction(async (client) => {
        const [, opened] = await Promise.all([client.query('begin'), open(client)]);
        return sendTogether(
          (send) => work(client, opened, send),
          () => client.query('commit'),
        );
      }),
    async close() {
      await pool.end();
    },
  };
}

function leaveOutNames(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: readonly unknown[]) => unknown;
  const unnamed = (statement: unknown, ...rest: readonly unknown[]): unknown =>
    query(isNamed(statement) ? { text: statement.text, values: statement.values } : statement, ...rest);
  Object.assign(client, { query: unnamed });
}

function isNamed(statement: unknown): statement is { readonly text: string; readonly values: unknown } {
  if (statement === null || typeof statement !== 'object' || !Object.hasOwn(statement, 'values'))
    return false;
  const { name } = statement as { readonly name?: unknown };
  return typeof name === 'string' && !name.startsWith(BEARS_POOLER);
}
