/** What `/metrics` says of a fleet that works, and of one whose database stands still. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { openFleetState } from '../../src/store/fleet-state.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { luccaEvent, send, startIntake, WEBHOOK_SECRET, type TestIntake } from '../support/webhooks.ts';
import { scrape, type Scrape } from './exposition.ts';

describe('the metrics of a fleet', () => {
  let fleet: Fleet;
  let intake: TestIntake;
  beforeAll(async () => {
    fleet = await startFleet();
    const credentials = { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET };
    await fleet.connect('acme', { credentials, streams: ['employees'], schedule: 'every 1h' });
    intake = await startIntake(fleet.runtime);
  });
  afterAll(async () => {
    await intake.close();
    await fleet.close();
  });
  /** Asks until it is true, since gauges are kept for a moment. */
  const scraped = (isThere: (found: Scrape) => boolean): Promise<Scrape> =>
    waitFor(
      async () => {
        const found = await scrape(fleet.runtime.metrics);
        return isThere(found) ? found : undefined;
      },
      15_000,
      async () => (await fleet.runtime.metrics.render()).body,
    );

  it('move with a run: jobs, queue time, requests, tokens, records, runs', async () => {
    expect((await fleet.sync('acme')).status).toBe('succeeded');
    const { value } = await scraped(
      (found) => found.value('sluice_connections_last_run', { status: 'succeeded' }) === 1,
    );
    const lucca = { provider: 'lucca' };
    expect(value('sluice_jobs_total', { queue: 'streams', outcome: 'done' })).toBe(1);
    expect(value('sluice_job_queue_wait_seconds_count', { queue: 'streams' })).toBe(1);
    expect(value('sluice_job_queue_wait_seconds_count', { queue: 'runs' })).toBe(1);
    expect(value('sluice_job_queue_wait_seconds_sum', { queue: 'runs' })).toBeLessThan(60);
    expect(value('sluice_runs_total', { ...lucca, status: 'succeeded' })).toBe(1);
    expect(value('sluice_records_total', { ...lucca, operation: 'added' })).toBe(40);
    expect(value('sluice_provider_requests_total', { ...lucca, status: '2xx' })).toBeGreaterThan(0);
    expect(value('sluice_token_requests_total', { ...lucca, outcome: 'ok' })).toBe(1);
    expect(value('sluice_connections', { ...lucca, state: 'active' })).toBe(1);
    expect(value('sluice_freshness_oldest_seconds', lucca)).toBeLessThan(600);
    expect(value('sluice_fleet_processes', { role: 'worker' })).toBe(1);
    expect(value('sluice_build_info', { role: 'worker', backend: 'postgres' })).toBe(1);
    expect(Math.abs(value('sluice_clock_skew_seconds') ?? 99)).toBeLessThan(5);
    for (const pool of ['main', 'queue', 'tokens', 'grant_locks', 'grant_writes', 'intake'])
      expect(value('sluice_db_pool_waiting_callers', { pool }), pool).toBeDefined();
  });

  it('tell a failure by its kind, and what waits behind it', async () => {
    await fleet.connect('broken', { streams: ['employees'], schedule: 'every 1h' });
    fleet.lucca.faults.add({ kind: 'status', path: '*/employees', status: 500, times: Infinity });
    expect((await fleet.sync('broken')).status).toBe('failed');
    fleet.lucca.faults.clear();
    const { value } = await scraped(
      (found) => found.value('sluice_connections_last_run', { status: 'failed' }) === 1,
    );
    const transient = { provider: 'lucca', kind: 'transient' };
    expect(value('sluice_stream_waits_total', transient)).toBeGreaterThan(0);
    expect(value('sluice_stream_failures_total', transient)).toBe(1);
    expect(value('sluice_provider_requests_total', { provider: 'lucca', status: '5xx' })).toBeGreaterThan(0);
  });

  it('follow a webhook from its refusal or receipt to its end', async () => {
    const body = luccaEvent({ topic: 'employee.updated', data: { id: '1' } });
    expect((await send(`${intake.url}/acme`, body, { secret: 'x'.repeat(64) })).status).toBe(401);
    expect((await send(`${intake.url}/nobody`, body)).status).toBe(401);
    expect((await send(`${intake.url}/acme`, body)).status).toBe(200);
    const { value } = await scraped(
      (found) => found.value('sluice_webhook_age_seconds_count', { provider: 'lucca' }) === 1,
    );
    expect(value('sluice_webhooks_refused_total', { provider: 'lucca', reason: 'signature' })).toBe(1);
    expect(value('sluice_webhooks_refused_total', { reason: 'unknown_connection' })).toBe(1);
    expect(value('sluice_webhooks_total', { provider: 'lucca', outcome: 'stored' })).toBe(1);
  });

  it('show what is due and is not taken, and how long it has waited', async () => {
    const { pool } = fleet.runtime.db;
    await pool.query(
      `update sluice.connections set next_run_at = now() - interval '10 minutes' where id = 'acme'`,
    );
    await pool.query(
      `insert into sluice.runs (id, connection_id, slot, trigger, enqueued_at)
       values ('stuck', 'gone', 'active', 'command', now() - interval '5 minutes')`,
    );
    const { value } = await scraped((found) => (found.value('sluice_schedule_late_seconds') ?? 0) > 500);
    expect(value('sluice_schedule_late_seconds')).toBeLessThan(3_600);
    expect(value('sluice_oldest_waiting_seconds', { queue: 'runs' })).toBeGreaterThan(290);
    expect(value('sluice_oldest_waiting_seconds', { queue: 'streams' })).toBe(0);
    expect(value('sluice_runs_open', { status: 'queued' })).toBe(1);
    await pool.query(`delete from sluice.runs where id = 'stuck'`);
  });

  it('answer without what a locked database would tell, and count that', async () => {
    const state = openFleetState({
      url: fleet.runtime.databaseUrl,
      applicationName: 'test',
      now: Date.now,
      onError: () => undefined,
    });
    const metrics = createMetrics({ keepMs: 0 });
    metrics.watchState(() => state.read());
    metrics.runFinished({ provider: 'lucca', status: 'held', seconds: 1 });
    expect((await scrape(metrics)).value('sluice_connections', { provider: 'lucca' })).toBe(2);
    await fleet.runtime.db.tx(async (client) => {
      await client.query('lock table sluice.connections in access exclusive mode');
      const { value } = await scrape(metrics);
      expect(value('sluice_connections', { provider: 'lucca' })).toBeUndefined();
      expect(value('sluice_clock_skew_seconds')).toBeNaN();
      expect(value('sluice_runs_total', { status: 'held' })).toBe(1);
      expect(value('sluice_metrics_source_errors_total', { source: 'state' })).toBe(1);
    });
    await waitFor(
      async () => ((await scrape(metrics)).value('sluice_connections') === undefined ? undefined : true),
      10_000,
    );
    await state.close();
  }, 60_000);
});
