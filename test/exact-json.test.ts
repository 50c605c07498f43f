import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ExactNumber,
  exactJson,
  idText,
  numberProblem,
  parseExactJson,
  withPlainNumbers,
} from '../src/exact-json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Read and written again, from bytes and from text. */
const again = (text: string): string => {
  const read = exactJson(parseExactJson(bytes(text)));
  expect(exactJson(parseExactJson(text))).toBe(read);
  return read;
};

/** A number's value as an integer and a power of ten, by integers alone. */
function valueOf(number: string): [bigint, number] {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  let mantissa = BigInt(whole + fraction);
  let exponent = Number(power) - fraction.length;
  if (mantissa === 0n) return [0n, 0];
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent += 1;
  }
  return [sign === '' ? mantissa : -mantissa, exponent];
}

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((list) => list.join(''));
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(1, 30).map((text) => text.replace(/^0+(?=\d)/, '')),
    fc.option(digits(1, 25), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.integer({ min: -420, max: 420 })), { nil: undefined }),
  )
  .map(
    ([sign, whole, fraction, power]) =>
      `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${power === undefined ? '' : power.join('')}`,
  );

describe('JSON with exact numbers', () => {
  it('keeps the value of every number', () => {
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 8 }), fc.string(), (numbers, text) => {
        const written = again(`{"t":${JSON.stringify(text)},"n":[${numbers.join(', ')}]}`);
        const list = /"n":\[(.*)\]\}$/s.exec(written)?.[1]?.split(',') ?? [];
        expect(list.map(valueOf)).toEqual(numbers.map(valueOf));
      }),
      { numRuns: 500 },
    );
  });

  it('says to whoever reads doubles what the text said', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const plain: unknown = JSON.parse(json);
        expect(JSON.parse(exactJson(parseExactJson(bytes(json))))).toEqual(plain);
      }),
      { numRuns: 500 },
    );
  });

  it('finds a long number wherever it stands', () => {
    for (let before = 0; before < 40; before += 1) {
      const text = `{"${'k'.repeat(before)}":9007199254740993}`;
      expect(again(text)).toBe(text);
    }
  });

  it.each([
    ['ids of 64 bits', '{"id":9223372036854775807,"of":[-9223372036854775808]}'],
    ['decimals of 28 digits', '{"price":0.3333333333333333333333333333}'],
    ['a number alone', '123456789012345678901'],
    ['exponents that no double has', '[1e400,1.5E-400,-2e+308,2000000000e299,0.00000000001e-315]'],
    [
      'digits in strings and keys',
      '{"9007199254740993":"9007199254740993","q":"\\\\\\"1e400, 9007199254740993"}',
    ],
    ['a key that reaches for the prototype', '{"__proto__":{"a":9007199254740993},"b":1}'],
  ])('keeps %s', (_what, text) => {
    expect(again(text)).toBe(text);
  });

  it('has plain numbers where they say the same', () => {
    const text =
      '[9007199254740991, 0.1, 1.50, 1e3, -0, 0.30000000000000004, 100000000000000000000e-10, 5e-324]';
    expect(parseExactJson(text)).toEqual(JSON.parse(text));
    expect(parseExactJson('[9007199254740992]')).toEqual([new ExactNumber('9007199254740992')]);
  });

  it('goes as deep as JSON.parse does', () => {
    const deep = `${'['.repeat(50_000)}9007199254740993${']'.repeat(50_000)}`;
    let value = parseExactJson(deep);
    while (Array.isArray(value)) value = value[0] as unknown;
    expect(String(value)).toBe('9007199254740993');
  });

  it.each([
    '',
    '{',
    '{"a":9007199254740993',
    '[9007199254740993,]',
    '9007199254740993 x',
    '-',
    '"9007199254740993',
  ])('complains of %j as JSON.parse does', (text) => {
    let message = '';
    try {
      JSON.parse(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(() => parseExactJson(bytes(text))).toThrow(new SyntaxError(message));
  });

  it('refuses what is no UTF-8', () => {
    expect(() => parseExactJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(TypeError);
  });

  it('is text to whoever writes it without knowing, with no mark of ours in it', () => {
    expect(JSON.stringify(parseExactJson('[9007199254740993]'))).toBe('["9007199254740993"]');
    expect(exactJson(parseExactJson('{"a":9007199254740993}'), 2)).toBe('{\n  "a": 9007199254740993\n}');
    expect(() =>
      exactJson({
        toJSON: () => {
          throw new Error('no');
        },
      }),
    ).toThrow('no');
    expect(JSON.stringify(parseExactJson('[9007199254740993]'))).toBe('["9007199254740993"]');
  });
});

describe('a schema', () => {
  it('sees whole numbers as such, and no infinite ones', () => {
    const seen = withPlainNumbers(
      parseExactJson('{"a":[90071992547409931,-1e400],"b":0.12345678901234567890,"c":"x"}'),
    );
    expect(seen).toEqual({
      a: [Number.MAX_SAFE_INTEGER, -Number.MAX_VALUE],
      b: 0.123_456_789_012_345_68,
      c: 'x',
    });
  });
});

describe('an id', () => {
  it('never lacks digits', () => {
    const read = (text: string): string | undefined => idText(parseExactJson(text));
    expect(['7', '-7', '"x"', '90071992547409931'].map(read)).toEqual(['7', '-7', 'x', '90071992547409931']);
    expect(['""', 'null', '{}', '1e400', '0.12345678901234567890'].map(read)).toEqual(
      Array(5).fill(undefined),
    );
    expect(idText(2 ** 53)).toBeUndefined();
  });
});

describe('a number that Postgres would write out for ever', () => {
  it('is a problem, wherever it stands', () => {
    expect(numberProblem(parseExactJson('{"a":[{"b":1e1001}]}'))).toMatch(/power of 1000/);
    expect(numberProblem(parseExactJson('[1e-1001]'))).toMatch(/power of 1000/);
    expect(
      numberProblem(parseExactJson('[1e1000, 1e-1000, 9007199254740993, null, "1e2000"]')),
    ).toBeUndefined();
  });
});
