/** The data of the simulated Floriday: every resource of both APIs, the same for a seed, and the edits that a test makes. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { RESOURCES } from '../../sandbox/floriday/resources.ts';
import type { FloridayOrganization, FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { accessOf, get, send } from './floriday-client.ts';
import type { Access } from './floriday-client.ts';

let sandbox: Sandbox<'floriday'>;
let floriday: FloridaySandbox;
let access: Access;
let buyer: FloridayOrganization;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['floriday'], records: 80, limits: 'off', controlPort: 0 });
  floriday = sandbox.providers.floriday;
  access = await accessOf(floriday);
  buyer = floriday.addOrganization({ api: 'customers', records: 80 });
});
afterAll(() => sandbox.close());

test.each([
  ['suppliers', 39],
  ['customers', 29],
] as const)('every resource of the %s API answers with whole records', async (api, count) => {
  const own = api === 'suppliers' ? access : { ...access, url: buyer.url, apiKey: buyer.apiKey };
  const source = api === 'suppliers' ? floriday.source : buyer.source;
  expect(RESOURCES[api].size).toBe(count);
  for (const resource of RESOURCES[api].values()) {
    const supplier = source.list(resource.name)[0]?.['supplierOrganizationId'];
    const needs = resource.parameters.some(({ isRequired }) => isRequired);
    const query = `?${resource.pageSize.parameter}=100${needs ? `&supplierOrganizationId=${String(supplier)}` : ''}`;
    const { status, body } = await get(own, `/${resource.sync.path}/0${query}`);
    expect([resource.name, status]).toEqual([resource.name, 200]);
    expect(body.results.length).toBeGreaterThan(0);
    const required = resource.fields.filter(({ isOptional }) => !isOptional);
    const missing = required.filter(({ name }) =>
      body.results.some((record: any) => record[name] === undefined),
    );
    expect([resource.name, missing]).toEqual([resource.name, []]);
    if (resource.maximum === null) continue;
    const maximum = await get(own, `/${resource.maximum.path}`);
    expect(maximum.body).toBeGreaterThanOrEqual(body.maximumSequenceNumber);
  }
});

test('the same seed gives the same records, on any port; another seed gives others', async () => {
  const start = (seed: number) => startSandbox({ providers: ['floriday'], seed, records: 80 });
  const [same, other] = await Promise.all([start(1), start(2)]);
  try {
    const items = floriday.source.list('sales-orders');
    expect(same.providers.floriday.source.list('sales-orders')).toEqual(items);
    expect(same.providers.floriday.credentials).toEqual(floriday.credentials);
    expect(other.providers.floriday.source.list('sales-orders')[0]?.id).not.toBe(items[0]?.id);
    expect(other.providers.floriday.credentials.apiKey).not.toBe(floriday.credentials.apiKey);
  } finally {
    await Promise.all([same.close(), other.close()]);
  }
});

test('sizes are those that were asked for, and 100,000 trade items are there at once', async () => {
  const records = { 'trade-items': 100_000, batches: 7, connections: 0 };
  const own = await startSandbox({ providers: ['floriday'], floriday: { records } });
  try {
    const { source } = own.providers.floriday;
    expect(source.count('trade-items')).toBe(100_000);
    expect(source.list('batches')).toHaveLength(7);
    expect(source.count('connections')).toBe(0);
  } finally {
    await own.close();
  }
  const unknown = { providers: ['floriday'] as const, floriday: { records: { roses: 1 } } };
  await expect(startSandbox(unknown)).rejects.toThrow("no resource 'roses'");
});

test('a reference leads to a record that exists', () => {
  const orders = floriday.source.list('sales-orders').slice(0, 30);
  for (const order of orders) {
    expect(floriday.source.get('trade-items', String(order['tradeItemId']))).toBeDefined();
    expect(floriday.source.get('organizations', String(order['customerOrganizationId']))).toBeDefined();
    const { value } = order['pricePerPiece'] as { value: number };
    const { orderAmount } = order['calculatedFields'] as { orderAmount: { value: number } };
    expect(orderAmount.value).toBeCloseTo(value * Number(order['numberOfPieces']), 2);
  }
});

describe('an edit', () => {
  test('changes a record, its time and its number', () => {
    const before = floriday.source.list('batches')[3];
    const after = floriday.source.update('batches', before?.id ?? '', { customReference: '4711' });
    expect(after).toMatchObject({ batchId: before?.id, customReference: '4711' });
    expect(after['sequenceNumber']).toBeGreaterThan(Number(before?.['sequenceNumber']));
  });

  test('removes a record, and brings it back under its id', () => {
    const id = floriday.source.list('trade-items')[5]?.id ?? '';
    const count = floriday.source.count('trade-items');
    floriday.source.remove('trade-items', id);
    expect(floriday.source.get('trade-items', id)).toBeUndefined();
    expect(() => floriday.source.update('trade-items', id, {})).toThrow('has the id');
    expect(floriday.source.count('trade-items')).toBe(count - 1);
    const back = floriday.source.insert('trade-items', { id });
    expect(back).toMatchObject({ tradeItemId: id, isDeleted: false });
    expect(floriday.source.count('trade-items')).toBe(count);
  });

  test('gives no id twice', () => {
    const { created } = floriday.source.edit({ resource: 'base-items', creates: 3 });
    for (const id of created) floriday.source.remove('base-items', id);
    const again = floriday.source.edit({ resource: 'base-items', creates: 3 }).created;
    expect(again.filter((id) => created.includes(id))).toEqual([]);
  });

  test('resizes a resource', () => {
    floriday.source.resize('warehouses', 25);
    expect(floriday.source.list('warehouses')).toHaveLength(25);
    floriday.source.resize('warehouses', 4);
    expect(floriday.source.list('warehouses')).toHaveLength(4);
  });

  test('that asks for more than there is changes nothing', () => {
    const before = floriday.source.list('collections');
    expect(() => floriday.source.edit({ resource: 'collections', updates: 500 })).toThrow('too few');
    expect(floriday.source.list('collections')).toEqual(before);
  });
});

test('another process steers it', async () => {
  const post = (command: string, body: unknown) =>
    send(`${sandbox.control}/_sandbox/floriday/${command}`, { method: 'POST', body: JSON.stringify(body) });
  const added = (await post('organizations', { api: 'customers', records: 20 })).body;
  const own = { ...access, url: added.url, apiKey: added.apiKey };
  expect((await get(own, '/identities')).status).toBe(200);
  expect((await post('connect-partner', {})).body.organizationId).toEqual(expect.any(String));
  expect((await post('state', { resource: 'connections' })).body.items.length).toBe(
    floriday.source.count('connections'),
  );
  expect((await post('limits', { retryAfter: 'seconds' })).body).toEqual({
    mode: 'off',
    retryAfter: 'seconds',
  });
});
