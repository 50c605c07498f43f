/** Reads what a browser posts from a form to a simulated provider. */

import type { IncomingMessage } from 'node:http';

import type { Answer } from './http.ts';

/** A text as it is; empty for anything else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

const MAX_BYTES = 64 * 1024;

/** The body of a request, at most 64 KiB of it. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= MAX_BYTES) parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** The fields of a form; undefined where the body is no form. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded(;|$)/i.test(type)) return undefined;
  return new URLSearchParams(await readBody(request));
}

export function redirect(location: string, headers: Answer['headers'] = {}): Answer {
  return { status: 303, headers: { location, 'cache-control': 'no-store', ...headers }, body: '' };
}

/** One cookie of a request. */
export function cookie(request: IncomingMessage, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, ...value] = part.trim().split('=');
    if (key === name) return value.join('=');
  }
  return undefined;
}

/** Client id and secret of a Basic header, as they are or form-encoded (RFC 6749 section 2.3.1); undefined for no such header. */
export function readBasic(
  header: string | undefined,
  encoding: 'raw' | 'form',
): { readonly id: string; readonly secret: string } | undefined {
  const coded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  if (coded === undefined) return undefined;
  const text = Buffer.from(coded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon === -1) return undefined;
  const decode = (part: string): string => {
    if (encoding === 'raw') return part;
    try {
      return decodeURIComponent(part.replaceAll('+', ' '));
    } catch {
      return part;
    }
  };
  return { id: decode(text.slice(0, colon)), secret: decode(text.slice(colon + 1)) };
}
