/** When a server wants to be asked again, wherever its answer says so. */

/** An answer that asks for more is tried again after an hour nevertheless. */
const MAX_WAIT_MS = 60 * 60 * 1000;

/**
 * Epoch milliseconds before which no request is welcome; seconds and HTTP dates (RFC 9110 section 10.2.3).
 * Undefined where the header is absent, unreadable or names the past. At most an hour ahead.
 */
export function readRetryAfter(headers: Headers, now: number): number | undefined {
  return momentOf(headers.get('retry-after') ?? '', now);
}

/**
 * The same for an answer of a token endpoint, whatever its status: the header first; where it says nothing,
 * `retry_after` of the body, in seconds, as some servers put it there.
 */
export function readTokenRetryAfter(
  headers: Headers,
  json: Readonly<Record<string, unknown>> | undefined,
  now: number,
): number | undefined {
  const stated = json?.['retry_after'];
  const inBody = typeof stated === 'number' || typeof stated === 'string' ? String(stated) : '';
  return readRetryAfter(headers, now) ?? momentOf(inBody, now);
}

function momentOf(text: string, now: number): number | undefined {
  const value = text.trim();
  const isSeconds = /^\d+(\.\d+)?$/.test(value);
  // Date.parse makes a date of almost anything: an HTTP date begins with the day's name
  const isDate = /^[A-Za-z]{3,9},? /.test(value);
  const at = isSeconds ? now + Number(value) * 1000 : isDate ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) || at <= now ? undefined : Math.min(at, now + MAX_WAIT_MS);
}
