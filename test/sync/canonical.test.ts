import { describe, expect, it } from 'vitest';
import { canonical, deepJson, unstorable } from '../../src/sync/canonical.ts';

const nested = (depth: number): unknown => JSON.parse('[{"a":'.repeat(depth) + '1' + '}]'.repeat(depth));

describe('canonical JSON', () => {
  it('is one text for equal content, whatever the order of keys', () => {
    const one = canonical({ b: [1, { y: 2, x: 1 }], a: 'é', c: null });
    const other = canonical({ c: null, a: 'é', b: [1, { x: 1, y: 2 }] });
    expect(one.json).toBe('{"a":"é","b":[1,{"x":1,"y":2}],"c":null}');
    expect(one.hash).toBe(other.hash);
  });

  it('tells apart what differs: order of a list, a missing and a null field, text and number', () => {
    const texts = [[1, 2], [2, 1], { a: null }, {}, { a: 1 }, { a: '1' }].map(
      (value) => canonical(value).json,
    );
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('keeps keys that objects treat in a way of their own', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"10":1,"9":2,"constructor":3}') as unknown;
    expect(JSON.parse(canonical(value).json)).toEqual(value);
  });

  it('fails on a depth beyond the stack, where the loop goes on', () => {
    const deep = nested(20_000);
    expect(() => canonical(deep)).toThrow(RangeError);
    expect(deepJson(deep)).toBe('[{"a":'.repeat(20_000) + '1' + '}]'.repeat(20_000));
  });
});

describe('plain JSON of any depth', () => {
  it.each([
    [[]],
    [{}],
    [[[], {}, [1, 'a"b', null, true]]],
    [{ a: { b: [{ c: 'ü\u0000\ud800' }] }, '"': -0.5 }],
    ['text'],
    [null],
  ])('is what JSON.stringify writes: %j', (value) => {
    expect(deepJson(value)).toBe(JSON.stringify(value));
  });
});

describe('what Postgres cannot store', () => {
  it.each([
    ['U+0000', 'a\u0000b', /U\+0000/],
    ['U+0000 in a key', { 'a\u0000': 1 }, /U\+0000/],
    ['a high surrogate alone', 'a\ud83d', /surrogate/],
    ['a low surrogate alone', '\ude00b', /surrogate/],
  ])('is named: %s', (_name, value, reason) => {
    expect(unstorable(canonical(value).json)).toMatch(reason);
  });

  it.each([
    ['a pair of surrogates', '😀'],
    ['the six characters of the escape, as text', '\\u0000'],
    ['the same after a backslash of its own', '\\\\u0000 \\ud800'],
    ['other control characters', '\u0001\u001f\u007f'],
  ])('is not confused with %s', (_name, value) => {
    expect(unstorable(canonical(value).json)).toBeUndefined();
  });
});
