/** The simulated Floriday's synchronisation by sequence number: order, page sizes, filters after the fetch, partners. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FloridayOrganization, FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { accessOf, get, walk } from './floriday-client.ts';
import type { Access } from './floriday-client.ts';

let sandbox: Sandbox<'floriday'>;
let floriday: FloridaySandbox;
let access: Access;
let buyer: FloridayOrganization;
let customer: Access;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['floriday'], records: 300, limits: 'off' });
  floriday = sandbox.providers.floriday;
  access = await accessOf(floriday);
  buyer = floriday.addOrganization({ api: 'customers', records: 300 });
  customer = { ...access, url: buyer.url, apiKey: buyer.apiKey };
});
afterAll(() => sandbox.close());

const bySequence = (one: any, other: any): number => one.sequenceNumber - other.sequenceNumber;
const isGone = (record: any): boolean =>
  record.isDeleted === true || record.status === 'DELETED' || record.status?.isDeleted === true;
/** The last word on each record. */
function mirror(records: readonly any[], key: string): any[] {
  const rows = new Map(records.map((record) => [record[key], record]));
  return [...rows.values()].filter((record) => !isGone(record)).toSorted(bySequence);
}

test('a pass from 0 brings every record once, in the order of the numbers, and deleted ones too', async () => {
  const { records, maximum } = await walk(access, 'trade-items', 0, '?limitResult=50');
  const numbers = records.map(({ sequenceNumber }) => sequenceNumber);
  expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(records.filter(isGone).length).toBeGreaterThan(0);
  const live = mirror(records, 'tradeItemId');
  expect(live).toHaveLength(300);
  expect(live).toEqual(floriday.source.list('trade-items').toSorted(bySequence));
  expect(maximum).toBe((await get(access, '/trade-items/current-max-sequence')).body);
});

test('the number given is not among the results', async () => {
  const first = (await get(access, '/batches/sync/0?limitResult=2')).body;
  const [one, two] = first.results;
  const next = (await get(access, `/batches/sync/${one.sequenceNumber}?limitResult=1`)).body;
  expect(next.results[0].sequenceNumber).toBe(two.sequenceNumber);
});

test('the maximum is that of the page, not of the feed', async () => {
  const { body } = await get(access, '/supply-lines/sync/0?limitResult=10');
  expect(body.results).toHaveLength(10);
  expect(body.maximumSequenceNumber).toBe(body.results.at(-1).sequenceNumber);
  const whole = (await get(access, '/supply-lines/current-max-sequence')).body;
  expect(whole).toBeGreaterThan(body.maximumSequenceNumber);
});

test('pages are short or empty where records are filtered after the fetch, and the maximum goes on', async () => {
  const { pages } = await walk(customer, 'trade-items', 0, '?limit=10');
  const going = pages.slice(0, -1);
  expect(going.some(({ results }) => results.length === 0)).toBe(true);
  expect(going.some(({ results }) => results.length > 0 && results.length < 10)).toBe(true);
  const maxima = going.map(({ maximumSequenceNumber }) => maximumSequenceNumber);
  expect(new Set(maxima).size).toBe(maxima.length);
  for (const { results, maximumSequenceNumber } of going) {
    for (const { sequenceNumber } of results)
      expect(sequenceNumber).toBeLessThanOrEqual(maximumSequenceNumber);
  }
});

test('up to date means: the number given is the maximum received', async () => {
  const maximum = (await get(access, '/sales-orders/current-max-sequence')).body;
  const { body } = await get(access, `/sales-orders/sync/${maximum}`);
  expect(body).toEqual({ maximumSequenceNumber: maximum, results: [] });
});

describe('the page size', () => {
  test('is 1000 by default, and 100 for contracts', async () => {
    floriday.source.resize('sales-orders', 1500);
    floriday.source.resize('contracts', 150);
    const orders = (await get(access, '/sales-orders/sync/0')).body;
    const contracts = (await get(access, '/contracts/sync/0')).body;
    expect(orders.results.length).toBeGreaterThan(800);
    expect(orders.results.length).toBeLessThanOrEqual(1000);
    expect(contracts.results.length).toBeGreaterThan(50);
    expect(contracts.results.length).toBeLessThanOrEqual(100);
  });

  test('has another name at each API, and the wrong one is ignored', async () => {
    const size = async (own: Access, query: string): Promise<number> =>
      (await get(own, `/warehouses/sync/0?${query}`)).body.results.length;
    expect(await size(access, 'limitResult=3')).toBe(3);
    expect(await size(access, 'limit=3')).toBeGreaterThan(3);
    expect(await size(customer, 'limit=3')).toBe(3);
    expect(await size(customer, 'limitResult=3')).toBeGreaterThan(3);
  });

  test('is cut, not refused, where the description gives no maximum', async () => {
    expect((await get(access, '/price-groups/sync/0?limit=5000')).status).toBe(200);
  });
});

