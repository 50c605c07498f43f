import { expect, test } from 'vitest';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { recordTokenEvent, type CountedTokenEvent } from '../../src/telemetry/token-metrics.ts';

const provider = 'lucca';
const events: readonly CountedTokenEvent[] = [
  { provider, type: 'hit', level: 'memory' },
  { provider, type: 'hit', level: 'memory' },
  { provider, type: 'hit', level: 'shared' },
  { provider, type: 'request', outcome: 'ok', ms: 200, cause: 'ahead' },
  { provider, type: 'request', outcome: 'token_endpoint_unavailable', ms: 30, cause: 'first' },
  { provider, type: 'failure_remembered', error: 'token_endpoint_unavailable' },
  { provider, type: 'lock_wait', ms: 1_500 },
  { provider, type: 'rejection', outcome: 'cooling' },
  { provider, type: 'served_old', error: 'token_endpoint_unavailable' },
  { provider, type: 'failure', error: 'token_endpoint_unavailable' },
  { provider, type: 'cache_down' },
];

test('hits by level, requests and their cause, lock waits, rejections and remembered failures are counted', async () => {
  const metrics = createMetrics();
  for (const event of events) recordTokenEvent(metrics, event);
  const { body } = await metrics.render();
  for (const line of [
    'sluice_token_events_total{event="served",level="memory"} 2',
    'sluice_token_events_total{event="served",level="shared"} 1',
    'sluice_token_events_total{event="requested",level="endpoint"} 2',
    'sluice_token_events_total{event="waited",level="shared"} 1',
    'sluice_token_events_total{event="rejected",level="shared"} 1',
    'sluice_token_events_total{event="remembered",level="shared"} 1',
    'sluice_token_events_total{event="served_old",level="memory"} 1',
    'sluice_token_events_total{event="failed",level="endpoint"} 1',
    'sluice_token_events_total{event="cache_down",level="shared"} 1',
    'sluice_token_requests_total{provider="lucca",cause="ahead",outcome="ok"} 1',
    'sluice_token_requests_total{provider="lucca",cause="first",outcome="token_endpoint_unavailable"} 1',
    'sluice_token_request_duration_seconds_count{provider="lucca"} 2',
    'sluice_token_lock_wait_seconds_sum 1.5',
    'sluice_token_rejections_total{provider="lucca",outcome="cooling"} 1',
    'sluice_token_failures_remembered_total{provider="lucca",error="token_endpoint_unavailable"} 1',
  ]) {
    expect(body.split('\n')).toContain(line);
  }
});
