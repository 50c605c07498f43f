/** What `/metrics` exposes. */
import { describe, expect, test } from 'vitest';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { parseExposition, scrape } from './exposition.ts';

function used(): Metrics {
  const metrics = createMetrics({ keepMs: 0 });
  metrics.jobFinished({ queue: 'streams', outcome: 'done', seconds: 0.2 });
  metrics.runFinished({ provider: 'lucca', status: 'succeeded', seconds: 12 });
  metrics.recordsWritten('lucca', { added: 120, unchanged: 3, deleted: 0 });
  metrics.providerRequest({ provider: 'lucca', status: 429, seconds: 0.1 });
  metrics.providerRequest({ provider: 'lucca', status: null, seconds: 30 });
  metrics.tokenEvent('requested', 'endpoint');
  metrics.webhookEvent({ provider: 'lucca', outcome: 'stored' });
  metrics.watchQueues(async () => [{ queue: 'runs', state: 'waiting', jobs: 7 }]);
  metrics.watchPools(() => [{ pool: 'main', total: 10, idle: 4, waiting: 2 }]);
  return metrics;
}

describe('metrics', () => {
  test('are a valid exposition, and say so in the content type', async () => {
    const { contentType, body } = await used().render();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parseExposition(body).size).toBeGreaterThan(15);
  });

  test('count what is reported', async () => {
    const { value } = await scrape(used());
    expect(value('sluice_jobs_total', { queue: 'streams', outcome: 'done' })).toBe(1);
    expect(value('sluice_job_duration_seconds_sum', { queue: 'streams' })).toBeCloseTo(0.2);
    expect(value('sluice_job_duration_seconds_bucket', { queue: 'streams', le: '0.1' })).toBe(0);
    expect(value('sluice_job_duration_seconds_bucket', { queue: 'streams', le: '0.5' })).toBe(1);
    expect(value('sluice_runs_total', { provider: 'lucca', status: 'succeeded' })).toBe(1);
    expect(value('sluice_run_duration_seconds_count', { provider: 'lucca' })).toBe(1);
    expect(value('sluice_records_total', { provider: 'lucca', operation: 'added' })).toBe(120);
    expect(value('sluice_records_total', { provider: 'lucca', operation: 'deleted' })).toBeUndefined();
    expect(value('sluice_provider_requests_total', { provider: 'lucca', status: '4xx' })).toBe(1);
    expect(value('sluice_provider_requests_total', { provider: 'lucca', status: 'none' })).toBe(1);
    expect(value('sluice_webhooks_total', { provider: 'lucca', outcome: 'stored' })).toBe(1);
    expect(value('sluice_token_events_total', { event: 'requested', level: 'endpoint' })).toBe(1);
  });

  test('ask queues and pools at each scrape, and forget what is gone', async () => {
    const metrics = used();
    const first = await scrape(metrics);
    expect(first.value('sluice_queue_jobs', { queue: 'runs', state: 'waiting' })).toBe(7);
    expect(first.value('sluice_db_pool_connections', { pool: 'main', state: 'busy' })).toBe(6);
    expect(first.value('sluice_db_pool_waiting_callers', { pool: 'main' })).toBe(2);
    metrics.watchQueues(async () => [{ queue: 'streams', state: 'active', jobs: 1 }]);
    const second = await scrape(metrics);
    expect(second.value('sluice_queue_jobs', { queue: 'runs' })).toBeUndefined();
    expect(second.value('sluice_queue_jobs', { queue: 'streams', state: 'active' })).toBe(1);
  });

  test('a source that fails or hangs costs its own gauge only, and is counted', async () => {
    const metrics = createMetrics({ collectTimeoutMs: 20, keepMs: 0 });
    metrics.runFinished({ provider: 'lucca', status: 'failed', seconds: 1 });
    metrics.watchPools(() => {
      throw new Error('closed');
    });
    metrics.watchQueues(() => new Promise(() => {}));
    await scrape(metrics);
    metrics.watchQueues(async () => Promise.reject(new Error('redis is down')));
    await scrape(metrics);
    const { value } = await scrape(metrics);
    expect(value('sluice_runs_total', { status: 'failed' })).toBe(1);
    expect(value('sluice_queue_jobs')).toBeUndefined();
    expect(value('sluice_metrics_source_errors_total', { source: 'queues' })).toBeGreaterThanOrEqual(2);
    expect(value('sluice_metrics_source_errors_total', { source: 'pools' })).toBeGreaterThanOrEqual(2);
  });

  test('asks a source once for many scrapes, and never twice at a time', async () => {
    const metrics = createMetrics({ keepMs: 60_000 });
    let asked = 0;
    metrics.watchQueues(async () => {
      asked += 1;
      return [{ queue: 'runs', state: 'waiting', jobs: asked }];
    });
    const scrapes = await Promise.all([scrape(metrics), scrape(metrics)]);
    scrapes.push(await scrape(metrics));
    expect(asked).toBe(1);
    for (const { value } of scrapes) expect(value('sluice_queue_jobs', { queue: 'runs' })).toBe(1);
  });

  test('are named by one rule, and no label can grow with tenants or data', () => {
    const labels = new Set<string>();
    for (const metric of createMetrics().list()) {
      if (!metric.name.startsWith('sluice_')) {
        expect(metric.name).toMatch(/^(?:process|nodejs)_/);
        continue;
      }
      if (metric.type === 'counter') expect(metric.name).toMatch(/_total$/);
      else expect(metric.name).not.toMatch(/_total$/);
      if (metric.type === 'histogram') expect(metric.name).toMatch(/_seconds$/);
      for (const label of metric.labels) labels.add(label);
    }
    const bounded =
      'backend cause error event kind level node operation outcome pool provider queue reason role source state status type version';
    expect([...labels].toSorted()).toEqual(bounded.split(' '));
  });

  test('include the process and the lag of its event loop', async () => {
    const { families } = await scrape(createMetrics());
    expect(families.has('process_resident_memory_bytes')).toBe(true);
    expect(families.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });

  test('two registries of one process do not share a count', async () => {
    used();
    const { value } = await scrape(createMetrics());
    expect(value('sluice_jobs_total')).toBeUndefined();
  });
});
