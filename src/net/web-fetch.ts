/** The guarded fetch in the shape of the WHATWG `fetch`, for libraries that take one (openid-client's `customFetch`). */
import { SluiceError } from '../errors.ts';
import type { GuardedFetch, GuardedRequest } from './contract.ts';

/** Statuses whose `Response` may have no body, not even an empty one (Fetch standard, "null body status"). */
const NULL_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Takes all that `fetch` takes, and says `undefined` for "not given" as openid-client does. */
export interface WebFetchInit {
  readonly method?: string | undefined;
  readonly headers?: RequestInit['headers'] | undefined;
  /** text, bytes or `URLSearchParams` */
  readonly body?: unknown;
  readonly signal?: AbortSignal | null | undefined;
  /** ignored: a redirect always throws */
  readonly redirect?: string | undefined;
}

export type WebFetch = (input: string | URL | Request, init?: WebFetchInit) => Promise<Response>;

/**
 * A `fetch` that sends by the guarded one and returns a real `Response`, read to its end. It takes what openid-client
 * passes: a method, headers, a text or form body, a signal, `redirect: "manual"`. Unlike `fetch` it throws on
 * a redirect (`redirect_refused`), and its errors are of the catalogue, not `TypeError`.
 *
 * @param limits `maxBytes` and `timeoutMs` for every request sent through it
 */
export function asFetch(
  guarded: GuardedFetch,
  limits: Pick<GuardedRequest, 'maxBytes' | 'timeoutMs'> = {},
): WebFetch {
  return async (input, init = {}) => {
    if (input instanceof Request) throw new TypeError('pass a URL and options, not a Request');
    const headers = new Headers(init.headers);
    const body = bodyOf(init.body);
    if (init.body instanceof URLSearchParams && !headers.has('content-type')) {
      headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
    }
    const answer = await guarded(String(input), {
      ...limits,
      method: init.method?.toUpperCase() ?? 'GET',
      headers: Object.fromEntries(headers),
      ...(body === undefined ? {} : { body }),
      ...(init.signal == null ? {} : { signal: init.signal }),
    });
    if (answer.status > 599) {
      const { origin } = new URL(answer.url);
      throw new SluiceError(
        'response_unreadable',
        `${origin} answered with the unknown status ${answer.status}.`,
      );
    }
    const response = new Response(NULL_BODY.has(answer.status) ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: answer.headers,
    });
    // a constructed Response has an empty url, and the property has no setter
    Object.defineProperty(response, 'url', { value: answer.url });
    return response;
  };
}

function bodyOf(body: unknown): string | Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('only text, bytes and form bodies can be sent');
}
