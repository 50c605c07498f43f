import { expect, it } from 'vitest';
import { shownPath } from '../../src/outbound/request-trail.ts';

it.each([
  ['https://a.example/v1/employees', '/v1/employees'],
  ['https://a.example/v1/a%20b?limit=10&after=eyJzZWNyZXQi', '/v1/a%20b?limit=…&after=…'],
  ['https://user:password@a.example/v1?x=1#hash', '/v1?x=…'],
  ['https://a.example/v1?opaque-cursor', '/v1?…'],
  ['https://a.example/v1?opaque=cursor==&=nameless&empty=', '/v1?opaque=…&…&empty=…'],
  ['https://a.example/v1?', '/v1'],
  [`https://a.example/v1?${'n'.repeat(61)}=1`, '/v1?…'],
])('shows of %s no value of the query', (url, shown) => {
  expect(shownPath(url)).toBe(shown);
});

it('stays short, whatever a provider names as the next page', () => {
  const long = `https://a.example/${'p'.repeat(5_000)}?${'secret=1&'.repeat(5_000)}`;
  expect(shownPath(long).length).toBeLessThan(600);
  expect(shownPath(long)).not.toContain('1');
});
