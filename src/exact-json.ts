/**
 * JSON with the numbers that a JavaScript number can't hold: ids of 64 bits, decimals of more than 17 digits. Where a text has
 * such numbers they are read as `ExactNumber`, which is written again as the digits that were read; every other value is what
 * `JSON.parse` makes of it. RFC 8259, section 6: a number has no limit of its own, and doubles are merely what most readers use.
 */
import { randomUUID } from 'node:crypto';

/** Begins the text that stands for an exact number while JSON is read or written; no sender can know it. */
const MARK = `${randomUUID()}:`;
/** The shortest text of a number that may have more than 15 significant digits, the most that a double always keeps. */
const SUSPECT_LENGTH = 16;
/** Larger exponents would have Postgres write out as many digits. */
const MAX_EXPONENT = 1_000;

/** The same as `hasLongNumber`, of text. */
const LONG_NUMBER = /[\d.]{16}/;
/** Doubles end below 1e309 and above 1e-324; up to 15 digits stand before the exponent. What must follow keeps nearly all hexadecimal ids out. */
const LARGE_EXPONENT = /\d[eE][+-]?(?:[2-9]\d\d|\d{4,})\s*(?:[,\]}]|$)/;

let isMarking = false;
let marked = 0;

/** A number as it was written. As text, and in JSON that `exactJson` doesn't write, it is its digits in a string. */
export class ExactNumber {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }

  toString(): string {
    return this.digits;
  }

  toJSON(): string {
    if (!isMarking) return this.digits;
    marked += 1;
    return MARK + this.digits;
  }
}

/**
 * `JSON.parse`, losing no digit. Bytes that hold no long number, nearly all, cost a look at one in sixteen.
 *
 * @throws SyntaxError for what isn't JSON, TypeError for bytes that aren't UTF-8
 */
export function parseExactJson(source: Uint8Array | string): unknown {
  const isText = typeof source === 'string';
  const text = isText ? source : new TextDecoder('utf-8', { fatal: true }).decode(source);
  const isSuspect = (isText ? LONG_NUMBER.test(source) : hasLongNumber(source)) || LARGE_EXPONENT.test(text);
  const marking = isSuspect ? markNumbers(text) : undefined;
  if (marking === undefined) return JSON.parse(text) as unknown;
  let value: unknown;
  try {
    value = JSON.parse(marking);
  } catch {
    // complains of the sender's text, not of ours
    return JSON.parse(text) as unknown;
  }
  return withExactNumbers(value);
}

/** `JSON.stringify`, with exact numbers as numbers. */
export function exactJson(value: unknown, space?: number): string {
  return writeExact(value, (given) => JSON.stringify(given, undefined, space)).json;
}

export interface ExactText {
  readonly json: string;
  /** whether the value has an exact number */
  readonly hasExact: boolean;
}

/** What a stringifier writes that calls `toJSON`, with exact numbers as numbers. It must not call this again. */
export function writeExact(value: unknown, stringify: (value: unknown) => string | undefined): ExactText {
  isMarking = true;
  marked = 0;
  let json: string;
  try {
    json = stringify(value) ?? 'null';
  } finally {
    isMarking = false;
  }
  return marked === 0 ? { json, hasExact: false } : { json: json.replaceAll(MARKED, '$1'), hasExact: true };
}

const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');

const isDigitOrPoint = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || byte === 0x2e);

/** Whether there are so many digits (and points) in a row. Any such row has one at a multiple of its length. */
function hasLongNumber(bytes: Uint8Array): boolean {
  for (let at = SUSPECT_LENGTH - 1; at < bytes.length; at += SUSPECT_LENGTH) {
    if (!isDigitOrPoint(bytes[at])) continue;
    let from = at;
    while (at - from < SUSPECT_LENGTH && isDigitOrPoint(bytes[from - 1])) from -= 1;
    let to = at;
    while (to - from < SUSPECT_LENGTH && isDigitOrPoint(bytes[to + 1])) to += 1;
    if (to - from + 1 >= SUSPECT_LENGTH) return true;
  }
  return false;
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The text with each number that a double can't hold as a marked string; undefined where it has none. Strings are passed over. */
function markNumbers(text: string): string | undefined {
  const parts: string[] = [];
  let taken = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(text, at);
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)?.[0];
      if (number === undefined) break;
      if (!isKept(number)) {
        parts.push(text.slice(taken, at), `"${MARK}${number}"`);
        taken = at + number.length;
      }
      at += number.length;
    } else at += 1;
  }
  if (taken === 0) return undefined;
  parts.push(text.slice(taken));
  return parts.join('');
}

/** Where the string that begins at `from` is over; the text's end where it is not, which the parser will complain of. */
function endOfString(text: string, from: number): number {
  for (let quote = text.indexOf('"', from + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

/** Whether a JavaScript number holds this one, digit by digit. */
function isKept(number: string): boolean {
  const value = Number(number);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  const [digits, exponent] = significant(number);
  const [kept, keptExponent] = significant(String(value));
  return digits === kept && (digits === '' || exponent === keptExponent);
}

/** The digits of a number without zeros at either end, and the power of ten of the last one. */
function significant(number: string): [digits: string, exponent: number] {
  const [mantissa = '', power = '0'] = number.replace(/^-/, '').toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = (whole + fraction).replace(/^0+/, '');
  // no pattern: one that ends with zeros looks at each run of them once per zero
  let length = all.length;
  while (length > 0 && all.charCodeAt(length - 1) === 0x30) length -= 1;
  return [all.slice(0, length), Number(power) - fraction.length + (all.length - length)];
}

/** Puts exact numbers in the place of marked strings: by a loop, since the depth is the sender's. */
function withExactNumbers(root: unknown): unknown {
  const exact = (value: unknown): unknown =>
    typeof value === 'string' && value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value;
  const holder = { root: exact(root) };
  const todo: object[] = [holder];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const [key, value] of Object.entries(next)) {
      const made = exact(value);
      if (made !== value)
        Object.defineProperty(next, key, {
          value: made,
          enumerable: true,
          writable: true,
          configurable: true,
        });
      else if (value !== null && typeof value === 'object') todo.push(value as object);
    }
  }
  return holder.root;
}

/** Why Postgres would not take a number of this value, or undefined. */
export function numberProblem(value: unknown): string | undefined {
  if (value instanceof ExactNumber) {
    const [, exponent] = significant(value.digits);
    return Math.abs(exponent) > MAX_EXPONENT
      ? `has a number beyond ten to the power of ${MAX_EXPONENT}`
      : undefined;
  }
  if (value === null || typeof value !== 'object') return undefined;
  for (const inner of Object.values(value)) {
    const problem = numberProblem(inner);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The same value with numbers that a schema can look at: the nearest ones that it takes for numbers, or whole numbers. */
export function withPlainNumbers(value: unknown): unknown {
  if (value instanceof ExactNumber) {
    const near = Number(value.digits);
    const largest = Number.isInteger(near) ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE;
    return Math.abs(near) > largest ? Math.sign(near) * largest : near;
  }
  if (Array.isArray(value)) return value.map(withPlainNumbers);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withPlainNumbers(inner)]));
}

/** An id as text: never a number that has lost digits, which may be another's id. Undefined for what is none. */
export function idText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (value instanceof ExactNumber) return /^-?\d+$/.test(value.digits) ? value.digits : undefined;
  if (typeof value !== 'number' || Math.abs(value) > Number.MAX_SAFE_INTEGER) return undefined;
  return String(value);
}
