/** One exchange on the wire: bounded in time and size, ended by the caller's signal, never redirected. */
import type { Agent, Dispatcher } from 'undici';
import { SluiceError } from '../errors.ts';
import { createBodyReader, type BodyReader } from './body.ts';
import type { GuardedRequest, GuardedResponse } from './contract.ts';
import { transportError } from './failure.ts';
import type { Target } from './hosts.ts';

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 60_000;
/** the longest that setTimeout can count */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** One exchange, by undici's dispatch interface: it tells when the request leaves, and has no second copy of the body. */
export function send(
  agent: Agent,
  target: Target,
  request: GuardedRequest,
  headers: Record<string, string>,
): Promise<GuardedResponse> {
  const { url } = target;
  const method = request.method ?? 'GET';
  const label = `${method} ${url.origin}`;
  const timeoutMs = Math.min(request.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS);
  const { signal } = request;

  return new Promise((resolve, reject) => {
    let settled = false;
    let sent = false;
    let controller: Dispatcher.DispatchController | undefined;
    let reader: BodyReader | undefined;

    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      return true;
    };
    // A request that still waits for a connection has no controller: it is dropped in onRequestStart, unsent.
    const fail = (reason: unknown): void => {
      if (!settle()) return;
      reader?.destroy();
      controller?.abort(stopped);
      reject(reason);
    };
    const onAbort = (): void => fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => {
      const message = `${label} gave no complete answer within ${timeoutMs / 1000} s.`;
      fail(new SluiceError('request_timeout', message, { details: { timeoutMs, sent } }));
    }, timeoutMs);

    try {
      agent.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: method,
          headers,
          body: request.body ?? null,
        },
        {
          onRequestStart(started) {
            controller = started;
            if (settled) started.abort(stopped);
            else sent = true;
          },
          onResponseStart(_controller, status, raw) {
            // 1xx answers come before the real one
            if (settled || status < 200) return;
            try {
              const answered = responseHeaders(raw);
              if (status >= 300 && status < 400 && status !== 304)
                throw redirectRefused(status, answered, url, label);
              reader = createBodyReader({
                label,
                maxBytes: request.maxBytes ?? DEFAULT_MAX_BYTES,
                encoding: answered.get('content-encoding'),
                declaredBytes: declaredBytes(method, status, answered),
                onDrain: () => controller?.resume(),
                onDone: (body) => {
                  if (settle()) resolve({ status, headers: answered, body, url: url.href });
                },
                onError: fail,
              });
            } catch (error) {
              fail(error);
            }
          },
          onResponseData(_controller, chunk) {
            if (settled || reader === undefined) return;
            try {
              if (!reader.push(chunk)) controller?.pause();
            } catch (error) {
              fail(error);
            }
          },
          onResponseEnd() {
            if (!settled) reader?.end();
          },
          onResponseError(_controller, error) {
            fail(transportError(error, label, sent));
          },
        },
      );
    } catch (error) {
      fail(transportError(error, label, false));
    }
  });
}

const stopped = new Error('the request was given up');

function responseHeaders(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const line of Array.isArray(value) ? value : [value ?? '']) headers.append(name, line);
  }
  return headers;
}

function declaredBytes(method: string, status: number, headers: Headers): number | undefined {
  // the answer to HEAD and a 304 declare the length of a body that they don't bring (RFC 9110, section 8.6)
  const declared = headers.get('content-length');
  return declared === null || method === 'HEAD' || status === 304 ? undefined : Number(declared);
}

function redirectRefused(status: number, headers: Headers, url: URL, label: string): SluiceError {
  let targetOrigin = 'an unreadable address';
  const location = headers.get('location');
  try {
    if (location !== null) {
      const parsed = new URL(location, url);
      // other schemes have no origin
      targetOrigin = parsed.origin === 'null' ? parsed.protocol : parsed.origin;
    }
  } catch {
    // stays unreadable: the text itself may hold a secret
  }
  return new SluiceError(
    'redirect_refused',
    `${label} answered with a redirect (${status}) to ${location === null ? 'nowhere' : targetOrigin}, which Sluice does not follow.`,
    { details: { status, targetOrigin: location === null ? null : targetOrigin } },
  );
}
