/** Cursors of pages: where a page ended, as a text that callers hand back and needn't understand. */
import { SluiceError } from '../errors.ts';

export function writeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** @throws SluiceError `request_invalid` for what no page gave */
export function readCursor<T>(
  cursor: string | undefined,
  fits: (value: unknown) => value is T,
): T | undefined {
  if (cursor === undefined) return undefined;
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

/** A row in a list by time; the time in full, as Postgres has it. */
interface Place {
  readonly at: string;
  readonly id: string;
}

export function isPlace(value: unknown): value is Place {
  const { at, id } = (value ?? {}) as Partial<Place>;
  return (
    isText(id) &&
    isText(at) &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(at) &&
    !Number.isNaN(Date.parse(at))
  );
}
