/** Redis: one way to connect for the queues and the token cache. No call here waits for a server without an end. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';

export type RedisClient = Redis;

export interface RedisSettings {
  readonly url: string;
  /** of every key */
  readonly prefix: string;
}

/** Milliseconds for a TCP and TLS handshake. */
const CONNECT_MS = 5_000;
/** A connection on which something is awaited and nothing comes for this long is given up and made anew, in ms. */
const SILENCE_MS = 30_000;
/** The longest pause before the next attempt to connect, in milliseconds. */
const LONGEST_PAUSE_MS = 2_000;
/** How long a farewell may take where the server doesn't answer, in milliseconds. */
const FAREWELL_MS = 1_000;

export interface RedisConnectionOptions {
  /** shown by CLIENT LIST */
  readonly name: string;
  /** milliseconds for one command; undefined: the caller has limits of its own */
  readonly commandTimeoutMs?: number;
  /** commands wait for the connection to come back, within their timeout, instead of failing at once [false] */
  readonly patient?: boolean;
  readonly onError: (error: Error) => void;
}

export function connectRedis(settings: RedisSettings, options: RedisConnectionOptions): RedisClient {
  const patient = options.patient === true;
  const client = new Redis(settings.url, {
    ...common(options.name),
    enableOfflineQueue: patient,
    // null: until the connection is back; 0: a command that was under way when it broke fails at once
    maxRetriesPerRequest: patient ? null : 0,
    autoResendUnfulfilledCommands: patient,
    ...(options.commandTimeoutMs === undefined ? {} : { commandTimeout: options.commandTimeoutMs }),
  });
  return watched(client, options);
}

/**
 * A connection for a worker: what is asked on it waits for a server that is coming back. Copies of it are for
 * blocking reads, and so know no timeout: a limit for commands would end them in the middle of their wait.
 * `copies` holds them, for whoever closes it.
 */
export function connectWorkerRedis(
  settings: RedisSettings,
  options: Omit<RedisConnectionOptions, 'patient'>,
): { readonly client: RedisClient; readonly copies: ReadonlySet<RedisClient> } {
  const client = connectRedis(settings, { ...options, patient: true });
  const copies = new Set<RedisClient>();
  client.duplicate = (override) => {
    const copy = new Redis(settings.url, {
      ...common(options.name),
      maxRetriesPerRequest: null,
      ...override,
    });
    copies.add(copy);
    return watched(copy, options);
  };
  return { client, copies };
}

function watched(client: RedisClient, options: Pick<RedisConnectionOptions, 'onError'>): RedisClient {
  client.on('error', (error) => options.onError(withoutCommand(error)));
  // ioredis 5.11 lets the timer of `socketTimeout` outlive its socket: it would end the next one, which is sound,
  // or keep a process alive that is done.
  const timed = client as unknown as { socketTimeoutTimer?: NodeJS.Timeout | undefined };
  client.on('close', () => {
    clearTimeout(timed.socketTimeoutTimer);
    timed.socketTimeoutTimer = undefined;
  });
  return client;
}

function common(name: string): RedisOptions {
  return {
    connectionName: name.replace(/\s/g, '-'),
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    disconnectTimeout: FAREWELL_MS,
    keepAlive: 10_000,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS),
    // The server that answers has become a replica: the name may lead to the new primary by now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** ioredis writes the command with its arguments onto its errors: a password, a token, and so into the log. */
export function withoutCommand<T extends Error>(error: T): T {
  delete (error as { command?: unknown }).command;
  return error;
}

/**
 * Resolves as soon as commands may be sent. Rejects when an attempt to connect fails, or after `timeoutMs`: within
 * the pause between two attempts the next one is awaited.
 */
export async function untilReady(client: RedisClient, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return;
  if (client.status === 'end') throw new Error('the connection to Redis is closed');
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  let reason: Error | undefined;
  const remember = (error: Error): void => void (reason = error);
  client.on('error', remember);
  try {
    const options = { signal: limit.signal };
    // `once` also rejects on `error`, and `close` is told where the error is told to nobody
    await Promise.race([
      once(client, 'ready', options),
      once(client, 'close', options).then(() => {
        throw reason ?? new Error('Redis closed the connection');
      }),
    ]);
  } catch (error) {
    if (limit.signal.aborted && reason === undefined)
      throw new Error(`Redis gave no answer within ${timeoutMs} ms`, { cause: error });
    throw withoutCommand(reason ?? (error as Error));
  } finally {
    clearTimeout(timer);
    limit.abort();
    client.off('error', remember);
  }
}

/** Closes a connection, without waiting long for a server that doesn't answer. */
export async function closeRedis(client: RedisClient): Promise<void> {
  // between two attempts there is no socket, and so nothing whose end would be told
  const socketless = client.status === 'end' || client.status === 'reconnecting';
  const ended = socketless ? undefined : once(client, 'end').catch(() => undefined);
  client.disconnect();
  if (ended === undefined) return;
  const limit = new AbortController();
  await Promise.race([
    ended,
    sleep(FAREWELL_MS * 2, undefined, { signal: limit.signal }).catch(() => undefined),
  ]);
  limit.abort();
}

export interface RedisFacts {
  readonly version: string;
  /** undefined where the server doesn't tell */
  readonly evictionPolicy: string | undefined;
}

/** What decides whether a Redis is fit to hold queues. */
export async function redisFacts(client: RedisClient): Promise<RedisFacts> {
  const info = await client.info();
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  return {
    version: field('valkey_version') ?? field('redis_version') ?? 'unknown',
    evictionPolicy: field('maxmemory_policy'),
  };
}

/**
 * Names a place on a Redis without its credentials, so that processes can tell whether they mean the same one. Two
 * names of one host count as two places.
 */
export function redisFingerprint({ url, prefix }: RedisSettings): string {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const db = searchParams.get('db') ?? pathname.slice(1);
  const place = [hostname.toLowerCase(), port || '6379', db || '0', prefix];
  return `redis:${createHash('sha256').update(JSON.stringify(place)).digest('hex').slice(0, 16)}`;
}
