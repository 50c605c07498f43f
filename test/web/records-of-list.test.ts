/** What a list says of a connection's records. */
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { Records } from '../../src/web/console/parts.tsx';

async function shown(records: Readonly<Record<string, number>>): Promise<string> {
  const page = await new Hono().get('/', (c) => c.html(Records({ records }))).request('/');
  return (await page.text()).replaceAll(/<[^>]*>/g, ' ');
}

it('names the largest streams, and how many others there are', async () => {
  expect(await shown({ a: 1, b: 20, c: 3, d: 40, e: 5, f: 6 })).toMatch(
    /^75 d 40, b 20, f 6, e 5, and 2 more streams/,
  );
});

it('names all where only one would be left out', async () => {
  expect(await shown({ a: 1, b: 2, c: 3, d: 4, e: 5 })).toMatch(/^15 e 5, d 4, c 3, b 2, a 1 *$/);
  expect(await shown({ a: 7 })).toMatch(/^7 a *$/);
});
