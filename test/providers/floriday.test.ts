import { describe, expect, it } from 'vitest';
import { startFloriday } from '../../sandbox/floriday/server.ts';
import { parseConnection } from '../../src/config/index.ts';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { floriday } from '../../src/providers/floriday/index.ts';
import { findProvider } from '../../src/providers/registry.ts';
import { chosenStreams, resolveConnection } from '../../src/providers/resolve.ts';
import { validateConnection } from '../../src/providers/validate.ts';

const settings = { environment: 'staging', api: 'suppliers' };
const credentials = { clientId: 'id', clientSecret: 'secret', apiKey: 'key' };

function input(more: Record<string, unknown> = {}) {
  const parsed = parseConnection('roses', { provider: 'floriday', settings, credentials, ...more });
  if (parsed.connection === undefined) throw new Error(JSON.stringify(parsed.problems));
  return parsed.connection;
}
const resolve = (more: Record<string, unknown> = {}) => resolveConnection(input(more), floriday);
const problems = (more: Record<string, unknown> = {}) =>
  validateConnection(input(more), floriday, ['floriday']);
const names = (streams: readonly StreamDefinition[]) => streams.map((stream) => stream.name);
const of = (api: string) => floriday.streamsFor?.({ api }) ?? [];
const resourceOf = (stream: StreamDefinition) =>
  stream.path.replace('/sync', '').replace('/{sequence}', '').slice(1);

