/**
 * One text for equal content: keys sorted, no white space. Its hash decides whether a record changed, so that a
 * provider that writes its keys in another order causes no change.
 */
import { hash } from 'node:crypto';
import { configure } from 'safe-stable-stringify';
import { ExactNumber, writeExact } from '../exact-json.ts';

const stringify = configure({
  deterministic: true,
  circularValue: Error,
});

export interface Canonical {
  readonly json: string;
  /** sha-256 of `json` in hexadecimal: as text it costs a fifth of what a hash object and its buffer cost */
  readonly hash: string;
  /** whether it has numbers that JavaScript's can't hold */
  readonly hasExact: boolean;
}

/** @throws RangeError for a value that is nested deeper than the stack, some thousand levels */
export function canonical(value: unknown): Canonical {
  const { json, hasExact } = writeExact(value, stringify);
  return { json, hash: hash('sha256', json, 'hex'), hasExact };
}

/**
 * Names what Postgres would refuse in a `jsonb` value, or returns undefined. JSON text escapes both troubles, so
 * that they can be seen without walking the record: `\u0000`, and surrogates that have no partner.
 */
export function unstorable(json: string): string | undefined {
  if (!json.includes('\\u')) return undefined;
  // An escape counts only where the backslash itself isn't escaped.
  const escape = /\\(?:\\|u([0-9a-f]{4})|.)/gi;
  for (let match = escape.exec(json); match !== null; match = escape.exec(json)) {
    const code = match[1]?.toLowerCase();
    if (code === '0000') return 'contains the character U+0000, which Postgres cannot store';
    // The stringifier writes paired surrogates as themselves: an escaped one has no partner.
    if (code !== undefined && code >= 'd800' && code <= 'dfff')
      return 'contains half of a surrogate pair, which Postgres cannot store';
  }
  return undefined;
}

/** Plain JSON text of a value of any depth, written by a loop: every stringifier at hand calls itself. */
export function deepJson(value: unknown): string {
  const out: string[] = [];
  const todo: ({ readonly text: string } | { readonly value: unknown })[] = [{ value }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if ('text' in next) out.push(next.text);
    else if (next.value instanceof ExactNumber) out.push(next.value.digits);
    else if (next.value === null || typeof next.value !== 'object')
      out.push(JSON.stringify(next.value) ?? 'null');
    else {
      const list = Array.isArray(next.value);
      const entries = Object.entries(next.value);
      todo.push({ text: list ? ']' : '}' });
      // A stack gives back the last first.
      for (const [index, [key, inner]] of [...entries.entries()].reverse()) {
        todo.push({ value: inner });
        const name = list ? '' : `${JSON.stringify(key)}:`;
        todo.push({ text: index === 0 ? name : `,${name}` });
      }
      todo.push({ text: list ? '[' : '{' });
    }
  }
  return out.join('');
}
