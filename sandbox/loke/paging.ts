/** The lists of the simulated LOKE: bare arrays, and a header that leads to the next page. https://developers.loke.global/docs/guides/paging */

import { createHmac } from 'node:crypto';

import type { Collection, Fields, UpdateMark } from '../collection.ts';
import type { Row } from '../table.ts';

export interface PagingSettings {
  /** records of a page; 1000 is documented for customers only */
  pageSize: number;
  /** what `X-Next-Page` holds: the guide says "a full URL", its sample takes a path as well */
  nextPage: 'absolute' | 'relative';
}

/** The query is wrong. */
export class QueryError extends Error {}

export type Sort = 'created' | 'updated' | 'none';

export interface PageQuery {
  readonly sort: Sort;
  /** the cursor, as sent */
  readonly after: string | null;
  readonly matches: (row: Fields) => boolean;
  /** names the list, its order and its filters: a cursor is good for the query that it came from, and no other */
  readonly digest: string;
}

export interface Page {
  readonly rows: Row[];
  /** cursor of the next page; undefined on the last one */
  readonly next: string | undefined;
}

const mac = (secret: string, payload: string): string =>
  createHmac('sha256', secret).update(payload).digest('base64url').slice(0, 10);

/** A cursor can't be made by hand, as the documentation asks: it carries its own check. */
function writeCursor(secret: string, digest: string, { edit, index }: UpdateMark): string {
  const payload = `${edit}.${index}`;
  return Buffer.from(`${payload}.${mac(secret, `${digest}|${payload}`)}`).toString('base64url');
}

function readCursor(secret: string, digest: string, text: string): UpdateMark {
  const [edit, index, check] = Buffer.from(text, 'base64url').toString().split('.');
  if (check !== mac(secret, `${digest}|${edit}.${index}`)) {
    throw new QueryError('after is no cursor of this list');
  }
  return { edit: Number(edit), index: Number(index) };
}

function* marks(list: Collection, sort: Sort, after: UpdateMark | undefined): Generator<UpdateMark> {
  if (sort === 'updated') return yield* list.latestFirst(after);
  const indexes =
    sort === 'created'
      ? list.backward(after === undefined ? undefined : after.index - 1)
      : list.forward(after === undefined ? 0 : after.index + 1);
  for (const index of indexes) yield { edit: 0, index };
}

/** @throws QueryError for a cursor that this list didn't give */
export function readPage(list: Collection, query: PageQuery, size: number, secret: string): Page {
  const after = query.after === null ? undefined : readCursor(secret, query.digest, query.after);
  const found: { row: Row; mark: UpdateMark }[] = [];
  for (const mark of marks(list, query.sort, after)) {
    const row = list.at(mark.index) as Fields;
    if (query.matches(row)) found.push({ row: row as unknown as Row, mark });
    if (found.length > size) break;
  }
  const last = found[size - 1];
  const hasMore = found.length > size && last !== undefined;
  return {
    rows: found.slice(0, size).map(({ row }) => row),
    next: hasMore ? writeCursor(secret, query.digest, last.mark) : undefined,
  };
}