describe('the definition of Floriday', () => {
  it('comes with Sluice', () => {
    expect(findProvider('floriday')).toBe(floriday);
  });

  it.each(['suppliers', 'customers'] as const)(
    'has a stream for every feed of the simulated %s API, and accepts what each gives',
    async (api) => {
      const simulated = await startFloriday({ api, records: 30, limits: { mode: 'off' } });
      try {
        expect(of(api).map(resourceOf).sort()).toEqual([...simulated.source.resources].sort());
        for (const stream of of(api)) {
          const rows = simulated.source.list(resourceOf(stream));
          expect(rows.length, stream.name).toBeGreaterThan(0);
          for (const row of rows) {
            const result = stream.schema.safeParse(row);
            expect(result.success ? [] : result.error.issues, stream.name).toEqual([]);
            expect(stream.schema.safeParse({ ...row, unknownField: { a: 1 } }).success).toBe(true);
            expect(stream.schema.safeParse({ ...row, sequenceNumber: 'many' }).success).toBe(false);
            for (const field of [stream.id].flat())
              expect(stream.schema.safeParse({ ...row, [field]: null }).success).toBe(false);
          }
        }
      } finally {
        await simulated.close();
      }
    },
  );

  it('refuses a record whose id is a damaged UUID, and a documented field of another type', () => {
    const tradeItems = of('suppliers').find((stream) => stream.name === 'trade-items');
    const record = { tradeItemId: '0a8d4c1e-55f0-4d3b-9a51-0d3f6f0c2b11', sequenceNumber: 1 };
    const accepts = (more: object) => tradeItems?.schema.safeParse({ ...record, ...more }).success;
    expect(accepts({})).toBe(true);
    expect(accepts({ tradeItemId: '0a8d4c1e-55f0-4d3b-9a51' })).toBe(false);
    expect(accepts({ isHiddenInCatalog: 'no' })).toBe(false);
    expect(accepts({ photos: {} })).toBe(false);
    expect(accepts({ lastModifiedDateTime: null })).toBe(true);
  });

  it('has all 39 feeds of the suppliers API and all 29 of the customers API, each name once', () => {
    expect(new Set(names(of('suppliers'))).size).toBe(39);
    expect(new Set(names(of('customers'))).size).toBe(29);
    expect(floriday.streams).toHaveLength(68);
    expect(new Set(floriday.streams.map((stream) => stream.title)).size).toBe(68);
  });

  it('asks each feed for as much as it gives, under the name that it has there', () => {
    const paging = (api: string, name: string) => {
      const found = of(api).find((stream) => stream.name === name)?.paging;
      return found?.style === 'sequence' ? [found.sizeParam, found.pageSize] : undefined;
    };
    expect(paging('suppliers', 'trade-items')).toEqual(['limitResult', 1000]);
    expect(paging('suppliers', 'contracts')).toEqual(['limitResult', 100]);
    expect(paging('suppliers', 'price-groups')).toEqual(['limit', 1000]);
    expect(paging('customers', 'trade-items')).toEqual(['limit', 1000]);
    expect(paging('customers', 'trade-settings-supplier')).toEqual(['limitResult', 1000]);
    const count = (api: string, name: string) =>
      of(api).filter(({ paging: found }) => found.style === 'sequence' && found.sizeParam === name).length;
    expect([count('suppliers', 'limitResult'), count('suppliers', 'limit')]).toEqual([32, 7]);
    expect([count('customers', 'limitResult'), count('customers', 'limit')]).toEqual([3, 26]);
  });

  it('knows every mark that a model has for a deleted record', () => {
    const marks = (name: string, api = 'suppliers') =>
      of(api)
        .find((stream) => stream.name === name)
        ?.tombstones?.map(({ field, values }) => `${field}=${values.join()}`);
    expect(marks('trade-items')).toEqual(['isDeleted=true']);
    expect(marks('supply-lines')).toEqual(['isDeleted=true', 'status=DELETED']);
    expect(marks('sales-order-correction-requests')).toEqual(['status=DELETED']);
    expect(marks('contracts')).toEqual(['status.isDeleted=true']);
    expect(marks('supply-lines-custom', 'customers')).toEqual(['isDeleted=true', 'isDisabledForSync=true']);
    expect(marks('sales-orders')).toBeUndefined();
    expect(marks('organizations')).toBeUndefined();
  });

  it('states the general rate for each API key, and the slower ones where they are', () => {
    const [limit] = floriday.limits;
    expect(limit).toMatchObject({ requests: 3.4, perSeconds: 1, burst: 1000 });
    const key = (apiKey: string, environment = 'staging') =>
      limit?.key({ settings: { ...settings, environment }, credentials: { ...credentials, apiKey } });
    expect(key('one-key')).not.toBe(key('another-key'));
    expect(key('one-key')).not.toBe(key('one-key', 'live'));
    expect(key('one-key')).not.toContain('one-key');
    const rate = (name: string) => of('suppliers').find((stream) => stream.name === name)?.rate;
    expect(rate('trade-items')).toEqual({ requests: 2, perSeconds: 1, burst: 200 });
    expect(rate('delivery-locations')).toEqual({ requests: 1, perSeconds: 1, burst: 200 });
    expect(rate('sales-orders')).toBeUndefined();
  });

  it('leads to the environment, API and version of the settings', () => {
    expect(resolve().endpoints).toEqual({
      issuer: 'https://idm.staging.floriday.io/oauth2/ausmw6b47z1BnlHkw0h7',
      api: 'https://api.staging.floriday.io/suppliers-api-2026v1',
    });
    expect(
      resolve({ settings: { environment: 'live', api: 'customers', version: '2026v2' } }).endpoints,
    ).toEqual({
      issuer: 'https://idm.floriday.io/oauth2/aus3testdcf2vyfs70i7',
      api: 'https://api.floriday.io/customers-api-2026v2',
    });
    expect(floriday.headers({ settings, credentials })).toMatchObject({ 'X-Api-Key': 'key' });
    expect(resolve()).toMatchObject({ tokenPolicy: 'reuse', schedule: 'every 5m' });
  });

  it.each([
    ['environment', { environment: 'production', api: 'suppliers' }],
    ['api', { environment: 'staging', api: 'growers' }],
    ['version', { ...settings, version: 'latest' }],
    ['environment', { api: 'suppliers' }],
    ['colour', { ...settings, colour: 'red' }],
  ])('refuses a wrong %s', (key, wrong) => {
    const found = problems({ settings: wrong });
    expect(found.map((problem) => problem.where)).toEqual([
      expect.stringContaining(key === 'colour' ? 'settings' : key),
    ]);
  });

  it('needs all three credentials', () => {
    for (const missing of ['clientId', 'clientSecret', 'apiKey']) {
      const { [missing as 'apiKey']: _, ...rest } = credentials;
      expect(problems({ credentials: rest })).toHaveLength(1);
    }
  });

  it('offers the streams of the chosen API alone, and of both while the API is not known', () => {
    expect(problems({ streams: ['trade-items', 'batches'] })).toEqual([]);
    const customers = { environment: 'staging', api: 'customers' };
    const [problem, ...others] = problems({ settings: customers, streams: ['trade-items', 'batches'] });
    expect(others).toEqual([]);
    expect(problem?.message).toContain('"batches" is not a stream');
    expect(problems({ settings: { environment: 'staging', api: '?' }, streams: ['batches'] })).toHaveLength(
      1,
    );
  });

  it('asks for role:app, what the chosen streams need, and what the partners need, which are always read', () => {
    expect(resolve({ streams: ['trade-items'] }).scopes).toEqual([
      'role:app',
      'catalog:read',
      'network:read',
    ]);
    expect(names(resolve({ streams: ['trade-items'] }).streams)).toEqual(['trade-items', 'connections']);
    // the companion of this feed asks for another scope than the feed itself
    expect(resolve({ streams: ['delivery-orders'] }).scopes).toEqual(
      expect.arrayContaining(['fulfillment:read', 'supply:read']),
    );
    expect(names(chosenStreams(input(), floriday))).toHaveLength(39);
    const [warning] = problems({ streams: ['trade-items'], scopes: ['role:app', 'catalog:read'] });
    expect(warning).toMatchObject({
      severity: 'warning',
      message: expect.stringContaining('network:read') as string,
    });
  });

  it('reads the custom synchronisation only where it is named', () => {
    const customers = { settings: { environment: 'staging', api: 'customers' } };
    expect(names(resolve(customers).streams)).not.toContain('supply-lines-custom');
    expect(names(resolve({ ...customers, streams: ['supply-lines-custom'] }).streams)).toEqual([
      'connections',
      'supply-lines-custom',
    ]);
  });

  it('never asks for more records than a feed gives', () => {
    const sizes = resolve({ limits: { pageSize: 500 } }).streams.map(({ name, paging }) => [
      name,
      'pageSize' in paging ? paging.pageSize : undefined,
    ]);
    expect(Object.fromEntries(sizes)).toMatchObject({ 'trade-items': 500, contracts: 100 });
  });

  it('is checked by its identity, or by the partners where the scope for that was not chosen', () => {
    expect(floriday.check(resolve().streams).path).toBe('/identities');
    expect(floriday.check([]).path).toBe('/identities');
    expect(floriday.check(resolve({ streams: ['batches'] }).streams).path).toBe(
      '/connections/current-max-sequence',
    );
  });

  it('explains a 403: the key, or the scope and the version', () => {
    const [stream] = of('suppliers');
    const detail = 'The specified api key is invalid.';
    expect(floriday.explainForbidden?.({ title: 'Forbidden', detail }, stream)).toContain('API key');
    expect(floriday.explainForbidden?.({}, stream)).toMatch(/catalog:read.*version/);
    expect(floriday.explainForbidden?.(undefined, undefined)).toContain('version');
  });
});
