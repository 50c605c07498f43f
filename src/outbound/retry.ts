/**
 * The retry policy: one pure function from what happened to what happens next. A waiting job is delayed in the
 * queue; nothing here sleeps.
 */
import type { ErrorCode } from '../errors.ts';
import { SluiceError } from '../errors.ts';
import type { RetryPolicy } from '../providers/connection.ts';

/** A rate limit that names no end is asked again after this long, in milliseconds. */
const DEFAULT_RATE_WAIT_MS = 60_000;
/** Waits on rate limits count no attempt, so that they need an end of their own: this much in one run. */
export const MAX_TOTAL_WAIT_MS = 6 * 3_600_000;
/** A hint further away than this is taken as this: a provider's typing error must not park a job for years. */
const MAX_HINT_MS = 24 * 3_600_000;

export type RetryDecision =
  /** again at `delayMs` from now, a whole number; `countsAttempt` tells whether this delivery is spent */
  | {
      readonly action: 'wait';
      readonly delayMs: number;
      readonly countsAttempt: boolean;
      readonly reason: string;
    }
  /** over for this stream; `attention` tells whether the connection needs a person before any further call */
  | { readonly action: 'fail'; readonly attention: boolean; readonly reason: string };

export interface RetryState {
  /** deliveries that ended in a retryable failure, this one not counted */
  readonly attempts: number;
  /** milliseconds this stream has waited in this run without an attempt being counted */
  readonly waitedMs: number;
  readonly now: number;
  /** in [0, 1) */
  readonly random: number;
}

/** Codes that are waited out without spending an attempt, however they came about. */
const uncounted: ReadonlySet<ErrorCode> = new Set([
  'token_wait',
  'grant_replaced',
  'lease_busy',
  'lease_lost',
  'page_outdated',
  'shutdown',
]);

/** Failures that no repetition mends and that concern the connection as a whole. */
const attentionAtOnce: ReadonlySet<ErrorCode> = new Set([
  'token_client_rejected',
  'token_scope_rejected',
  'token_request_invalid',
  'issuer_metadata_invalid',
  'request_malformed',
  'endpoint_refused',
  'not_connected',
  'grant_rejected',
  'refresh_outcome_unknown',
]);

const needsConsent: ReadonlySet<string> = new Set<ErrorCode>([
  'not_connected',
  'grant_rejected',
  'refresh_outcome_unknown',
]);

/** The state in which an error leaves a connection that needs a person: one to connect it again, or one to look. */
export function stateFor(code: string): 'needs_reconnect' | 'needs_attention' {
  return needsConsent.has(code) ? 'needs_reconnect' : 'needs_attention';
}

/**
 * Exponential backoff with full jitter: a random delay below `min(cap, base * 2^attempts)`, never below `floorMs`.
 * All in milliseconds. See "Exponential Backoff And Jitter", AWS Architecture Blog.
 */
export function backoff(policy: RetryPolicy, attempts: number, random: number, floorMs = 0): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** Math.min(attempts, 40));
  return Math.max(Math.round(random * ceiling), floorMs);
}

/** What to do about an error that ended a delivery. */
export function decide(error: unknown, state: RetryState, policy: RetryPolicy): RetryDecision {
  if (!(error instanceof SluiceError)) return retryable(`unexpected error`, 0, state, policy, false);
  const { code, kind } = error;
  const hint = hintMs(error, state.now);
  if (uncounted.has(code)) {
    return { action: 'wait', delayMs: hint ?? 1_000, countsAttempt: false, reason: code };
  }
  if (attentionAtOnce.has(code)) return { action: 'fail', attention: true, reason: code };
  switch (kind) {
    case 'rate_limited':
    case 'transient':
      if (kind === 'rate_limited' || code === 'provider_not_ready') {
        if (state.waitedMs >= MAX_TOTAL_WAIT_MS) {
          return {
            action: 'fail',
            attention: false,
            reason: `${code}: waited ${hours(state.waitedMs)} in all`,
          };
        }
        return { action: 'wait', delayMs: hint ?? DEFAULT_RATE_WAIT_MS, countsAttempt: false, reason: code };
      }
      return retryable(code, hint ?? 0, state, policy, false);
    case 'auth':
      return retryable(code, hint ?? 0, state, policy, code === 'provider_unauthorized');
    case 'config':
    case 'data':
      return { action: 'fail', attention: false, reason: code };
  }
}

function retryable(
  reason: string,
  floorMs: number,
  state: RetryState,
  policy: RetryPolicy,
  attention: boolean,
): RetryDecision {
  if (state.attempts + 1 >= policy.attempts) {
    return { action: 'fail', attention, reason: `${reason}: ${policy.attempts} attempts spent` };
  }
  const delayMs = backoff(policy, state.attempts, state.random, floorMs);
  return { action: 'wait', delayMs, countsAttempt: true, reason };
}

function hintMs(error: SluiceError, now: number): number | undefined {
  const at = error.details.retryAt;
  if (typeof at !== 'number' || !Number.isFinite(at)) return undefined;
  // the queue's moments are whole milliseconds, a limiter's turns are not; never before the turn
  return Math.ceil(Math.min(Math.max(at - now, 0), MAX_HINT_MS));
}

function hours(ms: number): string {
  return `${(ms / 3_600_000).toFixed(1)} h`;
}
