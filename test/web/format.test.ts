/** Numbers and times as they are shown. */
import { expect, test } from 'vitest';
import { age, clock, count, duration, spanWords } from '../../src/web/format.ts';

const NOW = '2026-03-01T12:00:00.000Z';
const at = (seconds: number): string => new Date(Date.parse(NOW) + seconds * 1000).toISOString();

test.each([
  [-2, 'just now'],
  [2, 'now'],
  [-42, '42 s ago'],
  [-240, '4 min ago'],
  [-5300, '88 min ago'],
  [-7200, '2 h ago'],
  [-86_400 * 2, '2 days ago'],
  [240, 'in 4 min'],
  [86_400 * 2, 'in 2 days'],
])('%d seconds from now is %s', (seconds, text) => {
  expect(age(at(seconds), NOW)).toBe(text);
});

test.each([
  [-5, '0.0 s'],
  [420, '0.4 s'],
  [12_900, '12 s'],
  [60_000, '1 min'],
  [200_000, '3 min 20 s'],
  [3_900_000, '1 h 5 min'],
])('%d ms take %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [1, '1 second'],
  [59_001, '60 seconds'],
  [60_001, '2 minutes'],
  [900_000, '15 minutes'],
])('a wait of %d ms is %s', (ms, text) => {
  expect(spanWords(ms)).toBe(text);
});

test('counts are grouped, clocks are UTC, and what is no time is shown as it is', () => {
  expect(count(1_234_567)).toBe('1,234,567');
  expect(clock(NOW)).toBe('2026-03-01 12:00:00 UTC');
  expect([clock('soon'), age('soon', NOW)]).toEqual(['soon', 'soon']);
});
