/** Names of views and of their columns: snake_case, within what Postgres takes, and no two alike. */
import { createHash } from 'node:crypto';

/** Bytes of a name in Postgres; longer ones it cuts without a word. */
const MAX_BYTES = 63;

/** `tradeItemId`, `trade-item-id` and `Trade item ID` are all `trade_item_id`. ASCII only. */
export function snakeCase(name: string): string {
  const words = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  if (words === '') return 'field';
  // a name that begins with a digit would have to be quoted
  return /^\d/.test(words) ? `_${words}` : words;
}

/** A name that is too long is cut and gets a hash of the whole, so that two with the same beginning stay apart. */
export function fitting(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_BYTES - hash.length - 1)}_${hash}`;
}

/** The view of a provider's stream. */
export function providerViewName(provider: string, stream: string): string {
  return fitting(`${snakeCase(provider)}_${snakeCase(stream)}`);
}

/** The view of a connection's custom stream. Ids hold no `--`, so nothing else gives the same name. */
export function customViewName(connection: string, stream: string): string {
  return fitting(`${snakeCase(connection)}__${snakeCase(stream)}`);
}

/** A column name for each field, in their order: where it is taken, the first of `name_2`, `name_3` … that is free. */
export function columnNames(fields: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  return fields.map((field) => {
    const base = fitting(snakeCase(field));
    let name = base;
    for (let number = 2; used.has(name); number += 1) name = fitting(`${base}_${number}`);
    used.add(name);
    return name;
  });
}
