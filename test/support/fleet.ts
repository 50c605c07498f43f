/** A database, the simulated Lucca, and workers of this process or of others: what tests of whole runs need. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import type { LuccaOptions, LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { loadEnvironment, parseConnection, type ConnectionInput } from '../../src/config/index.ts';
import type { ProviderDefinition } from '../../src/providers/contract.ts';
import { findProvider as findShipped } from '../../src/providers/registry.ts';
import { openRuntime, type Runtime } from '../../src/runtime.ts';
import { applyConnections } from '../../src/sync/apply.ts';
import { runView, type RunView } from '../../src/sync/history.ts';
import type { RunRequest } from '../../src/store/runs.ts';
import { testRedis, type TestRedis } from './backend.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { openInsight, type QueueInsight, type TokenInsight } from './insight.ts';
import { waitFor } from './wait.ts';

/** High enough that no test waits for it unless it means to. */
const NO_LIMIT = { requests: 1_000_000, windowSeconds: 60 };

export interface Fleet {
  readonly database: TestDatabase;
  readonly lucca: LuccaSandbox;
  readonly runtime: Runtime;
  /** what the queue's server holds, whichever it is */
  readonly queue: QueueInsight;
  /** the same of the shared token cache */
  readonly tokens: TokenInsight;
  /** environment for processes of this fleet */
  readonly env: Record<string, string>;
  connect(id: string, more?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Asks for a run and waits until it is over. */
  sync(connectionId: string, more?: Partial<RunRequest>): Promise<RunView>;
  ended(runId: string, timeoutMs?: number): Promise<RunView>;
  /** The mirror of a stream: record bodies by id, live ones only. */
  mirror(connectionId: string, stream: string): Promise<Map<string, unknown>>;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly lucca?: LuccaOptions;
  /** false: no worker in this process; others are started by the test */
  readonly workers?: boolean;
  /** log lines are collected here instead of being dropped */
  readonly log?: string[];
  /** providers of the test's own, besides those that come with Sluice */
  readonly providers?: readonly ProviderDefinition[];
  /** milliseconds for one request to a provider */
  readonly requestTimeoutMs?: number;
  /** stream jobs that this process works on at once; default 8 */
  readonly concurrency?: number;
  /** of a Redis of the test's own; default the run's, in projects that use one */
  readonly redisUrl?: string;
  /** milliseconds between two comparisons of runs and queue; default 30,000 */
  readonly reconcileEveryMs?: number;
  /** further variables of the environment */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const database = await createTestDatabase();
  const sandbox: Sandbox<'lucca'> = await startSandbox({
    providers: ['lucca'],
    lucca: { records: 40, limits: NO_LIMIT, ...options.lucca },
  });
  const redis: TestRedis | undefined = testRedis(options.redisUrl);
  const insight = openInsight(database, redis);
  const env = {
    DATABASE_URL: database.url,
    ...(redis === undefined ? {} : { REDIS_URL: redis.url, SLUICE_QUEUE_PREFIX: redis.prefix }),
    SLUICE_ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
    SLUICE_ALLOW_LOOPBACK: 'true',
    SLUICE_WORKER_CONCURRENCY: String(options.concurrency ?? 8),
    ...options.env,
  };
  const findProvider = (id: string): ProviderDefinition | undefined =>
    options.providers?.find((provider) => provider.id === id) ?? findShipped(id);
  const logger = pino(
    { level: options.log === undefined ? 'silent' : 'debug' },
    { write: (line: string) => void options.log?.push(line) },
  );
  const runtime = await openRuntime(loadEnvironment(env, { role: 'worker', cwd: process.cwd() }), {
    logger,
    workers: true,
    findProvider,
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
    ...(options.reconcileEveryMs === undefined ? {} : { reconcileEveryMs: options.reconcileEveryMs }),
  });
  const workers = options.workers === false ? undefined : await runtime.startWorkers({ schedules: false });
  const lucca = sandbox.providers.lucca;
  const inputs = new Map<string, ConnectionInput>();

  const ended = async (runId: string, timeoutMs = 20_000): Promise<RunView> =>
    waitFor(
      async () => {
        const run = await runView(runtime.db, runId);
        return run?.finishedAt === null ? undefined : run;
      },
      timeoutMs,
      async () => `run did not end: ${JSON.stringify(await runView(runtime.db, runId))}`,
    );

  return {
    database,
    lucca,
    runtime,
    queue: insight.queue,
    tokens: insight.tokens,
    env,
    ended,
    async connect(id, more = {}) {
      const parsed = parseConnection(id, {
        provider: 'lucca',
        settings: lucca.settings,
        credentials: lucca.credentials,
        endpoints: { token: lucca.urls.token, api: lucca.urls.api },
        schedule: 'manual',

        retry: { attempts: 3, baseDelay: '50ms', maxDelay: '200ms' },
        ...more,
        // no test waits for the provider's pace unless it means to
        limits: { requestsPerMinute: 1_000_000, ...(more.limits as object | undefined) },
      });
      if (parsed.connection === undefined) throw new Error(JSON.stringify(parsed.problems));
      inputs.set(id, parsed.connection);
      await applyConnections({ db: runtime.db, vault: runtime.vault, findProvider }, [...inputs.values()], {
        prune: false,
        dryRun: false,
        now: new Date(),
      });
    },
    async sync(connectionId, more = {}) {
      return ended(await runtime.jobs.askForRun({ connectionId, trigger: 'command', priority: 1, ...more }));
    },
    async mirror(connectionId, stream) {
      const result = await runtime.db.pool.query<{ record_id: string; data: unknown }>(
        `select record_id, data from sluice.records where connection_id = $1 and stream = $2 and deleted_at is null`,
        [connectionId, stream],
      );
      return new Map(result.rows.map((row) => [row.record_id, row.data]));
    },
    async close() {
      await workers?.stop(10_000);
      await runtime.close();
      insight.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

export { waitFor };

/** The source's truth in the same shape as `Fleet.mirror`: `links` are no data of a record and aren't mirrored. */
export function truth(lucca: LuccaSandbox, resource: string): Map<string, unknown> {
  return new Map(
    lucca.source.list(resource).map(({ links: _links, ...row }) => [String(row.id), row] as const),
  );
}
