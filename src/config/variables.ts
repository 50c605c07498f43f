/** Every environment variable: its rule, and what the documentation says of it. */
import type { z } from 'zod';
import * as values from './values.ts';

interface Variable<T = unknown> {
  readonly schema: z.ZodType<T, string>;
  readonly description: string;
  /** as shown in the documentation; empty where there is none */
  readonly default: string;
  /** also read from the file that `NAME_FILE` names */
  readonly secret: boolean;
  /** false: the demo, which runs in its own folder, takes no notice of it */
  readonly inDemo: boolean;
}

function variable<T>(
  schema: z.ZodType<T, string>,
  description: string,
  options: { readonly default?: string; readonly secret?: boolean; readonly inDemo?: boolean } = {},
): Variable<T> {
  return {
    schema,
    description,
    default: options.default ?? '',
    secret: options.secret ?? false,
    inDemo: options.inDemo ?? true,
  };
}

export const variables = {
  DATABASE_URL: variable(
    values.postgresUrl,
    'Postgres 14 or later; unset: an embedded server in the data folder',
    {
      secret: true,
      inDemo: false,
    },
  ),
  QUEUE_DATABASE_URL: variable(
    values.postgresUrl,
    'a direct Postgres URL for the queue, where DATABASE_URL goes through a pooler',
    { default: 'DATABASE_URL', secret: true, inDemo: false },
  ),
  REDIS_URL: variable(
    values.redisUrl,
    'Redis 6.2 or later, or Valkey, for queues, token cache and limits; unset: all of it on Postgres',
    { secret: true, inDemo: false },
  ),
  SLUICE_QUEUE_PREFIX: variable(values.keyPrefix, 'prefix of all keys on a shared Redis', {
    default: 'sluice',
  }),
  SLUICE_CONFIG: variable(values.anyText, 'path of the declarative file', {
    default: './sluice.yaml where it exists',
    inDemo: false,
  }),
  SLUICE_DATA_DIR: variable(values.anyText, 'folder of embedded mode: database, secrets', {
    default: '.sluice',
  }),
  SLUICE_ENCRYPTION_KEYS: variable(
    values.encryptionKeys,
    'id:base64-of-32-bytes, several separated by commas; the first encrypts, all decrypt; required with DATABASE_URL',
    { default: 'made in embedded mode', secret: true, inDemo: false },
  ),
  SLUICE_API_KEYS: variable(
    values.apiKeys,
    'bearer keys of the HTTP API, separated by commas; a warning below 16 characters',
    {
      default: 'made in embedded mode',
      secret: true,
    },
  ),
  SLUICE_ADMIN_PASSWORD: variable(
    values.anyText,
    'login of the console and Bull Board; unset with DATABASE_URL: both answer 404',
    { default: 'made in embedded mode', secret: true },
  ),
  SLUICE_SESSION_SECRET: variable(
    values.anyText,
    "signs the console's session; a warning below 32 characters; required with SLUICE_ADMIN_PASSWORD and DATABASE_URL",
    { default: 'made in embedded mode', secret: true, inDemo: false },
  ),
  PORT: variable(values.port, 'port of the web process; 0 takes a free one', { default: '3000' }),
  HOST: variable(values.host, 'address the web process listens on', {
    default: '127.0.0.1, or 0.0.0.0 with DATABASE_URL',
  }),
  PUBLIC_URL: variable(
    values.origin,
    'how browsers and providers reach the web process; required there with DATABASE_URL',
    { default: 'http://HOST:PORT in embedded mode', inDemo: false },
  ),
  SLUICE_WORKER_PORT: variable(
    values.port,
    'port of /livez, /readyz and /metrics of a worker process; unset: none',
  ),
  SLUICE_METRICS_OPEN: variable(values.flag, 'true serves /metrics without an API key', { default: 'false' }),
  SLUICE_BULL_BOARD: variable(
    values.choice('read-only', 'read-write'),
    'whether Bull Board may change jobs',
    {
      default: 'read-only',
    },
  ),
  SLUICE_WORKER_CONCURRENCY: variable(values.whole(1, 1000), 'jobs that one worker process handles at once', {
    default: '20',
  }),
  SLUICE_SHUTDOWN_GRACE: variable(
    values.duration('100ms', '1h'),
    'how long a process may finish its work after it is told to stop',
    { default: '25s' },
  ),
  SLUICE_ALLOW_LOOPBACK: variable(
    values.flag,
    'true lets connections name http://127.0.0.1 and http://localhost as endpoints',
    { default: 'false, but true in the demo' },
  ),
  SLUICE_ALLOW_HOSTS: variable(
    values.hostList,
    'hosts and CIDRs, separated by commas, that endpoints may name although they are private or plain http',
  ),
  SLUICE_RETURN_ORIGINS: variable(
    values.originList,
    "origins, separated by commas, to which a person may be sent back after a consent; PUBLIC_URL's always may",
  ),
  SLUICE_NOTIFY_URL: variable(
    values.httpUrl,
    'where signed notifications go (Standard Webhooks); may be private',
    {
      secret: true,
      inDemo: false,
    },
  ),
  SLUICE_NOTIFY_SECRET: variable(
    values.webhookSecret,
    'signs notifications: whsec_ and the base64 of 24 to 64 bytes; required with SLUICE_NOTIFY_URL',
    { secret: true, inDemo: false },
  ),
  LOG_LEVEL: variable(
    values.choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'trace, debug, info, warn, error, fatal or silent',
    { default: 'info' },
  ),
  LOG_FORMAT: variable(values.choice('json', 'pretty'), 'json or pretty', {
    default: 'json, or pretty on a terminal',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(values.httpUrl, 'turns tracing on and says where traces go', {
    inDemo: false,
  }),
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;
export const variableNames = Object.keys(variables) as VariableName[];

/** What the rules make of the variables that are set. */
export type VariableValues = {
  readonly [N in VariableName]?: (typeof variables)[N] extends Variable<infer T> ? T : never;
};
