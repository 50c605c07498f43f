/**
 * The composition root: builds every part of a process from its environment, and closes them in order. Whoever
 * wants to know what depends on what reads this file.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnector } from './auth/authorization/connector.ts';
import type { Connector } from './auth/authorization/contract.ts';
import { dispatchGrants } from './auth/grants/dispatch.ts';
import { createRefresher } from './auth/grants/refresh.ts';
import { createAuthorizationServers } from './auth/grants/server.ts';
import { createOAuthClient } from './auth/oauth.ts';
import { createKeyring } from './auth/keyring.ts';
import type { TokenCache } from './auth/cache.ts';
import { createPostgresCache } from './auth/postgres-cache.ts';
import { createTokenService } from './auth/tokens.ts';
import type { TokenService } from './auth/contract.ts';
import { createVault, type Vault } from './auth/vault.ts';
import { ensureEmbeddedSecrets, type EmbeddedSecrets, type Environment } from './config/index.ts';
import { openJobs, openJobsLater, type Jobs, type JobsOptions, type RunningWorkers } from './jobs/index.ts';
import { migrateAll } from './migration.ts';
import { createGuardedFetch } from './net/fetch.ts';
import { createOutbound, tokenSubject, type Outbound, type OutboundOptions } from './outbound/client.ts';
import { createSend } from './outbound/send.ts';
import { createLimiter, createMemoryLimiterStore, type LimiterStore } from './outbound/limiter.ts';
import { createPostgresLimiterStore, createRedisLimiterStore } from './outbound/limiter-stores.ts';
import type { ProviderDefinition } from './providers/contract.ts';
import { findProvider as findShipped } from './providers/registry.ts';
import { version } from './package-root.ts';
import { unparkConnection } from './store/connections.ts';
import { openDb, type Db } from './store/db.ts';
import { openEmbedded } from './store/embedded/index.ts';
import { announceUrl, checkFleet, joinFleet, livingWebUrl } from './store/fleet.ts';
import { openFleetState } from './store/fleet-state.ts';
import { assertSchemaCurrent } from './store/migrate.ts';
import type { RedisSettings } from './store/redis.ts';
import { createLoadConnection, type LoadConnection } from './sync/load-connection.ts';
import type { RunContext } from './sync/run.ts';
import type { SyncContext } from './sync/context.ts';
import type { Logger } from './telemetry/logger.ts';
import type { PoolUse } from './telemetry/gauges.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { noTracing, openTracing, type Tracing } from './telemetry/tracing.ts';
import { recordTokenEvent, tokenSpan } from './telemetry/token-metrics.ts';
import { revokeGrants, upkeepGrants, type UpkeepContext } from './sync/grant-upkeep.ts';
import { firstRun, timetableOf } from './sync/schedule.ts';
import { lookAround, type SetupContext } from './sync/setup.ts';
import { scheduleOf } from './sync/schedule-of.ts';
import type { WebhookContext } from './webhooks/context.ts';
import { createIntake, type Intake } from './webhooks/intake.ts';
import { startNotifier, startSkipping, type Notifier, type NotifyContext } from './webhooks/notify.ts';
import type { RegistrationContext } from './webhooks/endpoints.ts';
import { createReceivers } from './webhooks/receivers.ts';
import { removeEndpoints } from './webhooks/remove.ts';

export interface RuntimeOptions {
  readonly logger: Logger;
  /** whether this process may run workers */
  readonly workers: boolean;
  /** told what takes time, for a terminal */
  readonly onProgress?: (step: string) => void;
  readonly now?: () => number;
  readonly random?: () => number;
  /** default: the providers that come with Sluice */
  readonly findProvider?: (id: string) => ProviderDefinition | undefined;
  /** milliseconds for one request to a provider; default 30,000 */
  readonly requestTimeoutMs?: number;
  /** milliseconds between two comparisons of runs and queue; default 30,000 */
  readonly reconcileEveryMs?: number;
}

