/** Ids of simulated records: each one holds its record's position, so that a record is found without an index of ids. */

import { mix } from './random.ts';

/** The ids of one list of records. */
export interface Ids {
  at(index: number): string;
  /** The position that an id stands for; undefined for an id that this list never gives. */
  indexOf(id: string): number | undefined;
}

/** Odd, so that the product has a way back modulo 2^32. */
const FACTOR = 0x9e3779b1;
const INVERSE = 0x0e8b2f51;
/** Crockford's alphabet, which ULIDs use. https://github.com/ulid/spec */
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LOWER = '0123456789abcdefghijklmnopqrstuv';

const hex = (value: number): string => value.toString(16).padStart(8, '0');

function encode(value: number, alphabet: string, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = String(alphabet[rest % 32]) + text;
  return text;
}

function decode(text: string, alphabet: string): number {
  return Array.from(text).reduce((value, letter) => value * 32 + alphabet.indexOf(letter), 0);
}

const hide = (index: number, salt: number): number => Math.imul(index ^ salt, FACTOR) >>> 0;
const unhide = (hidden: number, salt: number): number => (Math.imul(hidden, INVERSE) ^ salt) >>> 0;

function checked(at: (index: number) => string, read: (id: string) => number): Ids {
  return {
    at,
    indexOf(id) {
      const index = read(id);
      return Number.isSafeInteger(index) && at(index) === id ? index : undefined;
    },
  };
}

/** 32 hex digits, with the hyphens of a version 4 UUID or without any. */
export function uuids(style: 'hyphens' | 'plain', ...parts: readonly number[]): Ids {
  const salt = mix(...parts);
  const at = (index: number): string => {
    const digits = `${hex(mix(salt, index))}${hex(mix(salt, index, 1)).slice(0, 4)}4${hex(mix(salt, index, 2)).slice(5)}a${hex(mix(salt, index, 3)).slice(5)}${hex(mix(salt, index, 4)).slice(4)}${hex(hide(index, salt))}`;
    if (style === 'plain') return digits;
    return [0, 8, 12, 16, 20].map((from, place) => digits.slice(from, [8, 12, 16, 20, 32][place])).join('-');
  };
  return checked(at, (id) => unhide(Number.parseInt(id.slice(-8), 16), salt));
}

/** ULIDs; the time in them grows by a minute from one to the next. */
export function ulids(...parts: readonly number[]): Ids {
  const salt = mix(...parts);
  const start = Date.UTC(2018, 0, 1);
  const at = (index: number): string =>
    encode(start + index * 60_000, CROCKFORD, 10) +
    encode(mix(salt, index), CROCKFORD, 7) +
    encode(mix(salt, 1), CROCKFORD, 2) +
    encode(hide(index, salt), CROCKFORD, 7);
  return checked(at, (id) => unhide(decode(id.slice(-7), CROCKFORD), salt));
}

/** A prefix and 21 lower-case letters and digits, as `user_0d3v...`. */
export function prefixed(prefix: string, ...parts: readonly number[]): Ids {
  const salt = mix(...parts);
  const at = (index: number): string =>
    prefix +
    encode(mix(salt, index), LOWER, 7) +
    encode(mix(salt, index, 1), LOWER, 7) +
    encode(hide(index, salt), LOWER, 7);
  return checked(at, (id) => unhide(decode(id.slice(-7), LOWER), salt));
}
