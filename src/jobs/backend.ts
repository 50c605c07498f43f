/**
 * Where the queues live: on Redis, or on a Postgres pool of their own on the database that also holds everything
 * else. What works on them sees no difference.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createPostgresBackend,
  createRedisBackend,
  runMigrations,
  type BackendFactory,
  type ConnectionOptions,
  type IQueueBackend,
  type PostgresConnectionOptions,
} from 'bullmq';
import pg from 'pg';
import { SluiceError } from '../errors.ts';
import {
  closeRedis,
  connectRedis,
  connectWorkerRedis,
  redisFacts,
  untilReady,
  withoutCommand,
  type RedisSettings,
} from '../store/redis.ts';

/** BullMQ uses this schema on a pool that is handed in; it can't be chosen there. */
const SCHEMA = 'bullmq';
/**
 * Each worker keeps one client for LISTEN and never gives it back, so a pool that the workers can fill would wait
 * for itself without a word. This leaves room for the commands of all of them.
 */
const WORKER_POOL = 24;
const PRODUCER_POOL = 4;
/** For whoever adds a job or looks, in milliseconds: on a frozen Redis a command has no end of its own. */
const COMMAND_MS = 2_000;
/** For workers: they wait for a Redis that comes back, but a job that can't be moved must not hold its slot. */
const WORKER_COMMAND_MS = 10_000;
/** Listeners on a shared connection: not 0 for any number, since BullMQ counts up and down from what it finds. */
const MANY = 1_000;
/** How long the last connections may take to close, in milliseconds. */
const CLOSE_MS = 3_000;

export type Backend = IQueueBackend;
export type BackendConnection = PostgresConnectionOptions | ConnectionOptions;
export type QueueBackendFactory = BackendFactory<Backend, BackendConnection>;

export interface QueueConnection {
  readonly kind: 'postgres' | 'redis';
  /** what BullMQ is given as the connection of its queues */
  readonly queues: BackendConnection;
  /** the same for the workers that are started now */
  openWorkers(): WorkerConnection;
  /** of all keys; means something on Redis only */
  readonly prefix: string;
  readonly factory: QueueBackendFactory;
  /**
   * Resolves when commands may be sent, within a bounded time.
   *
   * @throws SluiceError `queue_unreachable` (transient)
   */
  ready(): Promise<void>;
  /** of the pool, on Postgres */
  poolUse(): { readonly total: number; readonly idle: number; readonly waiting: number } | undefined;
  /** Ends within a few seconds, whether the server answers or not. */
  close(): Promise<void>;
}

export interface WorkerConnection {
  readonly connection: BackendConnection;
  /** Cuts what the workers on it may still wait for. */
  close(): Promise<void>;
}

export interface QueueConnectionOptions {
  /** undefined: on Postgres */
  readonly redis: RedisSettings | undefined;
  /** a direct connection: LISTEN doesn't pass through a pooler */
  readonly postgresUrl: string;
  /** whether there will be workers, which take more connections */
  readonly workers: boolean;
  readonly onError: (error: Error) => void;
  /** told of settings of the server that endanger what it holds */
  readonly onWarning: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

export function connectQueues(options: QueueConnectionOptions): QueueConnection {
  return options.redis === undefined ? onPostgres(options) : onRedis(options.redis, options);
}

/** What went wrong with the queue's server, without what was sent to it. */
export function queueUnreachable(cause: unknown): SluiceError {
  const error = cause instanceof Error ? withoutCommand(cause) : new Error(String(cause));
  if (error instanceof SluiceError) return error;
  const reason = (error as { code?: string }).code ?? error.message;
  return new SluiceError('queue_unreachable', `The queue can't be reached: ${reason}.`, { cause: error });
}

function onPostgres(options: QueueConnectionOptions): QueueConnection {
  const pool = new pg.Pool({
    connectionString: options.postgresUrl,
    max: options.workers ? WORKER_POOL : PRODUCER_POOL,
    options: `-c search_path=${SCHEMA}`,
    application_name: 'sluice queue',
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
  });
  // Every queue and worker on it adds a listener of its own, which makes more than the ten that Node takes for a leak.
  pool.setMaxListeners(0);
  pool.on('error', options.onError);
  // BullMQ describes the pool by its own interface, whose overloads pg's types don't match word by word.
  const connection = pool as unknown as BackendConnection;
  return {
    kind: 'postgres',
    queues: connection,
    openWorkers: () => ({ connection, close: async () => {} }),
    prefix: SCHEMA,
    factory: createPostgresBackend as QueueBackendFactory,
    // a pool connects when it is asked
    ready: async () => {},
    poolUse: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => endPool(pool),
  };
}

/** Waits for what is still out, but not for a server that has stopped to answer. */
async function endPool(pool: pg.Pool): Promise<void> {
  const limit = new AbortController();
  const late = sleep(CLOSE_MS, undefined, { signal: limit.signal }).catch(() => undefined);
  await Promise.race([pool.end(), late]);
  limit.abort();
}

function onRedis(settings: RedisSettings, options: QueueConnectionOptions): QueueConnection {
  const { onError } = options;
  const client = connectRedis(settings, { name: 'sluice queue', commandTimeoutMs: COMMAND_MS, onError });
  // Every queue on it adds listeners of its own.
  client.setMaxListeners(MANY);
  const inspect = async (): Promise<void> => {
    const { evictionPolicy } = await redisFacts(client);
    if (evictionPolicy !== undefined && evictionPolicy !== 'noeviction')
      options.onWarning(
        'Redis may drop queued jobs when its memory is full; set its maxmemory-policy to noeviction',
        { evictionPolicy },
      );
  };
  client.once('ready', () => void inspect().catch((error: Error) => onError(withoutCommand(error))));
  return {
    kind: 'redis',
    queues: client,
    openWorkers() {
      const { client: shared, copies } = connectWorkerRedis(settings, {
        name: 'sluice worker',
        commandTimeoutMs: WORKER_COMMAND_MS,
        onError,
      });
      shared.setMaxListeners(MANY);
      return {
        connection: shared,
        async close() {
          await Promise.all([shared, ...copies].map((one) => closeRedis(one)));
        },
      };
    },
    prefix: settings.prefix,
    factory: createRedisBackend as QueueBackendFactory,
    async ready() {
      try {
        await untilReady(client, COMMAND_MS);
      } catch (error) {
        throw queueUnreachable(error);
      }
    },
    poolUse: () => undefined,
    close: () => closeRedis(client),
  };
}

/** Brings the queue's own schema up. Runs inside `sluice migrate`, under its lock. */
export async function migrateQueues(client: pg.Client): Promise<void> {
  await runMigrations(client, SCHEMA);
}
