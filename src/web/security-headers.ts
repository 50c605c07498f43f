/** Security headers of every answer: nothing may be loaded, framed or sniffed beyond what the pages need. */
import type { MiddlewareHandler } from 'hono';
import { NONCE, secureHeaders } from 'hono/secure-headers';
import type { WebEnv } from './contract.ts';

/** Half a year. Without subdomains: the rest of the operator's domain is not ours to decide. */
const HSTS = 'max-age=15552000';

/** `script-src` and `style-src` by nonce: our own pages carry both inline, and nothing else runs. */
const PAGES = {
  defaultSrc: ["'none'"],
  scriptSrc: [NONCE],
  styleSrc: [NONCE],
  imgSrc: ['data:'],
  // pages of the console read themselves again
  connectSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
};

/**
 * What Bull Board's own files need, and no more: its scripts, one script as a web worker (highlighting), its
 * styles with inline ones, its images and its API; its page sets `<base>`. The web font that its page asks
 * Google for stays blocked, so that no third party learns of the console; the system's font stands in.
 */
const BULL_BOARD = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  workerSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  formAction: ["'none'"],
  baseUri: ["'self'"],
  frameAncestors: ["'none'"],
};

/** Sets the headers after the handler; paths under `boardPath` get Bull Board's policy. */
export function securityHeaders(publicUrl: string, boardPath: string): MiddlewareHandler<WebEnv> {
  const common = {
    // not `no-referrer`: with it browsers send `Origin: null` with forms, and the same-origin check fails
    referrerPolicy: 'same-origin',
    xFrameOptions: 'DENY',
    strictTransportSecurity: isHttps(publicUrl) ? HSTS : false,
  };
  const pages = secureHeaders({ ...common, contentSecurityPolicy: PAGES });
  const board = secureHeaders({ ...common, contentSecurityPolicy: BULL_BOARD });
  return (c, next) =>
    c.req.path === boardPath || c.req.path.startsWith(`${boardPath}/`) ? board(c, next) : pages(c, next);
}

export function isHttps(publicUrl: string): boolean {
  return new URL(publicUrl).protocol === 'https:';
}
