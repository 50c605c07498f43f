/** The paging styles: where a list begins, and where it goes on after an answer. */
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Paging, StreamDefinition } from '../providers/contract.ts';
import { fieldAt } from './field.ts';

/**
 * The URL of a list's first page. `parent` is the id of the record that a nested stream is listed for, `grandparent` that of
 * the record which that one was listed for.
 *
 * @throws SluiceError `parent_unaddressable`
 */
export function firstPage(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  parent = '',
  grandparent = '',
): string {
  const path = stream.path
    .replaceAll('{parent}', encodeURIComponent(parent))
    .replaceAll('{grandparent}', encodeURIComponent(grandparent));
  assertAddressable(stream, path);
  const url = new URL(`${connection.endpoints.api ?? ''}${path}`);
  for (const [name, value] of Object.entries(stream.query ?? {}))
    url.searchParams.set(name, value.replaceAll('{parent}', parent));
  const { paging } = stream;
  const size = pageSize(connection, paging);
  if ('sizeParam' in paging && paging.sizeParam !== undefined && size !== undefined)
    url.searchParams.set(paging.sizeParam, String(size));
  if (paging.style === 'offset') url.searchParams.set(paging.offsetParam, '0');
  if (paging.style === 'page') url.searchParams.set(paging.pageParam, String(paging.firstPage ?? 1));
  return url.href;
}

/**
 * An id of `.` or `..` would make the address that of another list, whose records would then count as this parent's.
 * Encoding doesn't help: `%2e` is a dot there as well (WHATWG URL, "double-dot URL path segment").
 */
function assertAddressable(stream: StreamDefinition, path: string): void {
  const template = stream.path.split(/[?#]/, 1)[0]?.split('/') ?? [];
  const segments = path.split(/[?#]/, 1)[0]?.split('/') ?? [];
  const dots = segments.findIndex((part, at) => template[at] !== part && (part === '.' || part === '..'));
  if (dots === -1) return;
  throw new SluiceError(
    'parent_unaddressable',
    `${stream.name} can't be listed for the record of ${stream.parent ?? 'its parent'} whose id is "${segments[dots]}": in an address that means another place.`,
  );
}

export interface PageAnswer {
  readonly url: string;
  readonly headers: Headers;
  readonly body: unknown;
  readonly itemCount: number;
}

/**
 * The URL of the page after this one, or undefined at the end.
 *
 * @throws SluiceError `response_unexpected` where the answer's link is no URL
 */
export function nextPage(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  answer: PageAnswer,
): string | undefined {
  const { paging } = stream;
  switch (paging.style) {
    case 'none':
      return undefined;
    case 'sequence':
      // Where a feed goes on is for the pass to say, which knows how far the feed went when it began.
      return undefined;
    case 'next-link': {
      const link = fieldAt(answer.body, paging.at);
      const isObject = typeof link === 'object' && link !== null && !Array.isArray(link);
      return follow(answer.url, isObject ? fieldAt(link, 'href') : link);
    }
    case 'next-header':
      return follow(answer.url, answer.headers.get(paging.header));
    case 'offset': {
      const url = new URL(answer.url);
      if (answer.itemCount < (pageSize(connection, paging) ?? 1)) return undefined;
      const offset = Number(url.searchParams.get(paging.offsetParam) ?? 0);
      url.searchParams.set(paging.offsetParam, String(offset + answer.itemCount));
      return url.href;
    }
    case 'page': {
      const url = new URL(answer.url);
      if (answer.itemCount < (pageSize(connection, paging) ?? 1)) return undefined;
      const page = Number(url.searchParams.get(paging.pageParam) ?? paging.firstPage ?? 1);
      url.searchParams.set(paging.pageParam, String(page + 1));
      return url.href;
    }
  }
}

/** A link may be absolute or relative to the page that named it; its origin is checked where it is requested. */
function follow(from: string, link: unknown): string | undefined {
  if (link === null || link === undefined || link === '') return undefined;
  if (typeof link !== 'string' || !URL.canParse(link, from)) {
    throw new SluiceError(
      'response_unexpected',
      `The link to the next page of ${new URL(from).pathname} is not a URL.`,
    );
  }
  return new URL(link, from).href;
}

/** A feed that counts the given number in gives that record again: a page of one would never come further. */
const SMALLEST_SEQUENCE_PAGE = 2;

function pageSize(connection: ResolvedConnection, paging: Paging): number | undefined {
  if (paging.style === 'sequence') return Math.max(SMALLEST_SEQUENCE_PAGE, paging.pageSize);
  return connection.limits.pageSize ?? ('pageSize' in paging ? paging.pageSize : undefined);
}
