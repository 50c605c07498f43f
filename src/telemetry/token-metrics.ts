/** Counts what the token service tells, and makes spans of its requests. */
import type { Metrics } from './metrics.ts';
import type { PastSpan } from './tracing.ts';

/** A token event as it is counted; structural, since telemetry stands below auth. */
export type CountedTokenEvent = { readonly provider: string } & (
  | { readonly type: 'hit'; readonly level: 'memory' | 'shared' }
  | { readonly type: 'request'; readonly outcome: string; readonly ms: number; readonly cause: string }
  | { readonly type: 'failure_remembered'; readonly error: string }
  | { readonly type: 'lock_wait'; readonly ms: number }
  | { readonly type: 'rejection'; readonly outcome: string }
  | { readonly type: 'served_old' | 'failure'; readonly error: string }
  | { readonly type: 'cache_down' }
);

type TokenMetrics = Pick<
  Metrics,
  'tokenEvent' | 'tokenRequested' | 'tokenLockWaited' | 'tokenRejected' | 'tokenFailureRemembered'
>;

export function recordTokenEvent(metrics: TokenMetrics, event: CountedTokenEvent): void {
  const { provider } = event;
  switch (event.type) {
    case 'hit':
      return metrics.tokenEvent('served', event.level);
    case 'served_old':
      return metrics.tokenEvent('served_old', 'memory');
    case 'request': {
      const { cause, outcome, ms } = event;
      metrics.tokenRequested({ provider, cause, outcome, seconds: ms / 1000 });
      return metrics.tokenEvent('requested', 'endpoint');
    }
    case 'lock_wait':
      metrics.tokenLockWaited(event.ms / 1000);
      return metrics.tokenEvent('waited', 'shared');
    case 'rejection':
      metrics.tokenRejected(provider, event.outcome);
      return metrics.tokenEvent('rejected', 'shared');
    case 'failure_remembered':
      metrics.tokenFailureRemembered(provider, event.error);
      return metrics.tokenEvent('remembered', 'shared');
    case 'failure':
      return metrics.tokenEvent('failed', 'endpoint');
    case 'cache_down':
      return metrics.tokenEvent('cache_down', 'shared');
  }
}

/** A request to a token endpoint that has just ended; `now` in epoch milliseconds. */
export function tokenSpan(
  event: Extract<CountedTokenEvent, { type: 'request' }> & { readonly connectionId: string },
  now: number,
): PastSpan {
  return {
    name: 'token request',
    kind: 'client',
    from: now - event.ms,
    to: now,
    attributes: {
      'sluice.connection.id': event.connectionId,
      'sluice.provider': event.provider,
      'sluice.token.cause': event.cause,
    },
    error: event.outcome === 'ok' ? undefined : event.outcome,
  };
}
