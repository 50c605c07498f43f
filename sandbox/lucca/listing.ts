/** One page of a list: order, filters, and cursors that survive changes of the data between two pages. */

import { createHmac } from 'node:crypto';

import type { Row, Table } from '../table.ts';
import { QueryError } from './query.ts';
import type { ListQuery } from './query.ts';

export interface Listing {
  readonly rows: readonly Row[];
  readonly total: number;
  /** cursors; null where there is no such page */
  readonly prev: string | null;
  readonly next: string | null;
}

type Key = readonly (string | null)[];
type Direction = 'n' | 'p';

interface Cursor {
  readonly direction: Direction;
  /** of the last record of the page before, or of the first of the page after */
  readonly key: Key;
}

const mac = (secret: string, payload: string): string =>
  createHmac('sha256', secret).update(payload).digest('base64url').slice(0, 8);

/** A cursor is opaque, begins with `!`, and can't be made by hand: it carries its own check. */
function writeCursor(secret: string, digest: string, { direction, key }: Cursor): string {
  const payload = Buffer.from(JSON.stringify([direction, digest, ...key])).toString('base64url');
  return `!${mac(secret, payload)}${payload}`;
}

function readCursor(secret: string, digest: string, text: string): Cursor {
  const payload = text.slice(9);
  if (!text.startsWith('!') || mac(secret, payload) !== text.slice(1, 9)) {
    throw new QueryError('page', `'${text.slice(0, 40)}' is no page of this list.`);
  }
  const [direction, own, ...key] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as [
    Direction,
    string,
    ...(string | null)[],
  ];
  if (own !== digest)
    throw new QueryError('page', 'The page belongs to a list with another filter or order.');
  return { direction, key };
}

/**
 * One page of a table.
 *
 * @throws QueryError for a cursor that this list didn't give
 */
export function readPage(
  table: Table,
  query: ListQuery,
  secret: string,
  valueAt: (row: Row, path: string) => unknown,
): Listing {
  const number =
    query.page !== undefined && /^[1-9]\d{0,8}$/.test(query.page) ? Number(query.page) : undefined;
  const cursor =
    query.page === undefined || number !== undefined
      ? undefined
      : readCursor(secret, query.digest, query.page);
  const skip = number === undefined ? 0 : (number - 1) * query.limit;
  const isPlain = query.matches === undefined && query.sort.length === 1 && query.sort[0]?.path === 'id';
  const found =
    isPlain && query.sort[0]?.descending === false
      ? plainPage(table, cursor, skip, query.limit)
      : sortedPage(table, query, cursor, skip, valueAt);
  const keyOf = (row: Row): Key => [
    ...query.sort.map(({ path }) =>
      path === 'id' ? row.id : ((valueAt(row, path) ?? null) as string | null),
    ),
    row.id,
  ];
  const first = found.rows[0];
  const last = found.rows.at(-1);
  return {
    rows: found.rows,
    total: found.total,
    prev:
      first !== undefined && found.hasBefore
        ? writeCursor(secret, query.digest, { direction: 'p', key: keyOf(first) })
        : null,
    next:
      last !== undefined && found.hasAfter
        ? writeCursor(secret, query.digest, { direction: 'n', key: keyOf(last) })
        : null,
  };
}

interface Found {
  readonly rows: Row[];
  readonly total: number;
  readonly hasBefore: boolean;
  readonly hasAfter: boolean;
}

/** The common case, all records by id: it reads its own records only, however large the table. */
function plainPage(table: Table, cursor: Cursor | undefined, skip: number, limit: number): Found {
  const key = Number(cursor?.key.at(-1));
  const positions: number[] = [];
  const collect = (source: Generator<number>): void => {
    if (limit === 0) return;
    for (const position of source) {
      positions.push(position);
      if (positions.length === limit) return;
    }
  };
  if (cursor?.direction === 'p') {
    collect(table.backward(table.positionAfter(key - 1) - 1));
    positions.reverse();
  } else {
    const source = table.forward(cursor === undefined ? 0 : table.positionAfter(key));
    for (let skipped = 0; skipped < skip && source.next().done !== true; skipped++);
    collect(source);
  }
  const first = positions[0];
  const last = positions.at(-1);
  return {
    rows: positions.map((position) => table.at(position) as Row),
    total: table.size,
    hasBefore: first !== undefined && table.backward(first - 1).next().done !== true,
    hasAfter: last !== undefined && table.forward(last + 1).next().done !== true,
  };
}

function sortedPage(
  table: Table,
  query: ListQuery,
  cursor: Cursor | undefined,
  skip: number,
  valueAt: (row: Row, path: string) => unknown,
): Found {
  const order = [...query.sort, { path: 'id', descending: false }];
  const compare = (a: Key, b: Key): number => {
    for (const [at, { path, descending }] of order.entries()) {
      const sign = compareValues(path, a[at] ?? null, b[at] ?? null);
      if (sign !== 0) return descending ? -sign : sign;
    }
    return 0;
  };
  const keyed: { row: Row; key: Key }[] = [];
  for (const position of table.forward()) {
    const row = table.at(position) as Row;
    if (query.matches !== undefined && !query.matches(row)) continue;
    const key = order.map(({ path }) =>
      path === 'id' ? row.id : ((valueAt(row, path) ?? null) as string | null),
    );
    keyed.push({ row, key });
  }
  keyed.sort((a, b) => compare(a.key, b.key));
  let start = skip;
  let end = skip + query.limit;
  if (cursor?.direction === 'n') {
    const found = keyed.findIndex(({ key }) => compare(key, cursor.key) > 0);
    start = found === -1 ? keyed.length : found;
    end = start + query.limit;
  } else if (cursor?.direction === 'p') {
    const found = keyed.findIndex(({ key }) => compare(key, cursor.key) >= 0);
    end = found === -1 ? keyed.length : found;
    start = Math.max(0, end - query.limit);
  }
  const rows = keyed.slice(start, end).map(({ row }) => row);
  return { rows, total: keyed.length, hasBefore: start > 0, hasAfter: end < keyed.length };
}

/** Ids by number, texts by code unit, no value last. */
function compareValues(path: string, a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  if (path === 'id') return Number(a) - Number(b);
  return a < b ? -1 : 1;
}
