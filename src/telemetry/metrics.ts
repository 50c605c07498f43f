/**
 * Every metric that Sluice exposes, in one registry. No label names a tenant, a connection or a record: their
 * number has no bound. `process_*` and `nodejs_*` keep the names that ready-made dashboards expect.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export interface QueueDepth {
  readonly queue: string;
  /** `waiting`, `active`, `delayed`, `failed` */
  readonly state: string;
  readonly jobs: number;
}

export interface PoolUse {
  readonly pool: string;
  /** open connections, of which `idle` wait for work */
  readonly total: number;
  readonly idle: number;
  /** callers that wait for a connection */
  readonly waiting: number;
}

interface RecordCounts {
  readonly added?: number;
  readonly updated?: number;
  readonly deleted?: number;
  readonly unchanged?: number;
  readonly rejected?: number;
}

/** Where a token came from, or what happened to it. */
type TokenEvent =
  'served' | 'served_old' | 'requested' | 'rejected' | 'failed' | 'waited' | 'remembered' | 'cache_down';
/** The cache level that answered; `endpoint` is the provider. */
type TokenLevel = 'memory' | 'shared' | 'endpoint';

export interface Metrics {
  /** One delivery of a job. `outcome`: `done`, `wait` or `failed`. */
  jobFinished(job: { queue: string; outcome: string; seconds: number }): void;
  /** One run that is over, with its final status. */
  runFinished(run: { provider: string; status: string; seconds: number }): void;
  /** What one committed page did. */
  recordsWritten(provider: string, counts: RecordCounts): void;
  /** One request for data; `status` null where no answer came. */
  providerRequest(request: { provider: string; status: number | null; seconds: number }): void;
  /** What retention deleted: `runs`, `changes` or `rejected`. */
  historyDeleted(kind: string, count: number): void;
  tokenEvent(event: TokenEvent, level: TokenLevel): void;
  /** One request to a token endpoint, with why it was sent and how it ended: `ok` or an error code. */
  tokenRequested(request: { provider: string; cause: string; outcome: string; seconds: number }): void;
  /** A wait for another process that held the lock. */
  tokenLockWaited(seconds: number): void;
  /** A 401 that a caller reported, and what it led to. */
  tokenRejected(provider: string, outcome: string): void;
  /** From now on the fleet leaves the token endpoint alone for a while. */
  tokenFailureRemembered(provider: string, error: string): void;
  /** One delivery at the intake, or one event that is over. */
  webhookEvent(event: { provider: string; outcome: string }): void;
  /** Asked at each scrape; a source that fails or is slow leaves its gauge out and is counted. */
  watchQueues(source: () => Promise<readonly QueueDepth[]>): void;
  watchPools(source: () => readonly PoolUse[]): void;
  /** The Prometheus text exposition format 0.0.4. */
  render(): Promise<{ contentType: string; body: string }>;
}

export interface MetricsOptions {
  /** milliseconds that a scrape waits for a source [2000] */
  readonly collectTimeoutMs?: number;
}

