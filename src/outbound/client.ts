/**
 * Every data request that leaves for a provider goes through here: it gets the token, sends, replays once after
 * a 401 with a newer token, retries a hiccup twice in place, and turns the rest into an error of the catalogue.
 */
import pRetry from 'p-retry';
import type { AccessToken, TokenService, TokenSubject } from '../auth/contract.ts';
import { SluiceError } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import type { GuardedFetch, GuardedResponse } from '../net/contract.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { readRetryAfter } from '../auth/retry-after.ts';
import type { RequestEntry, TimelineEntry } from '../store/run-timeline.ts';
import { noTracing, type SpanSpec, type Tracing } from '../telemetry/tracing.ts';
import type { Limiter } from './limiter.ts';
import { followRequest, shownPath, type RequestTrail } from './request-trail.ts';
import { bodyOf, forbidden, unauthorized } from './refusal.ts';

/** Quick retries in place: at most two, spread over less than 5 s, so that a slot is never held for long. */
const QUICK_RETRIES = 2;
const QUICK_BASE_MS = 250;
const QUICK_MAX_MS = 2_000;
/** An answer that took longer than this to fail isn't waited for again in place. */
const QUICK_TOTAL_MS = 5_000;
/** How long a 429 without Retry-After stops everybody under that key, in milliseconds. */
const UNNAMED_RATE_WAIT_MS = 30_000;
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 425]);

/** Counted by the caller's run; the client only adds. */
export interface RequestCounts {
  requests: number;
  retries: number;
  tokenRequests: number;
  /** for the run's timeline, in the order in which they ended */
  readonly entries: TimelineEntry[];
}

export function noRequests(): RequestCounts {
  return { requests: 0, retries: 0, tokenRequests: 0, entries: [] };
}

export interface ProviderRequest {
  readonly connection: ResolvedConnection;
  /** the flow that a `per-flow` token belongs to */
  readonly flow: string;
  /** absolute, on the origin of the connection's API */
  readonly url: string;
  readonly stream?: StreamDefinition;
  readonly counts: RequestCounts;
  readonly signal?: AbortSignal;
}

export interface ProviderAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  /** the one that was answered with it, as it stands in the counts */
  readonly request: RequestEntry | undefined;
}

export interface Outbound {
  /**
   * One GET that answers JSON.
   *
   * @throws SluiceError `provider_unavailable`, `provider_not_ready` (transient), `provider_rate_limited`
   *   (rate_limited), `provider_unauthorized`, `provider_forbidden` (auth), `provider_refused`,
   *   `response_unreadable`, `next_link_refused` (data), and what the token service and the guarded fetch throw
   */
  getJson(request: ProviderRequest): Promise<ProviderAnswer>;
}

export interface OutboundOptions {
  readonly fetch: GuardedFetch;
  readonly tokens: Pick<TokenService, 'get' | 'reject'>;
  readonly limiter: Limiter;
  readonly now: () => number;
  /** `status` is null where no answer came */
  readonly onAnswer?: (provider: string, status: number | null, seconds: number) => void;
  /** [none] */
  readonly tracing?: Tracing;
  /** milliseconds for one request; default 30,000 */
  readonly timeoutMs?: number;
}

