/** The rate limits of the simulated Floriday: a bucket for each API key and endpoint. */

import { afterEach, beforeEach, expect, test } from 'vitest';

import { createRateLimiter } from '../../sandbox/floriday/limits.ts';
import { RESOURCES } from '../../sandbox/floriday/resources.ts';
import type { FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { accessOf, get } from './floriday-client.ts';
import type { Access } from './floriday-client.ts';

let time: number;
let sandbox: Sandbox<'floriday'>;
let floriday: FloridaySandbox;
let access: Access;
beforeEach(async () => {
  time = Date.UTC(2026, 8, 1);
  sandbox = await startSandbox({ providers: ['floriday'], records: 1, floriday: { now: () => time } });
  floriday = sandbox.providers.floriday;
  access = await accessOf(floriday);
});
afterEach(() => sandbox.close());

/** Calls an endpoint so often; returns how many calls each status had. */
async function call(path: string, times: number, own: Access = access): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  for (let left = times; left > 0; left -= 20) {
    const batch = Array.from({ length: Math.min(20, left) }, () => get(own, path));
    for (const { status } of await Promise.all(batch)) statuses[status] = (statuses[status] ?? 0) + 1;
  }
  return statuses;
}

test('trade items take 200 calls at once, then 2 a second', async () => {
  expect(await call('/trade-items/sync/0', 205)).toEqual({ 200: 200, 429: 5 });
  time += 499;
  expect(await call('/trade-items/sync/0', 1)).toEqual({ 429: 1 });
  time += 2001;
  expect(await call('/trade-items/sync/0', 10)).toEqual({ 200: 5, 429: 5 });
});

test('most endpoints take 1000 calls at once, then 3.4 a second', () => {
  const { maximum } = RESOURCES.suppliers.get('connections') ?? {};
  if (maximum === undefined || maximum === null) throw new Error('connections have no maximum');
  const limiter = createRateLimiter(floriday.limits, () => time);
  const taken = (times: number): number =>
    Array.from({ length: times }, () => limiter.take('key', maximum)).filter((waitMs) => waitMs === 0).length;
  expect(taken(1005)).toBe(1000);
  expect(limiter.take('key', maximum)).toBe(295);
  time += 10_000;
  expect(taken(40)).toBe(34);
});

test('each endpoint and each API key has a bucket of its own', async () => {
  expect(await call('/delivery-locations/sync/0', 201)).toEqual({ 200: 200, 429: 1 });
  expect(await call('/warehouses/sync/0', 1)).toEqual({ 200: 1 });
  const { url, apiKey } = floriday.addOrganization({ records: 1 });
  expect(await call('/delivery-locations/sync/0', 1, { ...access, url, apiKey })).toEqual({ 200: 1 });
});

test('a 429 is a problem document, and says when to come back only if told to', async () => {
  await call('/delivery-locations/sync/0', 200);
  const plain = await get(access, '/delivery-locations/sync/0');
  expect(plain.body).toMatchObject({ status: 429, title: expect.any(String) });
  expect(plain.headers.get('retry-after')).toBeNull();
  floriday.limits.retryAfter = 'seconds';
  expect((await get(access, '/delivery-locations/sync/0')).headers.get('retry-after')).toBe('1');
  floriday.limits.retryAfter = 'date';
  const date = (await get(access, '/delivery-locations/sync/0')).headers.get('retry-after') ?? '';
  expect(Date.parse(date)).toBe(time + 1000);
});

test('limits that are switched off let everything pass', async () => {
  floriday.limits.mode = 'off';
  expect(await call('/delivery-locations/sync/0', 220)).toEqual({ 200: 220 });
});
