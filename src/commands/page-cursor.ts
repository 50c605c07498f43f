/** Cursors of pages: a place in a list as an opaque text. */
import { SluiceError } from '../errors.ts';
import type { RunPlace } from '../sync/history.ts';

export function writeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** @throws SluiceError `request_invalid` for what no page gave */
export function readCursor<T>(cursor: string, fits: (value: unknown) => value is T): T {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (fits(place)) return place;
  } catch {
    // no JSON: no cursor of ours
  }
  throw new SluiceError('request_invalid', 'query.cursor is not the `next` of a page.');
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

export function isPlace(value: unknown): value is RunPlace {
  const { at, id } = (value ?? {}) as Partial<RunPlace>;
  return (
    isText(id) &&
    isText(at) &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(at) &&
    !Number.isNaN(Date.parse(at))
  );
}