export function createOutbound(options: OutboundOptions): Outbound {
  const { fetch, tokens, now, tracing = noTracing } = options;

  /** `token` is undefined for credentials that go in headers alone. */
  async function send(
    request: ProviderRequest,
    token: AccessToken | undefined,
    trail: RequestTrail,
  ): Promise<GuardedResponse> {
    const { connection, stream } = request;
    trail.waited('rate_limit', await options.limiter.admit(connection, stream, request.signal));
    request.counts.requests += 1;
    const ended = trail.sent(token);
    const report = (status: number | null, error?: unknown): void =>
      options.onAnswer?.(connection.provider.id, status, ended(status, error) / 1000);
    try {
      const answer = await tracing.span(requestSpan('GET', connection, request.url), async (span) => {
        const received = await fetch(request.url, {
          headers: {
            ...connection.provider.headers(connection),
            ...(token === undefined ? {} : { Authorization: `Bearer ${token.value}` }),
          },
          timeoutMs: options.timeoutMs ?? 30_000,
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        });
        span.set({ 'http.response.status_code': received.status });
        return received;
      });
      report(answer.status);
      if (answer.status === 429) {
        const until = readRetryAfter(answer.headers, now()) ?? now() + UNNAMED_RATE_WAIT_MS;
        await options.limiter.refused(connection, stream, until);
      }
      return answer;
    } catch (error) {
      report(null, error);
      throw error;
    }
  }

  async function sendWithToken(request: ProviderRequest, trail: RequestTrail): Promise<Exchange> {
    if (!needsToken(request.connection))
      return { answer: await send(request, undefined, trail), token: undefined };
    const subject = tokenSubject(request.connection);
    const tokenOptions = {
      flow: request.flow,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    const token = await trail.waiting('token', () => tokens.get(subject, tokenOptions));
    if (token.requested) request.counts.tokenRequests += 1;
    const answer = await send(request, token, trail);
    if (answer.status !== 401) return { answer, token };
    const newer = await trail.waiting('replay', async () => {
      const replay = await tokens.reject(subject, tokenOptions, token);
      return replay ? tokens.get(subject, tokenOptions) : undefined;
    });
    if (newer === undefined) return { answer, token };
    if (newer.requested) request.counts.tokenRequests += 1;
    request.counts.retries += 1;
    const second = await send(request, newer, trail);
    // Tells the fleet that the newer token fails too, so that nobody renews it again within the cool-down.
    if (second.status === 401) await tokens.reject(subject, tokenOptions, newer);
    return { answer: second, token: newer };
  }

  return {
    async getJson(request) {
      assertOwnOrigin(request);
      const { connection, stream } = request;
      const attributes = {
        'sluice.connection.id': connection.id,
        'sluice.provider': connection.provider.id,
        'sluice.stream': stream?.name,
      };
      return tracing.span({ name: 'page fetch', attributes }, () => getPage(request));
    },
  };

  async function getPage(request: ProviderRequest): Promise<ProviderAnswer> {
    const trail = followRequest(request.url, request.counts.entries, now);
    const answer = await pRetry(
      async (attempt) => {
        if (attempt > 1) {
          request.counts.retries += 1;
          trail.again();
        }
        const received = await sendWithToken(request, trail);
        const error = await errorOf(received, request, now());
        if (error !== undefined) throw error;
        return received.answer;
      },
      {
        retries: QUICK_RETRIES,
        minTimeout: QUICK_BASE_MS,
        maxTimeout: QUICK_MAX_MS,
        maxRetryTime: QUICK_TOTAL_MS,
        randomize: true,
        shouldRetry: ({ error }) => worthAQuickRetry(error),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      },
    );
    const { status, headers } = answer;
    return { status, headers, body: parseJson(answer), request: trail.last() };
  }
}

/** One request to a provider, for whoever sends it: what its timeline shows, and no more. */
export function requestSpan(method: string, connection: ResolvedConnection, url: string): SpanSpec {
  return {
    name: method,
    kind: 'client',
    attributes: {
      'http.request.method': method,
      'server.address': new URL(url).hostname,
      'url.path': shownPath(url),
      'sluice.connection.id': connection.id,
      'sluice.provider': connection.provider.id,
    },
  };
}

/** Only hiccups that name no later moment; a timeout has already held the slot for long enough. */
function worthAQuickRetry(error: unknown): boolean {
  return (
    error instanceof SluiceError &&
    (error.code === 'provider_unavailable' || error.code === 'network_error') &&
    error.details.retryAt === undefined
  );
}

interface Exchange {
  readonly answer: GuardedResponse;
  readonly token: AccessToken | undefined;
}

async function errorOf(
  { answer, token }: Exchange,
  request: ProviderRequest,
  now: number,
): Promise<SluiceError | undefined> {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const title = request.connection.provider.title;
  const retryAt = readRetryAfter(answer.headers, now);
  const details = { status, ...(retryAt === undefined ? {} : { retryAt }) };
  const path = new URL(request.url).pathname;
  if (status === 401 || status === 403) {
    const refusal = { answer, request, token, path, details };
    return status === 401 ? unauthorized(refusal) : forbidden(refusal);
  }
  if (status === 429) {
    return new SluiceError('provider_rate_limited', `${title} limits requests (429) on ${path}.`, {
      details,
    });
  }
  if (status === 423) {
    return new SluiceError('provider_not_ready', `${title} says that ${path} is not ready yet (423).`, {
      details,
    });
  }
  const isTransient = status >= 500 || TRANSIENT_STATUS.has(status);
  if (request.connection.provider.isRetriable?.(status, bodyOf(answer)) ?? isTransient) {
    return new SluiceError('provider_unavailable', `${title} answered ${status} on ${path}.`, { details });
  }
  return new SluiceError(
    'provider_refused',
    `${title} refused ${path} with ${status}${problemTitle(answer)}.`,
    {
      details,
    },
  );
}

/** The `title` and `detail` of an RFC 9457 body, shortened: they name what the provider dislikes. */
function problemTitle(answer: GuardedResponse): string {
  const body = bodyOf(answer);
  if (typeof body !== 'object' || body === null) return '';
  const { title, detail, message } = body as Record<string, unknown>;
  const text = [title, detail, message].filter((part) => typeof part === 'string').join(': ');
  return text === '' ? '' : ` (${clean(text)})`;
}

function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 200);
}

