/** The shape of every HTTP request that Sluice sends, so that callers and tests can hand in their own. */

export interface GuardedRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** bytes of the decoded answer; default 64 MiB */
  readonly maxBytes?: number;
  /** milliseconds for the whole exchange, headers and body; default 60,000 */
  readonly timeoutMs?: number;
}

export interface GuardedResponse {
  readonly status: number;
  /**
   * As the server sent them, so `content-encoding` and `content-length` describe the encoded body. Names in lower
   * case; several lines of one name joined by a comma and a space.
   */
  readonly headers: Headers;
  /** the decoded body; never more than `maxBytes` */
  readonly body: Buffer;
  readonly url: string;
}

/**
 * Sends one request. Follows no redirect, reads no more than the cap, ends within the timeout, and reaches no
 * private address that the configuration doesn't allow (checked on the resolved address, not on the name). Every
 * status but a redirect is an answer: 4xx and 5xx are returned. Messages name the method and the origin, never
 * the path, the query, headers or a body.
 *
 * @throws SluiceError `endpoint_refused` (config), `request_malformed` (config), `tls_error` (config),
 *   `redirect_refused` (data; every 3xx but 304; `details.status`, `details.targetOrigin`),
 *   `response_too_large` (data), `response_unreadable` (data: an encoding that can't be undone),
 *   `request_timeout` (transient; `details.sent`),
 *   `network_error` (transient; `details.networkCode`, `details.sent`: false where the request certainly never left).
 *   An abort by the caller's signal rejects with the signal's reason.
 */
export type GuardedFetch = (url: string, request?: GuardedRequest) => Promise<GuardedResponse>;
