import { expect, test } from 'vitest';
import { isUsable, lifetimeOf, renewalDue } from '../../src/auth/lifetime.ts';
import { readRetryAfter } from '../../src/auth/retry-after.ts';

test.each([
  [3600, 3_600_000],
  ['3600', 3_600_000],
  [' 12.5 ', 12_500],
  [0.5, 500],
  [undefined, 1_800_000],
  [null, 1_800_000],
  ['', 1_800_000],
  ['soon', 1_800_000],
  [Number.NaN, 1_800_000],
  [{}, 1_800_000],
  [true, 1_800_000],
  [0, 0],
  ['0', 0],
  [-1, 0],
  [-Infinity, 0],
  [1e18, 2_592_000_000],
  [Infinity, 2_592_000_000],
  ['1e18', 2_592_000_000],
])('expires_in %j means %d ms', (expiresIn, ms) => {
  expect(lifetimeOf(expiresIn, 1800)).toBe(ms);
});

test('a token is usable until a minute, or a tenth of its life, before its end', () => {
  const hour = { obtainedAt: 0, expiresAt: 3_600_000 };
  expect(isUsable(hour, 3_539_999)).toBe(true);
  expect(isUsable(hour, 3_540_000)).toBe(false);
  const short = { obtainedAt: 0, expiresAt: 20_000 };
  expect(isUsable(short, 17_999)).toBe(true);
  expect(isUsable(short, 18_000)).toBe(false);
});

test('a caller can wish for a longer life; one that no token has counts as half of the lifetime', () => {
  const hour = { obtainedAt: 0, expiresAt: 3_600_000 };
  expect(isUsable(hour, 3_000_000, 600_000)).toBe(false);
  expect(isUsable(hour, 2_999_999, 600_000)).toBe(true);
  expect(isUsable(hour, 599_999, 3_000_000)).toBe(true);
  expect(isUsable(hour, 600_000, 3_000_000)).toBe(false);
  expect(isUsable(hour, 1_000, 7_200_000)).toBe(true);
  expect(isUsable(hour, 1_800_000, 7_200_000)).toBe(false);
});

test.each([
  ['120', 120_000],
  ['1.5', 1_500],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 60_000],
  ['0', undefined],
  ['-5', undefined],
  ['later', undefined],
  ['Wed, 31 Dec 1969 23:59:59 GMT', undefined],
  ['999999999999', 3_600_000],
])('Retry-After %s is %s ms after the epoch', (value, at) => {
  expect(readRetryAfter(new Headers({ 'retry-after': value }), 0)).toBe(at);
});

test('a token in use is renewed a skew before its skew; a short one at its skew', () => {
  expect(renewalDue({ obtainedAt: 0, expiresAt: 3_600_000 })).toBe(3_480_000);
  expect(renewalDue({ obtainedAt: 0, expiresAt: 300_000 })).toBe(240_000);
  expect(renewalDue({ obtainedAt: 0, expiresAt: 20_000 })).toBe(18_000);
});