function parseJson(answer: GuardedResponse): unknown {
  const type = clean(answer.headers.get('content-type') ?? 'no content type').slice(0, 60);
  try {
    return parseExactJson(answer.body);
  } catch (cause) {
    throw new SluiceError(
      'response_unreadable',
      `The answer of ${new URL(answer.url).pathname} is not JSON (${answer.status}, ${type}, ${answer.body.length} bytes).`,
      { cause, details: { status: answer.status } },
    );
  }
}

/** A token is never sent to an origin other than the connection's own API, wherever the URL came from. */
function assertOwnOrigin(request: ProviderRequest): void {
  const own = new URL(request.connection.endpoints.api ?? '').origin;
  const asked = new URL(request.url).origin;
  if (own !== asked) {
    throw new SluiceError(
      'next_link_refused',
      `${request.connection.provider.title} named a page on ${asked}.`,
      {
        details: { own, asked },
      },
    );
  }
}

/** False where the provider takes these credentials in headers alone. */
export function needsToken({ grant }: ResolvedConnection): boolean {
  return grant !== 'none';
}

/** Everything of a connection that shapes its tokens; the same object for the same connection. */
export function tokenSubject(connection: ResolvedConnection): TokenSubject {
  const known = subjects.get(connection);
  if (known !== undefined) return known;
  const { provider, credentials } = connection;
  const secret = credentials.clientSecret;
  const { authorization } = provider;
  const user = connection.grant === 'user' && authorization !== undefined;
  const subject: TokenSubject = {
    connectionId: connection.id,
    provider: provider.id,
    grant: user ? 'user' : 'client',
    ...(user
      ? {
          userGrant: {
            epoch: connection.grantEpoch ?? null,
            unknownOutcome: authorization.refresh.unknownOutcome,
          },
        }
      : {}),
    policy: connection.tokenPolicy,
    endpoints: connection.endpoints,
    clientId: credentials.clientId ?? '',
    clientSecrets: secret === undefined ? [] : typeof secret === 'string' ? [secret] : secret,
    // a public application has no secret to prove itself with (RFC 6749 section 2.1)
    clientAuth: authorization !== undefined && secret === undefined ? 'none' : provider.clientAuth,
    basicEncoding: connection.oauth.basicEncoding,
    scopes: connection.scopes,
    params: connection.oauth.params,
    defaultLifetime: provider.defaultTokenLifetime,
  };
  subjects.set(connection, subject);
  return subject;
}

/** The token service knows a subject again by its identity as an object, which saves it the hashes. */
const subjects = new WeakMap<ResolvedConnection, TokenSubject>();
