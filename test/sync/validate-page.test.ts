import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { itemsOf, validatePage } from '../../src/sync/validate-page.ts';

function stream(more: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    name: 'things',
    title: 'Things',
    path: '/things',
    scopes: [],
    items: 'items',
    id: 'id',
    paging: { style: 'none' },
    changes: { detect: 'full' },
    schema: z.looseObject({ name: z.string().optional() }),
    evidence: 'unverified',
    ...more,
  };
}
const ids = (definition: StreamDefinition, items: readonly unknown[]): string[] =>
  validatePage(definition, items, '').records.map((record) => record.id);

describe('the items of a page', () => {
  it('are found at the dotted path, or are the body itself', () => {
    expect(itemsOf(stream({ items: 'data.list' }), { data: { list: [1] } })).toEqual([1]);
    expect(itemsOf(stream({ items: '' }), [2])).toEqual([2]);
  });

  it.each([{}, { items: null }, { items: {} }, null, 'text', []])('are missed in %j', (body) => {
    expect(() => itemsOf(stream(), body)).toThrow(expect.objectContaining({ code: 'response_unexpected' }));
  });
});

describe('a record', () => {
  it('keeps unknown fields, and takes its version from where the stream says', () => {
    const page = validatePage(stream({ version: 'meta.at' }), [{ id: 7, more: [1], meta: { at: 12 } }], 'p');
    expect(page.records).toMatchObject([{ id: '7', version: '12', partition: 'p' }]);
    expect(JSON.parse(page.records[0]?.json ?? '')).toEqual({ id: 7, more: [1], meta: { at: 12 } });
  });

  it.each([
    ['no id', { name: 'x' }, null, /no usable id/],
    ['an empty id', { id: '' }, null, /no usable id/],
    ['an id that is an object', { id: {} }, null, /no usable id/],
    ['an id beyond 2^53, whose last digits are lost', { id: 2 ** 53 }, null, /no usable id/],
    ['nothing at all', null, null, /no usable id/],
    ['an endless id', { id: 'x'.repeat(513) }, 'x'.repeat(512), /512 bytes/],
    ['a field of the wrong type', { id: 'a', name: 5 }, 'a', /name/],
    ['U+0000', { id: 'a', text: 'b\u0000' }, 'a', /U\+0000/],
    ['U+0000 in its id', { id: 'a\u0000' }, null, /U\+0000/],
  ])('is rejected for %s, as received and with the reason', (_name, item, id, reason) => {
    const page = validatePage(stream(), [{ id: 'good' }, item], '');
    expect(page.records.map((record) => record.id)).toEqual(['good']);
    expect(page.rejected).toMatchObject([{ id, reason: expect.stringMatching(reason) as string }]);
    expect(JSON.parse(page.rejected[0]?.raw.toString() ?? '')).toEqual(item);
  });

  it('is rejected, not thrown at, when it is nested deeper than any stack', () => {
    const text = `{"id":"deep","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const page = validatePage(stream(), [JSON.parse(text), { id: 'b' }], '');
    expect(page.records.map((record) => record.id)).toEqual(['b']);
    expect(page.rejected).toMatchObject([{ id: 'deep', reason: 'is nested too deep to be compared' }]);
    expect(page.rejected[0]?.raw.toString()).toBe(text);
  });
});

describe('an id of several fields', () => {
  const composite = stream({ id: ['a', 'b'] });

  it('is missing when one part is', () => {
    expect(ids(composite, [{ a: 1 }, { a: 1, b: '' }, { b: 2 }])).toEqual([]);
  });

  it('is never the same for two combinations', () => {
    const parts = ['|', ':', '||', '|:', ':|', 'a', 'a|', '|a', 'a|:b', 'b:', '||:', '|::'];
    const items = parts.flatMap((a) => parts.map((b) => ({ a, b })));
    expect(new Set(ids(composite, items)).size).toBe(items.length);
    const three = stream({ id: ['a', 'b', 'c'] });
    const triples = parts.slice(0, 8).flatMap((a) => items.slice(0, 60).map((item) => ({ ...item, c: a })));
    expect(new Set(ids(three, triples)).size).toBe(triples.length);
  });
});