const JOB_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const RUN_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 14_400];
const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const collectTimeoutMs = options.collectTimeoutMs ?? 2000;
  let queues: (() => Promise<readonly QueueDepth[]>) | undefined;
  let pools: (() => readonly PoolUse[]) | undefined;
  collectDefaultMetrics({ register: registry });

  const jobs = new Counter({
    name: 'sluice_jobs_total',
    help: 'Deliveries of jobs that ended, by queue and outcome.',
    labelNames: ['queue', 'outcome'],
    registers,
  });
  const jobSeconds = new Histogram({
    name: 'sluice_job_duration_seconds',
    help: 'Time that one delivery of a job held a worker slot.',
    labelNames: ['queue', 'outcome'],
    buckets: JOB_SECONDS,
    registers,
  });
  const runs = new Counter({
    name: 'sluice_runs_total',
    help: 'Runs that ended, by provider and final status.',
    labelNames: ['provider', 'status'],
    registers,
  });
  const runSeconds = new Histogram({
    name: 'sluice_run_duration_seconds',
    help: 'Time from the start of a run to its end, waits included.',
    labelNames: ['provider'],
    buckets: RUN_SECONDS,
    registers,
  });
  const records = new Counter({
    name: 'sluice_records_total',
    help: 'Records handled by committed pages, by provider and operation.',
    labelNames: ['provider', 'operation'],
    registers,
  });
  const webhooks = new Counter({
    name: 'sluice_webhooks_total',
    help: 'Deliveries at the intake (stored, duplicate, refused, unavailable) and events that ended, by provider.',
    labelNames: ['provider', 'outcome'],
    registers,
  });
  const requests = new Counter({
    name: 'sluice_provider_requests_total',
    help: 'Requests for data, by provider and class of the status (2xx to 5xx, or none).',
    labelNames: ['provider', 'status'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'sluice_provider_request_duration_seconds',
    help: 'Time of one request for data, body included.',
    labelNames: ['provider'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  const tokens = new Counter({
    name: 'sluice_token_events_total',
    help: 'What happened to access tokens, by event and by the level that it happened at.',
    labelNames: ['event', 'level'],
    registers,
  });
  const history = new Counter({
    name: 'sluice_history_deleted_total',
    help: 'Rows of history that were older than their connection keeps them, by kind: runs, changes, rejected.',
    labelNames: ['kind'],
    registers,
  });
  const tokenRequests = new Counter({
    name: 'sluice_token_requests_total',
    help: 'Requests to token endpoints, by cause (first, expired, ahead, min_life, rejected) and outcome (ok or an error code).',
    labelNames: ['provider', 'cause', 'outcome'],
    registers,
  });
  const tokenRequestSeconds = new Histogram({
    name: 'sluice_token_request_duration_seconds',
    help: 'Time of one request to a token endpoint, discovery included.',
    labelNames: ['provider'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  const tokenLockSeconds = new Histogram({
    name: 'sluice_token_lock_wait_seconds',
    help: 'Time that a caller waited for the token request of another process.',
    buckets: REQUEST_SECONDS,
    registers,
  });
  const tokenRejections = new Counter({
    name: 'sluice_token_rejections_total',
    help: 'Access tokens that a provider answered with 401, by what followed (replaced, newer, gone, cooling).',
    labelNames: ['provider', 'outcome'],
    registers,
  });
  const tokenFailures = new Counter({
    name: 'sluice_token_failures_remembered_total',
    help: 'Failures of token endpoints that the fleet remembers, so that it does not ask again at once, by error code.',
    labelNames: ['provider', 'error'],
    registers,
  });
  const sourceErrors = new Counter({
    name: 'sluice_metrics_source_errors_total',
    help: 'Scrapes in which a gauge was left out because its source failed or was slow.',
    labelNames: ['source'],
    registers,
  });
  const poolUse = (): readonly PoolUse[] => {
    try {
      return pools?.() ?? [];
    } catch {
      sourceErrors.inc({ source: 'pools' });
      return [];
    }
  };
  registry.registerMetric(
    new Gauge({
      name: 'sluice_queue_jobs',
      help: 'Jobs in a queue at this moment, by state.',
      labelNames: ['queue', 'state'],
      registers: [],
      async collect() {
        const depths = await within(queues ?? (async () => []), collectTimeoutMs).catch(() => {
          sourceErrors.inc({ source: 'queues' });
          return [];
        });
        this.reset();
        for (const depth of depths) this.set({ queue: depth.queue, state: depth.state }, depth.jobs);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_db_pool_connections',
      help: 'Open database connections of this process, by pool and state.',
      labelNames: ['pool', 'state'],
      registers: [],
      collect() {
        this.reset();
        for (const use of poolUse()) {
          this.set({ pool: use.pool, state: 'busy' }, use.total - use.idle);
          this.set({ pool: use.pool, state: 'idle' }, use.idle);
        }
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_db_pool_waiting_callers',
      help: 'Callers of this process that wait for a database connection, by pool.',
      labelNames: ['pool'],
      registers: [],
      collect() {
        this.reset();
        for (const use of poolUse()) this.set({ pool: use.pool }, use.waiting);
      },
    }),
  );

  return {
    jobFinished({ queue, outcome, seconds }) {
      jobs.inc({ queue, outcome });
      jobSeconds.observe({ queue, outcome }, seconds);
    },
    runFinished({ provider, status, seconds }) {
      runs.inc({ provider, status });
      runSeconds.observe({ provider }, seconds);
    },
    recordsWritten(provider, counts) {
      for (const operation of ['added', 'updated', 'deleted', 'unchanged', 'rejected'] as const) {
        const count = counts[operation] ?? 0;
        if (count > 0) records.inc({ provider, operation }, count);
      }
    },
    providerRequest({ provider, status, seconds }) {
      requests.inc({ provider, status: status === null ? 'none' : `${Math.trunc(status / 100)}xx` });
      requestSeconds.observe({ provider }, seconds);
    },
    historyDeleted: (kind, count) => history.inc({ kind }, count),
    webhookEvent: (event) => webhooks.inc(event),
    tokenEvent: (event, level) => tokens.inc({ event, level }),
    tokenRequested({ provider, cause, outcome, seconds }) {
      tokenRequests.inc({ provider, cause, outcome });
      tokenRequestSeconds.observe({ provider }, seconds);
    },
    tokenLockWaited: (seconds) => tokenLockSeconds.observe(seconds),
    tokenRejected: (provider, outcome) => tokenRejections.inc({ provider, outcome }),
    tokenFailureRemembered: (provider, error) => tokenFailures.inc({ provider, error }),
    watchQueues(source) {
      queues = source;
    },
    watchPools(source) {
      pools = source;
    },
    async render() {
      // prom-client writes `Nan` (two scrapes within one event loop sample); the format's word is `NaN`
      const body = (await registry.metrics()).replaceAll(/ Nan$/gm, ' NaN');
      return { contentType: registry.contentType, body };
    },
  };
}

/** The source's answer, or a rejection after `ms`: one hanging queue must not cost the whole scrape. */
async function within<T>(source: () => Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([source(), late]);
  } finally {
    clearTimeout(timer);
  }
}