export interface Runtime {
  readonly environment: Environment;
  /** of embedded mode: what was made, and where it is kept */
  readonly secrets: EmbeddedSecrets | undefined;
  readonly databaseUrl: string;
  readonly db: Db;
  readonly vault: Vault;
  readonly tokens: TokenService;
  readonly outbound: Outbound;
  readonly loadConnection: LoadConnection;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
  /** consents of persons */
  readonly connector: Connector;
  readonly webhooks: WebhookContext;
  /** endpoints at providers */
  readonly registration: RegistrationContext;
  readonly jobs: Jobs;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly now: () => number;
  /** Takes webhooks in, on a few connections of its own; closed by whoever opens it, before the runtime. */
  openIntake(): Intake;
  startWorkers(options: { readonly schedules: boolean }): Promise<RunningWorkers>;
  /**
   * Asks providers to revoke the grants of connections that were removed, and to remove their webhook endpoints; what
   * fails is tried again by workers. Returns how many of both are settled.
   */
  sayGoodbye(): Promise<number>;
  /** Says where browsers reach this process, for commands that make links. */
  announceUrl(url: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the database (an embedded server where none is configured), checks its schema, and connects every part.
 * An embedded database belongs to this version alone, so it is migrated here; another one only by `migrate`.
 *
 * @throws SluiceError for each thing that isn't as it must be, with nothing left open
 */
export async function openRuntime(environment: Environment, options: RuntimeOptions): Promise<Runtime> {
  const { logger } = options;
  const now = options.now ?? Date.now;
  const random = options.random ?? Math.random;
  const findProvider = options.findProvider ?? findShipped;
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const part of opened.splice(0).reverse()) await part();
  };
  try {
    // The database first: it makes the data folder so that its own account can reach what is inside.
    const databaseUrl = await openDatabase(environment, options, opened);
    const secrets =
      environment.mode === 'embedded'
        ? await ensureEmbeddedSecrets(environment.dataDir, { random: randomBytes, given: environment })
        : undefined;
    const db = openDb({
      url: databaseUrl,
      max: options.workers ? environment.workerConcurrency + 10 : 5,
      applicationName: `sluice ${environment.role}`,
      // A queue on Postgres listens, which no pooler passes on.
      direct:
        environment.mode === 'embedded' ||
        (environment.redisUrl === undefined && environment.queueDatabaseUrl === undefined),
      onError: (error) => logger.warn({ err: error }, 'database connection'),
    });
    opened.push(() => db.close());
    if (environment.mode === 'production') await assertSchemaCurrent(db.pool);

    const vault = createVault(createKeyring(secrets?.encryptionKeys ?? environment.encryptionKeys));
    const metrics = createMetrics();
    metrics.describe({
      version,
      role: environment.role,
      backend: environment.redisUrl === undefined ? 'postgres' : 'redis',
    });
    const net = createGuardedFetch({
      allowLoopback: environment.allowLoopback,
      allowHosts: environment.allowHosts,
    });
    opened.push(() => net.close());
    const owner = `${hostname()}.${process.pid}.${randomBytes(3).toString('hex')}`;
    // closed after all that may still tell it something
    const tracing = await tracingOf(environment, owner, metrics, logger);
    opened.push(() => tracing.close());
    const redis: RedisSettings | undefined =
      environment.redisUrl === undefined
        ? undefined
        : { url: environment.redisUrl, prefix: environment.queuePrefix };
    const backend =
      redis === undefined ? 'postgres' : (await import('./store/redis.ts')).redisFingerprint(redis);
    const enterFleet = async (): Promise<void> => {
      const membership = await joinFleet(
        db,
        { id: owner, role: environment.role, backend },
        { onTrouble: (error) => logger.error({ err: error }, 'the fleet') },
      );
      opened.push(() => membership.leave());
    };
    const stays = staying.has(environment.role);
    if (stays) await enterFleet();
    const tokenCache = await openTokenCache(redis, databaseUrl, environment, logger);
    opened.push(() => tokenCache.close());
    const { cache } = tokenCache;
    const servers = createAuthorizationServers({ fetch: net.fetch, now });
    const grantPools = openGrantPools(databaseUrl, environment, options);
    opened.push(() => grantPools.close());
    const refresher = createRefresher({ ...grantPools, servers, vault, now, logger });
    opened.push(() => refresher.close());
    const tokens = createTokenService({
      cache,
      oauth: dispatchGrants(createOAuthClient({ fetch: net.fetch, now }), refresher),
      vault,
      now,
      random,
      ownerId: owner,
      logger,
      onEvent(event) {
        recordTokenEvent(metrics, event);
        if (event.type === 'request') tracing.record(tokenSpan(event, now()));
      },
    });
    opened.push(() => tokens.close());
    const limiter = createLimiter({
      store: tokenCache.turns,
      fallback: createMemoryLimiterStore(now),
      now,
      sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
      onWait: (provider, ms) => metrics.limiterWaited(provider, ms / 1000),
      onDeferred: (provider) => metrics.limiterDeferred(provider),
      onStoreDown(error) {
        metrics.limiterAlone();
        logger.warn({ err: error }, 'rate limits are kept by this process alone');
      },
    });
    const sending: Omit<OutboundOptions, 'tokens'> = {
      fetch: net.fetch,
      limiter,
      now,
      ...(options.requestTimeoutMs === undefined ? {} : { timeoutMs: options.requestTimeoutMs }),
      tracing,
      onAnswer: (provider, status, seconds) => metrics.providerRequest({ provider, status, seconds }),
    };
    const outbound = createOutbound({ ...sending, tokens });
    const setups: SetupContext = {
      db,
      tokens,
      outbound,
      outboundAs: (token) =>
        createOutbound({ ...sending, tokens: { get: async () => token, reject: async () => false } }),
      now,
      logger,
    };
    const loadConnection = createLoadConnection({ db, vault, findProvider });
    const connector = createConnector({
      db,
      vault,
      servers,
      loadConnection: (id) => loadConnection(id, { requireUsable: false }),
      subjectOf: tokenSubject,
      returnOrigins: environment.returnOrigins,
      onConnected: async (connection) =>
        void (await unparkConnection(db, connection.id, firstRun(timetableOf(connection), new Date(now())))),
      lookAround: (connection, token) => lookAround(setups, connection, token),
      now,
      logger,
    });
    const upkeep: UpkeepContext = {
      db,
      vault,
      tokens,
      servers,
      loadConnection,
      findProvider,
      logger,
      now,
    };
    const queues: JobsOptions = {
      db,
      redis,
      queueUrl: environment.queueDatabaseUrl ?? databaseUrl,
      workers: options.workers,
      logger,
      tracing,
      now,
    };
    const jobs = stays ? await openJobs(queues) : openJobsLater(queues);
    opened.push(() => jobs.close());
    metrics.watchQueues(() => jobs.depths());
    const intakePools: Db['pool'][] = [];
    metrics.watchPools(() => {
      const queue = jobs.poolUse();
      return [
        poolUse('main', db.pool),
        ...(queue === undefined ? [] : [{ pool: 'queue', ...queue }]),
        ...(tokenCache.pool === undefined ? [] : [poolUse('tokens', tokenCache.pool)]),
        poolUse('grant_locks', grantPools.locks.pool),
        poolUse('grant_writes', grantPools.writes.pool),
        ...intakePools.map((pool) => poolUse('intake', pool)),
      ];
    });
    const fleetState = openFleetState({
      url: databaseUrl,
      applicationName: `sluice ${environment.role} metrics`,
      now,
      onError: (error) => logger.warn({ err: error }, 'database connection of the metrics'),
    });
    opened.push(() => fleetState.close());
    metrics.watchState(() => fleetState.read());

    const runs: RunContext = {
      db,
      tokens,
      loadConnection,
      logger,
      now,
      tracing,
      onRunEnd: (run) => metrics.runFinished(run),
    };
    const sync: SyncContext = {
      db,
      outbound,
      tokens,
      loadConnection,
      logger,
      now,
      random,
      owner,
      tracing,
      onRecords: (provider, counts) => metrics.recordsWritten(provider, counts),
      onTrouble: (trouble) => metrics.streamTrouble(trouble),
    };
    const webhooks: WebhookContext = {
      db,
      outbound,
      tokens,
      fetch: net.fetch,
      loadConnection,
      logger,
      now,
      random,
      onRecords: (provider, counts) => metrics.recordsWritten(provider, counts),
      onEvent: (provider, status) => metrics.webhookEvent({ provider, outcome: status }),
      onEventAge: (provider, ms) => metrics.webhookAged(provider, ms / 1000),
    };
    const registration: RegistrationContext = {
      db,
      vault,
      send: createSend({ fetch: net.fetch, tokens, limiter, tracing }),
      tokens,
      loadConnection,
      findProvider,
      logger,
      now,
      // what a web process says of itself is nearer than a default: it may have taken another port
      publicUrl: async () =>
        environment.publicUrlSet
          ? environment.publicUrl
          : ((await livingWebUrl(db)) ?? environment.publicUrl),
    };
    return {
      environment,
      secrets,
      databaseUrl,
      db,
      vault,
      tokens,
      outbound,
      loadConnection,
      findProvider,
      connector,
      sayGoodbye: async () =>
        (await revokeGrants(upkeep)) + (await removeEndpoints(registration, GOODBYE_MS)),
      announceUrl: (url) => announceUrl(db, owner, url),
      webhooks,
      registration,
      jobs: {
        ...jobs,
        // A process that only passes by is no member: it looks before it puts something into a queue.
        async askForRun(request, recorded) {
          if (!stays) await checkFleet(db, backend);
          return jobs.askForRun(request, recorded);
        },
        async releaseWebhooks(connectionIds) {
          if (!stays) await checkFleet(db, backend);
          return jobs.releaseWebhooks(connectionIds);
        },
      },
      metrics,
      tracing,
      logger,
      now,
      openIntake: () => {
        const own = openDb({
          url: databaseUrl,
          max: INTAKE_CONNECTIONS,
          applicationName: `sluice ${environment.role} intake`,
          connectTimeoutMs: 1_500,
          queryTimeoutMs: 5_000,
          onError: (error) => logger.warn({ err: error }, 'database connection of the intake'),
        });
        const { pool } = own;
        intakePools.push(pool);
        const intake = createIntake({
          pool,
          receivers: createReceivers({ pool, vault, findProvider, now }),
          now,
          logger,
          onStored: (connectionId) => jobs.webhooksStored(connectionId),
          tracing,
          onOutcome: (provider, outcome) => metrics.webhookEvent({ provider, outcome }),
          onRefused: (provider, reason) => metrics.webhookRefused(provider, reason),
        });
        return {
          ...intake,
          async close() {
            await intake.close();
            intakePools.splice(intakePools.indexOf(pool), 1);
            await own.close();
          },
        };
      },
      async startWorkers({ schedules }) {
        if (!stays) await enterFleet();
        const workers = await jobs.startWorkers({
          concurrency: environment.workerConcurrency,
          runs,
          sync,
          webhooks,
          registration,
          schedules,
          schedulesOf: (row) => scheduleOf(row, findProvider),
          sweepTokens: () => cache.sweep(now()),
          onHistoryDeleted: (kind, count) => metrics.historyDeleted(kind, count),
          upkeepGrants: () => upkeepGrants(upkeep),
          onJob: (queue, outcome, seconds) => metrics.jobFinished({ queue, outcome, seconds }),
          onJobStart: (queue, ms) => metrics.jobStarted(queue, ms / 1000),
          onCanary: (ms) => metrics.canary(ms / 1000, now()),
          reconcileEveryMs: options.reconcileEveryMs,
        });
        const notifier = schedules
          ? openNotifier(environment, {
              db,
              logger,
              now,
              random,
              onAttempt: (type, outcome, count) => metrics.notification(type, outcome, count),
            })
          : undefined;
        return {
          async stop(graceMs) {
            await workers.stop(graceMs);
            await notifier?.stop();
          },
        };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whoever removes a connection waits no longer for its webhook endpoints, in milliseconds. */
const GOODBYE_MS = 10_000;

/** Only where a collector is named. */
async function tracingOf(
  environment: Environment,
  owner: string,
  metrics: Metrics,
  logger: Logger,
): Promise<Tracing> {
  const endpoint = environment.otelEndpoint;
  if (endpoint === undefined) return noTracing;
  return openTracing({
    endpoint,
    process: {
      'service.version': version,
      'service.instance.id': owner,
      'sluice.role': environment.role,
    },
    logger,
    onExport: (outcome, spans) => metrics.traceExport(outcome, spans),
  });
}

/** Milliseconds for one statement beside a refresh. */
const GRANT_STATEMENT_MS = 5_000;

/** Sends notifications where the operator has named an address: his own, so that it may be private. */
function openNotifier(
  environment: Environment,
  parts: Omit<NotifyContext, 'fetch' | 'url' | 'key'>,
): Notifier {
  const { notifyUrl: url, notifySecret: key } = environment;
  if (url === undefined || key === undefined) return startSkipping(parts);
  const net = createGuardedFetch({ allowLoopback: true, allowHosts: [new URL(url).hostname] });
  const notifier = startNotifier({ ...parts, fetch: net.fetch, url, key });
  return {
    async stop() {
      await notifier.stop();
      await net.close();
    },
  };
}

/** Two commits and the small reads beside them. */
const INTAKE_CONNECTIONS = 4;

/** Processes that stay: they are members of the fleet from their start to their end. */
const staying: ReadonlySet<Environment['role']> = new Set(['start', 'web', 'worker', 'demo']);

interface OpenTokenCache {
  /** the buckets of the rate limiter, on the same connection */
  readonly turns: LimiterStore;
  readonly cache: TokenCache;
  /** where it lies on Postgres */
  readonly pool: Db['pool'] | undefined;
  close(): Promise<void>;
}

/** Connections of its own: work that is busy with others must not look like a token cache that is down. */
async function openTokenCache(
  redis: RedisSettings | undefined,
  databaseUrl: string,
  environment: Environment,
  logger: Logger,
): Promise<OpenTokenCache> {
  const onError = (error: Error): void => logger.warn({ err: error }, 'token cache connection');
  if (redis !== undefined) {
    // ioredis is loaded only where there is a Redis
    const { closeRedis, connectRedis } = await import('./store/redis.ts');
    const { createRedisCache } = await import('./auth/redis-cache.ts');
    const client = connectRedis(redis, { name: 'sluice tokens', onError });
    return {
      cache: createRedisCache({ client, prefix: redis.prefix }),
      turns: createRedisLimiterStore(client, redis.prefix),
      pool: undefined,
      close: () => closeRedis(client),
    };
  }
  const applicationName = `sluice ${environment.role} tokens`;
  const db = openDb({ url: databaseUrl, max: 3, applicationName, onError });
  return {
    cache: createPostgresCache({ pool: db.pool }),
    turns: createPostgresLimiterStore(db.pool),
    pool: db.pool,
    close: () => db.close(),
  };
}

/** Reserved for refreshes: a lock that waited for the main pool, or the other way round, could wait for ever. */
function openGrantPools(
  databaseUrl: string,
  environment: Environment,
  { logger, workers }: RuntimeOptions,
): { readonly locks: Db; readonly writes: Db; close(): Promise<void> } {
  const onError = (error: Error): void => logger.warn({ err: error }, 'grants connection');
  const applicationName = `sluice ${environment.role} grants`;
  const url = databaseUrl;
  const locks = openDb({ url, max: workers ? 4 : 2, applicationName, onError });
  const writes = openDb({ url, max: 2, applicationName, onError, queryTimeoutMs: GRANT_STATEMENT_MS });
  return {
    locks,
    writes,
    async close() {
      await locks.close();
      await writes.close();
    },
  };
}

function poolUse(pool: string, { totalCount, idleCount, waitingCount }: Db['pool']): PoolUse {
  return { pool, total: totalCount, idle: idleCount, waiting: waitingCount };
}

/** Returns the URL of the database to work on; an embedded server is attached to, or started. */
async function openDatabase(
  environment: Environment,
  options: RuntimeOptions,
  opened: (() => Promise<void>)[],
): Promise<string> {
  if (environment.databaseUrl !== undefined) return environment.databaseUrl;
  const server = await openEmbedded({
    dataDir: environment.dataDir,
    onTrouble: (error) => options.logger.error({ err: error }, 'embedded Postgres was lost'),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  opened.push(() => server.close());
  await migrateAll(server.url);
  return server.url;
}
