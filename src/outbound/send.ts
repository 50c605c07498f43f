/**
 * A request that changes something at a provider: sent once, and once more only after a 401, which says that nothing was
 * done. Everything else is the caller's to judge, the answer as well as the silence.
 */
import type { TokenService } from '../auth/contract.ts';
import { SluiceError } from '../errors.ts';
import type { GuardedFetch } from '../net/contract.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import { noTracing, type Tracing } from '../telemetry/tracing.ts';
import { requestSpan, tokenSubject } from './client.ts';
import type { Limiter } from './limiter.ts';

export interface SendRequest {
  readonly connection: ResolvedConnection;
  /** the flow that a `per-flow` token belongs to */
  readonly flow: string;
  /** of the token, in place of the connection's */
  readonly scopes: readonly string[];
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** below the API base, with a slash */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** sent as JSON */
  readonly body?: unknown;
}

export interface SendAnswer {
  readonly status: number;
  /** parsed JSON; undefined where there is none */
  readonly body: unknown;
}

/** @throws SluiceError what the token service, the limiter and the guarded fetch throw */
export type Send = (request: SendRequest) => Promise<SendAnswer>;

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 1024 * 1024;

export function createSend(deps: {
  readonly fetch: GuardedFetch;
  readonly tokens: TokenService;
  readonly limiter: Limiter;
  /** [none] */
  readonly tracing?: Tracing;
}): Send {
  const { tracing = noTracing } = deps;
  return async (request) => {
    const { connection, flow } = request;
    const url = new URL(`${connection.endpoints.api ?? ''}${request.path}`);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    if (url.origin !== new URL(connection.endpoints.api ?? '').origin)
      throw new SluiceError('next_link_refused', `${request.path} leads away from the API.`);
    const subject = tokenSubject({ ...connection, scopes: request.scopes });
    const once = async (token: string): Promise<SendAnswer> => {
      await deps.limiter.admit(connection, undefined);
      const answer = await tracing.span(requestSpan(request.method, connection, url.href), async (span) => {
        const received = await deps.fetch(url.href, {
          method: request.method,
          headers: {
            ...connection.provider.headers(connection),
            Authorization: `Bearer ${token}`,
            ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
          },
          ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
          timeoutMs: TIMEOUT_MS,
          maxBytes: MAX_BYTES,
        });
        span.set({ 'http.response.status_code': received.status });
        return received;
      });
      return { status: answer.status, body: parsed(answer.body) };
    };
    const token = await deps.tokens.get(subject, { flow });
    const answer = await once(token.value);
    if (answer.status !== 401 || !(await deps.tokens.reject(subject, { flow }, token))) return answer;
    return once((await deps.tokens.get(subject, { flow })).value);
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
