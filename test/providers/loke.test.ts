import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { loke } from '../../src/providers/loke/index.ts';
import { findProvider } from '../../src/providers/registry.ts';

describe('the definition of LOKE', () => {
  let sandbox: Sandbox<'loke'>;
  beforeAll(async () => {
    sandbox = await startSandbox({ providers: ['loke'], records: 60 });
  });
  afterAll(() => sandbox.close());

  it('comes with Sluice, with a stream for every simulated resource', () => {
    expect(findProvider('loke')).toBe(loke);
    const names = loke.streams.map((stream) => stream.name).sort();
    expect(names).toEqual([...sandbox.providers.loke.source.resources].sort());
  });

  it('accepts every record that its API gives, and refuses a documented field of another type', () => {
    const wrong: Record<string, object> = {
      organizations: { name: 7 },
      locations: { latitude: 'north' },
      customers: { hasAgreedToMarketing: 'yes' },
      payments: { total: 4.5 },
    };
    for (const stream of loke.streams) {
      const rows = sandbox.providers.loke.source.list(stream.name);
      expect(rows.length).toBeGreaterThan(0);
      for (const record of rows) {
        const result = stream.schema.safeParse(record);
        expect(result.success ? [] : result.error.issues).toEqual([]);
        expect(stream.schema.safeParse({ ...record, unknownField: { a: 1 } }).success).toBe(true);
        expect(stream.schema.safeParse({ ...record, ...wrong[stream.name] }).success).toBe(false);
        expect(stream.schema.safeParse({ ...record, id: undefined }).success).toBe(false);
      }
    }
  });

  it('is bare arrays that go on by a header, read completely in an order that no update changes', () => {
    for (const { items, paging, query, changes, name } of loke.streams) {
      expect([items, paging]).toEqual(['', { style: 'next-header', header: 'X-Next-Page' }]);
      const isSorted = name === 'customers' || name === 'payments';
      expect(query).toEqual(isSorted ? { sort: 'updated' } : undefined);
      expect(changes).toMatchObject(
        isSorted
          ? { detect: 'watermark', order: 'newest-first', completeQuery: { sort: 'created' } }
          : { detect: 'full' },
      );
    }
  });

  it('asks for a token as the guide does: Basic, raw, without a scope, found by the issuer', () => {
    expect(loke).toMatchObject({ clientAuth: 'basic', basicEncoding: 'raw', baseScopes: [] });
    expect(loke.streams.flatMap((stream) => stream.scopes)).toEqual([]);
    expect(loke.endpoints({})).toEqual({
      issuer: 'https://auth.loke.global',
      api: 'https://api.loke.global',
    });
    expect(loke.explainForbidden?.({}, loke.streams[1])).toContain('add-on');
  });
});
