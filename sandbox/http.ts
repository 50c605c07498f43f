/** The HTTP front of every simulated provider: it logs requests, plays the faults, and sends the provider's answers. */

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import type { ActiveFault, FaultBox } from './faults.ts';
import { applyToAnswer } from './pages.ts';
import type { PageShape } from './pages.ts';
import { fingerprint } from './requests.ts';
import type { RequestLog } from './requests.ts';

export interface Answer {
  readonly status: number;
  /** several values where a header comes several times, as `set-cookie` does */
  readonly headers: Record<string, string | string[]>;
  readonly body: string | Buffer;
}

export interface SandboxRequest {
  readonly method: string;
  /** absolute, with the address that the client called */
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly raw: { readonly request: IncomingMessage; readonly response: ServerResponse };
}

export interface ListenOptions {
  readonly port: number;
  readonly handle: (request: SandboxRequest) => Answer | Promise<Answer>;
  /** whether a path is the token endpoint, for the counters */
  readonly isTokenPath: (path: string) => boolean;
  readonly faults: FaultBox;
  readonly requests: RequestLog;
  readonly page: PageShape;
  /** bytes of request headers beyond which the server answers 431; default 16 KiB */
  readonly maxHeaderBytes?: number;
}

export interface Listener {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  close(): Promise<void>;
}

export function json(status: number, body: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

/** A handler that is made after the server listens, since it needs the server's own address; early requests wait for it. */
export function lateHandler(): {
  readonly handle: ListenOptions['handle'];
  open(handle: ListenOptions['handle']): void;
} {
  let open: (handle: ListenOptions['handle']) => void = () => undefined;
  const opened = new Promise<ListenOptions['handle']>((resolve) => (open = resolve));
  return { handle: async (request) => (await opened)(request), open: (handle) => open(handle) };
}

/** Listens on 127.0.0.1. Closing ends every connection at once, also those that a fault keeps open. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const stopped = new AbortController();
  const server = createServer({ maxHeaderSize: options.maxHeaderBytes ?? 16_384 }, (request, response) => {
    answer(options, request, response, stopped.signal).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      stopped.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  options: ListenOptions,
  request: IncomingMessage,
  response: ServerResponse,
  stopped: AbortSignal,
): Promise<void> {
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
  const kind = options.isTokenPath(url.pathname) ? 'token' : 'api';
  const presented = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const logged = options.requests.begin(
    {
      at: new Date().toISOString(),
      method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      tokenFingerprint: presented === undefined ? null : fingerprint(presented),
      userAgent: request.headers['user-agent'] ?? null,
    },
    kind,
  );
  const active = options.faults.take(method, url.pathname);
  if (active?.fault.delayMs !== undefined) await delay(active.fault.delayMs, undefined, { signal: stopped });
  const instead = active === undefined ? undefined : faultAnswer(active);
  if (active !== undefined && instead === undefined) {
    if (active.fault.kind === 'hang') return;
    if (active.fault.kind === 'reset' && active.fault.when === 'before-headers') {
      request.socket.resetAndDestroy();
      return;
    }
    if (active.fault.kind === 'flood') {
      options.requests.end(logged, 200, kind);
      await flood(response, active.fault.bytes ?? 10 * 1024 ** 3, active.fault.gzip ?? false);
      return;
    }
  }
  const real =
    instead ?? (await options.handle({ method, url, headers: request.headers, raw: { request, response } }));
  const sent =
    active === undefined || instead !== undefined ? real : applyToAnswer(active, real, options.page);
  options.requests.end(logged, sent.status, kind);
  // what the client still sends is read and dropped, so that the connection stays usable
  request.resume();
  const body = Buffer.isBuffer(sent.body) ? sent.body : Buffer.from(sent.body);
  const empty = sent.status === 304 || sent.status === 204;
  response.writeHead(sent.status, { ...sent.headers, ...(empty ? {} : { 'content-length': body.length }) });
  if (active?.fault.kind === 'reset') {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => request.socket.resetAndDestroy());
    return;
  }
  response.end(empty || method === 'HEAD' ? undefined : body);
}

/** The answer of a fault that replaces the real one; undefined for the others. */
function faultAnswer({ fault }: ActiveFault): Answer | undefined {
  switch (fault.kind) {
    case 'status': {
      const { status, body } = fault;
      if (typeof body === 'string') return { status, headers: { ...fault.headers }, body };
      if (body !== undefined) return json(status, body, fault.headers);
      const problem = { type: 'about:blank', title: 'Injected by the sandbox', status };
      return json(status, problem, { 'content-type': 'application/problem+json', ...fault.headers });
    }
    case 'oauth-error': {
      const status = fault.status ?? (fault.error === 'invalid_client' ? 401 : 400);
      return json(status, { error: fault.error }, { 'cache-control': 'no-store' });
    }
    case 'html':
      return {
        status: fault.status ?? 200,
        headers: { 'content-type': 'text/html; charset=utf-8' },
        body: '<!doctype html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>',
      };
    case 'redirect':
      return { status: fault.status ?? 302, headers: { location: fault.location }, body: '' };
    default:
      return undefined;
  }
}

/** Streams `total` decoded bytes of a JSON text that never closes, as fast as the client reads and no faster. */
async function flood(response: ServerResponse, total: number, gzip: boolean): Promise<void> {
  const unit = gzip ? 8 * 1024 ** 2 : 64 * 1024;
  const plain = Buffer.alloc(unit, 'x');
  // a gzip stream may consist of many members (RFC 1952 section 2.2): one is compressed, and sent again and again
  const wrap = (part: Buffer): Buffer => (gzip ? gzipSync(part) : part);
  const start = wrap(Buffer.from('{"items":["'));
  const chunk = wrap(plain);
  function* body(): Generator<Buffer> {
    yield start;
    for (let sent = 0; sent < total; sent += unit) yield chunk;
  }
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  });
  // rejects when the client hangs up, which is what a careful client does
  await pipeline(Readable.from(body()), response);
}