test('every change gives a record the next number; it stands in the feed once', async () => {
  const resource = 'supply-lines';
  const { maximum } = await walk(access, resource);
  const edited = floriday.source.edit({ resource, creates: 2, updates: 5, deletes: 3 });
  const { records } = await walk(access, resource, maximum, '?limitResult=4');
  expect(records.map(({ supplyLineId }) => supplyLineId)).toEqual([
    ...edited.updated,
    ...edited.deleted,
    ...edited.created,
  ]);
  const deleted = records.filter(({ supplyLineId }) => edited.deleted.includes(supplyLineId));
  for (const record of deleted) expect(record.status).toBe('DELETED');
  const [twice = ''] = edited.updated;
  for (const numberOfPieces of [1, 2]) floriday.source.update(resource, twice, { numberOfPieces });
  const again = (await walk(access, resource, maximum)).records.filter(
    ({ supplyLineId }) => supplyLineId === twice,
  );
  expect(again).toEqual([expect.objectContaining({ numberOfPieces: 2 })]);
  const all = await walk(access, resource);
  expect(new Set(all.records.map(({ supplyLineId }) => supplyLineId)).size).toBe(all.records.length);
  expect(mirror(all.records, 'supplyLineId')).toEqual(floriday.source.list(resource).toSorted(bySequence));
});

test.each([
  ['batches', 'isDeleted'],
  ['contracts', 'status'],
])('a deleted record of %s is marked by its %s', async (resource, field) => {
  const id = floriday.source.list(resource)[0]?.id ?? '';
  const { maximum } = await walk(access, resource);
  floriday.source.remove(resource, id);
  const { records } = await walk(access, resource, maximum);
  expect(records).toHaveLength(1);
  expect(field === 'status' ? records[0].status.isDeleted : records[0].isDeleted).toBe(true);
});

test('a record whose model has no mark is never deleted', () => {
  const id = floriday.source.list('sales-orders')[0]?.id ?? '';
  expect(() => floriday.source.remove('sales-orders', id)).toThrow('deletes no sales-orders');
});

test('a new partner shows older records under their old numbers: only a pass from 0 finds them', async () => {
  const before = await walk(customer, 'trade-items');
  const connections = await walk(customer, 'connections');
  const { organizationId, shown } = buyer.source.connectPartner();
  expect(shown['trade-items']).toBeGreaterThan(0);
  const news = await walk(customer, 'connections', connections.maximum);
  expect(news.records).toEqual([
    expect.objectContaining({ supplierOrganizationId: organizationId, isDeleted: false }),
  ]);
  expect((await walk(customer, 'trade-items', before.maximum)).records).toEqual([]);
  const after = await walk(customer, 'trade-items');
  const known = new Set(before.records.map(({ tradeItemId }) => tradeItemId));
  const added = after.records.filter(({ tradeItemId }) => !known.has(tradeItemId));
  expect(added).toHaveLength(shown['trade-items'] ?? 0);
  for (const record of added) {
    expect(record.supplierOrganizationId).toBe(organizationId);
    expect(record.sequenceNumber).toBeLessThanOrEqual(before.maximum);
  }
  expect(mirror(after.records, 'tradeItemId')).toEqual(buyer.source.list('trade-items').toSorted(bySequence));
});

test('the custom synchronisation tells the records of a new partner as changes', async () => {
  const { body: maximum } = await get(customer, '/supply-lines/sync/custom/current-max-sequence');
  const { organizationId } = buyer.source.connectPartner();
  const { body } = await get(customer, `/supply-lines/sync/custom/${maximum}`);
  expect(body.results.length).toBeGreaterThan(0);
  for (const record of body.results) expect(record.supplierOrganizationId).toBe(organizationId);
});

describe('of customers', () => {
  test('results are narrowed by supplier, after the fetch', async () => {
    const { records } = await walk(customer, 'supply-lines');
    const supplier = records[0].supplierOrganizationId as string;
    const narrowed = await walk(customer, 'supply-lines', 0, `?supplierOrganizationId=${supplier}`);
    const expected = records.filter((record) => record.supplierOrganizationId === supplier);
    expect(narrowed.records).toEqual(expected);
    expect(narrowed.maximum).toBe((await get(customer, '/supply-lines/current-max-sequence')).body);
  });

  test('records outside the selected assortment come when the post filter is switched off', async () => {
    const selected = await walk(customer, 'trade-items');
    const all = await walk(customer, 'trade-items', 0, '?postFilterSelectedTradeItems=false');
    expect(all.records.length).toBeGreaterThan(selected.records.length);
  });
});

test('organizations have data of their own under one application', async () => {
  const { url, apiKey, organizationId, source } = floriday.addOrganization({ records: 30 });
  const other = { ...access, url, apiKey };
  expect((await get(other, '/identities')).body.organization.organizationId).toBe(organizationId);
  const { records } = await walk(other, 'trade-items');
  expect(mirror(records, 'tradeItemId')).toHaveLength(30);
  const mine = new Set((await walk(access, 'trade-items')).records.map(({ tradeItemId }) => tradeItemId));
  expect(records.some(({ tradeItemId }) => mine.has(tradeItemId))).toBe(false);
  const id = source.list('trade-items')[0]?.id ?? '';
  source.remove('trade-items', id);
  expect(source.count('trade-items')).toBe(29);
  expect(floriday.source.count('trade-items')).toBe(300);
});

describe('a fault', () => {
  test('empties a page and leaves its maximum', async () => {
    const real = (await get(access, '/batches/sync/0?limitResult=5')).body;
    floriday.faults.add({ kind: 'empty-page' });
    const { body } = await get(access, '/batches/sync/0?limitResult=5');
    expect(body).toEqual({ maximumSequenceNumber: real.maximumSequenceNumber, results: [] });
  });

  test('misdirects to another number', async () => {
    floriday.faults.add({ kind: 'next-link', href: '7' });
    expect((await get(access, '/batches/sync/0?limitResult=5')).body.maximumSequenceNumber).toBe(7);
  });
});
