/** Every failed request, as a problem document (RFC 9457) for programs or as a page for people. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { accepts } from 'hono/accepts';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { SluiceError, type ErrorCode, type ErrorKind } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { WebEnv } from './contract.ts';
import { problemPage } from './problem-page.tsx';

/** RFC 9457 with our members `code`, `kind`, `advice`, and `id` where the log has more. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly kind: ErrorKind;
  readonly advice: string;
  readonly id?: string;
  /** with `feed_truncated`: the oldest change that is left */
  readonly earliest?: unknown;
  /** with `cursor_ahead`: the newest change */
  readonly last?: unknown;
  /** with `config_invalid`: each of them */
  readonly problems?: unknown;
}

/** The facts of an error that its document names, by its code; the others stay in the log. */
const SHOWN_DETAILS: Partial<Record<ErrorCode, 'earliest' | 'last' | 'problems'>> = {
  config_invalid: 'problems',
  cursor_ahead: 'last',
  feed_truncated: 'earliest',
};

const STATUS_BY_CODE: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  api_key_required: 401,
  body_too_large: 413,
  connection_changed: 409,
  connection_managed_by_file: 409,
  connection_parked: 409,
  connection_paused: 409,
  connect_link_expired: 410,
  connect_expired: 410,
  connect_state_invalid: 400,
  connect_not_possible: 409,
  connect_other_account: 409,
  cross_site_request: 403,
  cursor_ahead: 409,
  event_not_replayable: 409,
  feed_truncated: 410,
  idempotency_in_progress: 409,
  internal: 500,
  login_failed: 401,
  login_required: 401,
  media_type_unsupported: 415,
  method_not_allowed: 405,
  not_found: 404,
  queues_read_only: 403,
  request_invalid: 400,
  route_not_found: 404,
  webhook_refused: 401,
};

const STATUS_BY_KIND: Record<ErrorKind, ContentfulStatusCode> = {
  auth: 403,
  config: 400,
  data: 422,
  rate_limited: 429,
  transient: 503,
};

/** Paths that only programs call: they get JSON, whatever they accept. */
const PROGRAM_PATH = /^\/(?:v1|webhooks|livez|readyz|metrics|openapi\.json)(?:\/|$)/;

/** The HTTP status of an error: by its code, else by its kind. */
export function statusOf(error: SluiceError): ContentfulStatusCode {
  return STATUS_BY_CODE[error.code] ?? STATUS_BY_KIND[error.kind];
}

/** Whether the answer should be JSON: the path is a program's, or the request prefers JSON to HTML. */
export function wantsJson(c: Context<WebEnv>): boolean {
  if (PROGRAM_PATH.test(c.req.path)) return true;
  const best = accepts(c, {
    header: 'Accept',
    supports: ['text/html', 'application/json', 'application/problem+json'],
    default: 'text/html',
  });
  return best !== 'text/html';
}

/** Answers with a problem document, or with a page where a person asked. */
export function problemResponse(
  c: Context<WebEnv>,
  error: SluiceError,
  id?: string,
): Response | Promise<Response> {
  const status = statusOf(error);
  const shown = SHOWN_DETAILS[error.code];
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    kind: error.kind,
    advice: error.advice,
    ...(id === undefined ? {} : { id }),
    ...(shown === undefined ? {} : { [shown]: error.details[shown] }),
  };
  c.header('Cache-Control', 'no-store');
  if (!wantsJson(c))
    return c.html(problemPage(problem, c.get('secureHeadersNonce'), c.get('session')), status);
  return c.body(JSON.stringify(problem), status, { 'Content-Type': 'application/problem+json' });
}

export const unknownRoute: NotFoundHandler<WebEnv> = (c) =>
  problemResponse(c, new SluiceError('route_not_found', `Nothing answers ${c.req.method} ${c.req.path}.`));

/**
 * Turns what a handler threw into an answer. What is not ours becomes `internal` with an id that stands in the
 * log beside the error itself: message and stack stay there.
 */
export function errorHandler(logger: Logger): ErrorHandler<WebEnv> {
  return (thrown, c) => {
    const error = asSluiceError(thrown);
    if (statusOf(error) < 500) return problemResponse(c, error);
    const id = randomUUID();
    // a client that went away broke its own request off: nobody needs to look into that
    const level = c.req.raw.signal.aborted ? 'debug' : 'error';
    logger[level]({ err: thrown, id, method: c.req.method, path: c.req.path }, 'request failed');
    return problemResponse(c, error, id);
  };
}

function asSluiceError(thrown: Error): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  if (thrown instanceof HTTPException && thrown.status < 500) {
    if (thrown.status === 403)
      return new SluiceError('cross_site_request', 'This request came from another site.');
    if (thrown.status === 413)
      return new SluiceError('body_too_large', 'The body of this request is too large.');
    return new SluiceError('request_invalid', STATUS_CODES[thrown.status] ?? 'The request is not valid.');
  }
  return new SluiceError('internal', 'Something went wrong inside Sluice.', {
    advice: 'Search the log for the id given here: that line holds the error and its stack trace.',
    cause: thrown,
  });
}
