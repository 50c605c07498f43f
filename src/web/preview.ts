/** Requests that nobody made by opening a page: what they ask for must not happen because of them. */
import type { Context } from 'hono';
import type { WebEnv } from './contract.ts';

/**
 * `HEAD`, which link previews and monitors send and which must change nothing (RFC 9110, section 9.3.2), and what a
 * browser fetches in advance and says so (Fetch standard, `Sec-Purpose`; `Purpose` in older ones).
 */
export function isPreview(c: Context<WebEnv>): boolean {
  if (c.req.method === 'HEAD') return true;
  return /prefetch/i.test(`${c.req.header('sec-purpose') ?? ''} ${c.req.header('purpose') ?? ''}`);
}
