import { describe, expect, it } from 'vitest';
import { catalogue, SluiceError, type ErrorCode, type ErrorKind } from '../../src/errors.ts';
import { backoff, decide, MAX_TOTAL_WAIT_MS, type RetryState } from '../../src/outbound/retry.ts';

const policy = { attempts: 5, baseDelayMs: 1_000, maxDelayMs: 60_000 };
const state: RetryState = { attempts: 0, waitedMs: 0, now: 1_000_000, random: 0.5 };
const codes = Object.keys(catalogue) as ErrorCode[];
const ofKind = (kind: ErrorKind): ErrorCode[] => codes.filter((code) => catalogue[code].kind === kind);
const error = (code: ErrorCode, details: Record<string, unknown> = {}): SluiceError =>
  new SluiceError(code, 'what happened', { details });

const WAITED_OUT: readonly ErrorCode[] = [
  'token_wait',
  'lease_busy',
  'lease_lost',
  'grant_replaced',
  'page_outdated',
  'shutdown',
];
const ATTENTION: readonly ErrorCode[] = [
  'token_client_rejected',
  'token_scope_rejected',
  'token_request_invalid',
  'issuer_metadata_invalid',
  'request_malformed',
  'endpoint_refused',
];

describe('backoff', () => {
  it('is a random part of min(cap, base * 2^attempts), from nothing to all of it', () => {
    for (let attempts = 0; attempts < 60; attempts += 1) {
      const ceiling = Math.min(60_000, 1_000 * 2 ** attempts);
      expect(backoff(policy, attempts, 0)).toBe(0);
      for (let draw = 0; draw < 50; draw += 1) {
        const delay = backoff(policy, attempts, Math.random());
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(ceiling);
      }
      expect(backoff(policy, attempts, 0.999_999)).toBeGreaterThan(ceiling * 0.99);
    }
  });

  it('spreads evenly: the mean is half of the ceiling', () => {
    const draws = Array.from({ length: 2_000 }, () => backoff(policy, 4, Math.random()));
    const mean = draws.reduce((sum, delay) => sum + delay, 0) / draws.length;
    expect(mean).toBeGreaterThan(7_000);
    expect(mean).toBeLessThan(9_000);
  });

  it('never goes below the floor, and above it only by chance', () => {
    expect(backoff(policy, 0, 0, 30_000)).toBe(30_000);
    expect(backoff(policy, 10, 0.999, 30_000)).toBeGreaterThan(30_000);
  });
});

describe('the retry decision', () => {
  const counted = [...ofKind('transient'), 'provider_forbidden', 'provider_unauthorized'] as ErrorCode[];
  it.each(counted.filter((code) => !WAITED_OUT.includes(code) && code !== 'provider_not_ready'))(
    '%s: waits with backoff, spends an attempt, and fails with the last one',
    (code) => {
      for (let attempts = 0; attempts < policy.attempts - 1; attempts += 1) {
        const decision = decide(error(code), { ...state, attempts, random: 0.5 }, policy);
        expect(decision).toEqual({
          action: 'wait',
          countsAttempt: true,
          delayMs: 500 * 2 ** attempts,
          reason: code,
        });
      }
      expect(decide(error(code), { ...state, attempts: 4 }, policy)).toEqual({
        action: 'fail',
        attention: code === 'provider_unauthorized',
        reason: `${code}: 5 attempts spent`,
      });
    },
  );

  it.each(['provider_unavailable', 'token_endpoint_unavailable', 'provider_unauthorized'] as const)(
    '%s: takes the provider at its word when it names a moment',
    (code) => {
      const hinted = error(code, { retryAt: state.now + 45_000 });
      expect(decide(hinted, { ...state, random: 0 }, policy)).toMatchObject({
        delayMs: 45_000,
        countsAttempt: true,
      });
    },
  );

  it.each(WAITED_OUT)('%s: is waited out without an attempt, however often', (code) => {
    expect(decide(error(code), { ...state, attempts: 4, waitedMs: 0 }, policy)).toEqual({
      action: 'wait',
      countsAttempt: false,
      delayMs: 1_000,
      reason: code,
    });
    expect(decide(error(code, { retryAt: state.now + 250 }), state, policy)).toMatchObject({ delayMs: 250 });
  });

  it.each([...ofKind('rate_limited'), 'provider_not_ready'] as ErrorCode[])(
    '%s: waits for the hint without an attempt, a minute without one, and not for ever',
    (code) => {
      const hinted = error(code, { retryAt: state.now + 7_000 });
      expect(decide(hinted, { ...state, attempts: 4 }, policy)).toEqual({
        action: 'wait',
        countsAttempt: false,
        delayMs: 7_000,
        reason: code,
      });
      expect(decide(error(code), state, policy)).toMatchObject({ delayMs: 60_000, countsAttempt: false });
      expect(decide(hinted, { ...state, waitedMs: MAX_TOTAL_WAIT_MS - 1 }, policy)).toMatchObject({
        action: 'wait',
      });
      expect(decide(hinted, { ...state, waitedMs: MAX_TOTAL_WAIT_MS }, policy)).toEqual({
        action: 'fail',
        attention: false,
        reason: `${code}: waited 6.0 h in all`,
      });
    },
  );

  it.each([...ofKind('config'), ...ofKind('data')])('%s: fails at once', (code) => {
    expect(decide(error(code, { retryAt: state.now + 1 }), state, policy)).toEqual({
      action: 'fail',
      attention: ATTENTION.includes(code),
      reason: code,
    });
  });

  it('treats what nobody foresaw as a hiccup that spends attempts', () => {
    expect(decide(new TypeError('oh'), state, policy)).toMatchObject({ action: 'wait', countsAttempt: true });
    expect(decide('oh', { ...state, attempts: 4 }, policy)).toMatchObject({
      action: 'fail',
      attention: false,
    });
  });

  it('waits whole milliseconds, to the first one that is no sooner than the hint', () => {
    const at = (retryAt: number) => decide(error('rate_paced', { retryAt }), state, policy);
    expect(at(state.now + 5_683.586)).toMatchObject({ delayMs: 5_684 });
    expect(at(state.now + 0.001)).toMatchObject({ delayMs: 1 });
    expect(at(state.now - 0.5)).toMatchObject({ delayMs: 0 });
  });

  it('is not led astray by a hint that is past, far away or no number', () => {
    const at = (retryAt: unknown) => decide(error('provider_rate_limited', { retryAt }), state, policy);
    expect(at(state.now - 5_000)).toMatchObject({ delayMs: 0 });
    expect(at(state.now + 1e15)).toMatchObject({ delayMs: 24 * 3_600_000 });
    for (const nonsense of [Number.NaN, Infinity, '2026', null])
      expect(at(nonsense)).toMatchObject({ delayMs: 60_000 });
  });
});
