/** What is counted and measured as it happens: counters and histograms, one function for each thing that is told. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

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

export interface Recorder {
  /** One delivery of a job. `outcome`: `done`, `waiting` or `error`. */
  jobFinished(job: { queue: string; outcome: string; seconds: number }): void;
  /** A job began for the first time, so long after it was put into the queue. */
  jobStarted(queue: string, waitedSeconds: number): void;
  /** The canary went through the queue at `at` (epoch milliseconds), this much late. */
  canary(lateSeconds: number, at: number): void;
  /** One run that is over, with its final status. */
  runFinished(run: { provider: string; status: string; seconds: number }): void;
  /** A delivery of a stream that ended in an error: for good, or for now. */
  streamTrouble(trouble: { provider: string; kind: string; ends: boolean }): void;
  /** What one committed page did. */
  recordsWritten(provider: string, counts: RecordCounts): void;
  /** One request for data; `status` null where no answer came. */
  providerRequest(request: { provider: string; status: number | null; seconds: number }): void;
  /** A request waited in place for its turn under a limit. */
  limiterWaited(provider: string, seconds: number): void;
  /** A request's turn was too far away to wait for: its job was put off. */
  limiterDeferred(provider: string): void;
  /** The shared buckets didn't answer; this process kept the pace alone. */
  limiterAlone(): void;
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
  /** A delivery that was refused, with the reason that its sender isn't told. */
  webhookRefused(provider: string, reason: string): void;
  /** An event is over, so long after it was received. */
  webhookAged(provider: string, seconds: number): void;
  /** One attempt to deliver a notification: `sent`, `retried` or `failed`; or so many that were `skipped`. */
  notification(type: string, outcome: string, count?: number): void;
  /** One batch of spans: `ok` or `failed`. */
  traceExport(outcome: 'ok' | 'failed', spans: number): void;
}

const JOB_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const QUEUE_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600];
const RUN_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 14_400];
const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const AGE_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 3600, 86_400];

export function createRecorder(registry: Registry): Recorder {
  const registers = [registry];

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
  const queueWait = new Histogram({
    name: 'sluice_job_queue_wait_seconds',
    help: 'Time from putting a job into the queue to its first start; waits that were meant are left out.',
    labelNames: ['queue'],
    buckets: QUEUE_SECONDS,
    registers,
  });
  const canaryDelay = new Histogram({
    name: 'sluice_canary_delay_seconds',
    help: 'Time from the moment at which the canary job was due to its start, through the real queue.',
    buckets: QUEUE_SECONDS,
    registers,
  });
  const canarySeen = new Gauge({
    name: 'sluice_canary_last_run_timestamp_seconds',
    help: 'When this process carried out the canary job last, as a Unix time; 0 before that. Take the max of the fleet.',
    registers,
  });
  const streamFailures = new Counter({
    name: 'sluice_stream_failures_total',
    help: 'Streams that failed for good in their run, by provider and kind of the error.',
    labelNames: ['provider', 'kind'],
    registers,
  });
  const streamWaits = new Counter({
    name: 'sluice_stream_waits_total',
    help: 'Deliveries of streams that ended in a wait before another attempt, by provider and kind of the error.',
    labelNames: ['provider', 'kind'],
    registers,
  });
  const limiterWaits = new Histogram({
    name: 'sluice_limiter_wait_seconds',
    help: 'Time that a request waited in place for its turn under a rate limit.',
    labelNames: ['provider'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  const limiterDeferrals = new Counter({
    name: 'sluice_limiter_deferrals_total',
    help: 'Requests whose turn was too far away to wait for in place, so that their job was put off.',
    labelNames: ['provider'],
    registers,
  });
  const limiterFallbacks = new Counter({
    name: 'sluice_limiter_fallbacks_total',
    help: 'Turns that this process kept alone, since the shared buckets did not answer.',
    registers,
  });
  const refusals = new Counter({
    name: 'sluice_webhooks_refused_total',
    help: 'Deliveries that the intake refused, by reason: unknown_connection, signature (or its time), challenge.',
    labelNames: ['provider', 'reason'],
    registers,
  });
  const webhookAge = new Histogram({
    name: 'sluice_webhook_age_seconds',
    help: 'Time from the receipt of an event to the end of its processing.',
    labelNames: ['provider'],
    buckets: AGE_SECONDS,
    registers,
  });
  const notifications = new Counter({
    name: 'sluice_notifications_total',
    help: 'Attempts to deliver a notification, by its type and outcome: sent, retried, failed (given up); and skipped ones.',
    labelNames: ['type', 'outcome'],
    registers,
  });
  const spans = new Counter({
    name: 'sluice_trace_spans_total',
    help: 'Spans that were handed to the collector, by outcome: ok or failed (lost).',
    labelNames: ['outcome'],
    registers,
  });

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
    jobStarted: (queue, waitedSeconds) => queueWait.observe({ queue }, Math.max(0, waitedSeconds)),
    canary(lateSeconds, at) {
      canaryDelay.observe(Math.max(0, lateSeconds));
      canarySeen.set(at / 1000);
    },
    streamTrouble: ({ provider, kind, ends }) =>
      (ends ? streamFailures : streamWaits).inc({ provider, kind }),
    limiterWaited: (provider, seconds) => limiterWaits.observe({ provider }, seconds),
    limiterDeferred: (provider) => limiterDeferrals.inc({ provider }),
    limiterAlone: () => limiterFallbacks.inc(),
    webhookRefused: (provider, reason) => refusals.inc({ provider, reason }),
    webhookAged: (provider, seconds) => webhookAge.observe({ provider }, Math.max(0, seconds)),
    notification: (type, outcome, count = 1) => notifications.inc({ type, outcome }, count),
    traceExport: (outcome, count) => spans.inc({ outcome }, count),
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
  };
}
