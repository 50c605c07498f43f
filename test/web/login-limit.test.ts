/** Counting attempts in bounded memory. */
import { expect, test } from 'vitest';
import { createLoginLimiter } from '../../src/web/login-limit.ts';

test('however many clients try, only so many are remembered', () => {
  const limiter = createLoginLimiter(() => 0, { maxClients: 3, perClient: 1, total: 1000 });
  for (const client of ['a', 'b', 'c']) expect(limiter.take(client)).toBe(0);
  expect(limiter.take('a')).toBeGreaterThan(0);
  limiter.take('d');
  expect(limiter.take('a')).toBe(0);
  expect(limiter.take('c')).toBeGreaterThan(0);
});

test('refused attempts do not lengthen the wait', () => {
  let now = 0;
  const limiter = createLoginLimiter(() => now, { perClient: 1, perClientWindowMs: 100 });
  limiter.take('a');
  now = 99;
  expect(limiter.take('a')).toBe(1);
  now = 100;
  expect(limiter.take('a')).toBe(0);
});
