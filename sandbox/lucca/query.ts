/**
 * Reads the query of a list request as strictly as the reference allows: what it doesn't document is refused.
 * https://developers.lucca.fr/documentation/using-api/paging and /filtering
 */

import { createHash } from 'node:crypto';

import type { Row } from '../table.ts';
import { definitions } from './resources.ts';
import type { Filter, Resource } from './resources.ts';

export type Include = 'embedded' | 'links' | 'totalCount';

/** The query is wrong: what, by parameter, for the `errors` of the problem document. */
export class QueryError extends Error {
  readonly errors: Readonly<Record<string, readonly string[]>>;
  readonly status: 400 | 501;
  constructor(parameter: string, message: string, status: 400 | 501 = 400) {
    super(message);
    this.errors = { [parameter]: [message] };
    this.status = status;
  }
}

export interface ListQuery {
  readonly include: ReadonlySet<Include>;
  readonly limit: number;
  /** as sent: a cursor, or a page number from 1; undefined for the first page */
  readonly page: string | undefined;
  readonly sort: readonly { readonly path: string; readonly descending: boolean }[];
  /** undefined when every record matches */
  readonly matches: ((row: Row) => boolean) | undefined;
  /** names the filters and the order: a cursor is good for the query that it came from, and no other */
  readonly digest: string;
}

const INCLUDES: ReadonlySet<string> = new Set<Include>(['embedded', 'links', 'totalCount']);
const PAGING: ReadonlySet<string> = new Set(['include', 'limit', 'page', 'sort']);

/** `?include=a,b` and `?include=a&include=b` are both lists. */
function values(query: URLSearchParams, name: string): string[] {
  return query.getAll(name).flatMap((value) => value.split(','));
}

function single(query: URLSearchParams, name: string): string | undefined {
  const all = query.getAll(name);
  if (all.length > 1) throw new QueryError(name, `The ${name} parameter may be given once.`);
  return all[0];
}

/** @throws QueryError for a value that isn't documented */
export function readInclude(query: URLSearchParams): ReadonlySet<Include> {
  const found = new Set<Include>();
  for (const value of values(query, 'include')) {
    if (!INCLUDES.has(value))
      throw new QueryError('include', `'${value}' is not one of embedded, links, totalCount.`);
    found.add(value as Include);
  }
  return found;
}

/** @throws QueryError */
export function readListQuery(
  resource: Resource,
  query: URLSearchParams,
  valueAt: (row: Row, path: string) => unknown,
): ListQuery {
  const definition = definitions[resource];
  const limitText = single(query, 'limit') ?? '25';
  const limit = Number(limitText);
  if (!/^\d{1,9}$/.test(limitText) || limit > 100) {
    throw new QueryError(
      'limit',
      `The limit parameter must be an integer from 0 to 100, not '${limitText}'.`,
    );
  }
  const sort = (query.has('sort') ? values(query, 'sort') : ['id']).map((instruction) => {
    const descending = instruction.startsWith('-');
    const path = instruction.replace(/^[-+ ]/, '');
    if (path !== 'id' && !definition.sorts.includes(path)) {
      throw new QueryError('sort', `'${instruction}' is no sort of ${resource}.`);
    }
    return { path, descending };
  });
  const tests: ((row: Row) => boolean)[] = [];
  const names = [...new Set(query.keys())].filter((name) => !PAGING.has(name));
  for (const name of names) {
    const filter = definition.filters[name];
    if (filter === undefined) throw new QueryError(name, `${resource} have no '${name}' parameter.`);
    tests.push(readFilter(name, filter, query, valueAt));
  }
  const shape = JSON.stringify([resource, sort, names.toSorted().map((name) => [name, query.getAll(name)])]);
  return {
    include: readInclude(query),
    limit,
    page: single(query, 'page'),
    sort,
    matches: tests.length === 0 ? undefined : (row) => tests.every((test) => test(row)),
    digest: createHash('sha256').update(shape).digest('base64url').slice(0, 8),
  };
}

function readFilter(
  name: string,
  filter: Filter,
  query: URLSearchParams,
  valueAt: (row: Row, path: string) => unknown,
): (row: Row) => boolean {
  const asked = values(query, name);
  if (asked.length > 100) throw new QueryError(name, `The ${name} parameter takes at most 100 values.`);
  if (asked.some((value) => value === ''))
    throw new QueryError(name, `The ${name} parameter has an empty value.`);
  const text = asked.join(',').toLowerCase();
  const textAt = (row: Row, field: string): string =>
    ((valueAt(row, field) as string | null) ?? '').toLowerCase();
  switch (filter.kind) {
    case 'unsimulated':
      throw new QueryError(name, `The sandbox does not simulate the '${name}' filter.`, 501);
    case 'boolean':
      if (text !== 'true' && text !== 'false')
        throw new QueryError(name, `'${text}' is neither true nor false.`);
      return (row) => String(valueAt(row, name)) === text;
    case 'search':
      return (row) => filter.fields.some((field) => textAt(row, field).includes(text));
    case 'starts':
      return (row) =>
        filter.fields.some((field) =>
          textAt(row, field)
            .split(/[ \-_,.]/)
            .some((word) => word.startsWith(text)),
        );
    case 'list': {
      const wanted = new Set(asked);
      return (row) => {
        const value = valueAt(row, filter.path ?? name) ?? 'null';
        return (Array.isArray(value) ? value : [value]).some((one) => wanted.has(String(one)));
      };
    }
    case 'between':
    case 'between-times': {
      const [from, to, ...rest] = asked.join(',').split('--');
      const parse = (edge: string | undefined, open: number): number => {
        const time = edge === '..' ? open : Date.parse(edge ?? '');
        if (Number.isNaN(time) || rest.length > 0) {
          throw new QueryError(name, `'${asked.join(',')}' is no range such as 2024-01-01--2024-12-31.`);
        }
        return time;
      };
      const start = parse(from, -Infinity);
      const end = parse(to, Infinity);
      const isWithin = (time: number): boolean =>
        time >= start && (filter.kind === 'between' ? time <= end : time < end);
      return (row) => {
        const value = valueAt(row, filter.path ?? name);
        return typeof value === 'string' && isWithin(Date.parse(value));
      };
    }
  }
}
