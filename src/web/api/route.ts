/**
 * One route of `/v1` as data: what it takes, checked by zod, what it answers, and the function that does it. The same
 * schemas make the description of the API.
 */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import { SluiceError, type ErrorCode } from '../../errors.ts';
import { exactJson } from '../../exact-json.ts';
import { unstorable } from '../../sync/canonical.ts';
import type { WebApp, WebEnv } from '../contract.ts';
import { problemResponse } from '../problem.ts';
import { actorOf } from '../actor.ts';
import type { Api, ApiDeps } from './contract.ts';

type Schema = z.ZodType;

/** An id that Postgres can look for: what it can't hold names nothing. */
export const idParam = (what: string): z.ZodString =>
  z
    .string()
    .min(1)
    .max(100)
    .regex(/^[\w-]+$/, 'holds characters that no id has')
    .describe(what);

/** The id of a connection in a path. */
export const connectionParams = z.strictObject({ id: idParam('id of the connection') });

/** What stands in the request besides path, query and body. */
export interface Caller {
  /** of `Idempotency-Key`, where the route says that it heeds it */
  readonly idempotencyKey: string | undefined;
  /** aborted when the caller has gone */
  readonly signal: AbortSignal;
}

interface RouteParts<P extends Schema, Q extends Schema, B extends Schema> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** with `:name` for parameters */
  readonly path: `/v1/${string}`;
  /** one sentence, for the description of the API */
  readonly summary: string;
  /** more of it, where one sentence doesn't say all */
  readonly description?: string;
  readonly params: P;
  readonly query?: Q;
  /** undefined: the route takes no body */
  readonly body?: B;
  /** describes the body in full, where the engine checks it against more than a route knows */
  readonly fullBody?: Schema;
  /** the same request under the same `Idempotency-Key` is done once */
  readonly idempotent?: boolean;
  /** what it may fail with, besides what any route may */
  readonly errors?: readonly ErrorCode[];
  readonly answer: {
    readonly status: ContentfulStatusCode;
    readonly schema: Schema;
    /** answers 201 instead where `handle` returns a `Created` */
    readonly orCreated?: boolean;
  };
  readonly handle: (
    input: {
      readonly params: z.output<P>;
      readonly query: z.output<Q>;
      readonly body: z.output<B>;
      readonly caller: Caller;
    },
    deps: ApiDeps,
  ) => Promise<unknown>;
}

export interface ApiRoute extends Omit<RouteParts<Schema, Schema, Schema>, 'handle'> {
  readonly run: (c: Context<WebEnv>, deps: ApiDeps) => Promise<Response>;
}

/** What a handler returns that made something new. */
export class Created {
  readonly answer: unknown;
  constructor(answer: unknown) {
    this.answer = answer;
  }
}

/** Gives `handle` the types of its schemas. */
export function defineRoute<
  P extends Schema,
  Q extends Schema = z.ZodObject,
  B extends Schema = z.ZodUndefined,
>(parts: RouteParts<P, Q, B>): ApiRoute {
  const { handle, ...route } = parts;
  return {
    ...route,
    async run(c, deps) {
      const params = checked(parts.params, c.req.param(), 'path');
      const query = checked(parts.query ?? z.strictObject({}), onceEach(c.req.queries()), 'query');
      const body = parts.body === undefined ? undefined : checked(parts.body, await readBody(c), 'body');
      const caller: Caller = {
        idempotencyKey: parts.idempotent === true ? idempotencyKey(c) : undefined,
        signal: c.req.raw.signal,
      };
      const result = await handle(
        { params, query: query as z.output<Q>, body: body as z.output<B>, caller },
        deps,
      );
      const created = result instanceof Created;
      c.header('Cache-Control', 'no-store');
      return c.body(exactJson(created ? result.answer : result), created ? 201 : parts.answer.status, {
        'Content-Type': 'application/json',
      });
    },
  };
}

export function mountRoutes(app: WebApp, routes: readonly ApiRoute[], api: Api): void {
  for (const route of routes) app.on(route.method, route.path, (c) => route.run(c, api.as(actorOf(c))));
  // after them, so that only what none of them took comes here
  for (const path of new Set(routes.map((route) => route.path))) {
    const own = routes.filter((route) => route.path === path).map(({ method }) => method);
    const allow = (
      own.includes('GET') ? ['GET', 'HEAD', ...own.filter((method) => method !== 'GET')] : own
    ).join(', ');
    app.all(path, (c) => {
      c.header('Allow', allow);
      const message = `${c.req.path} does not take ${c.req.method}.`;
      return problemResponse(c, new SluiceError('method_not_allowed', message));
    });
  }
}

/** Which of two values was meant is not for us to guess. */
function onceEach(queries: Readonly<Record<string, string[]>>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(queries).map(([name, values]) => {
      if (values.length === 1) return [name, values[0]];
      throw new SluiceError('request_invalid', `query.${name.slice(0, 60)} is given more than once.`);
    }),
  );
}

function idempotencyKey(c: Context<WebEnv>): string | undefined {
  const key = c.req.header('idempotency-key');
  if (key === undefined || /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new SluiceError('request_invalid', 'Idempotency-Key is not a text of 1 to 255 ASCII characters.');
}

/** An absent body is an empty object: every field of it may be missing. */
async function readBody(c: Context<WebEnv>): Promise<unknown> {
  const text = await c.req.text();
  if (text === '') return {};
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type))
    throw new SluiceError('media_type_unsupported', 'The body is not sent as JSON.');
  let body: unknown;
  try {
    body = JSON.parse(text) as unknown;
  } catch {
    throw new SluiceError('request_invalid', 'The body is not valid JSON.');
  }
  if (holdsUnstorable(text, body)) {
    const message =
      'The body holds the character U+0000 or half of a surrogate pair, which Postgres cannot store.';
    throw new SluiceError('request_invalid', message, { advice: 'Send the text without it.' });
  }
  return body;
}

/** Raw, neither can stand in a body: only an escape brings them in, and those are rare enough to look closer. */
function holdsUnstorable(text: string, body: unknown): boolean {
  if (!/\\u(?:0000|d[89a-f])/i.test(text)) return false;
  try {
    return unstorable(JSON.stringify(body)) !== undefined;
  } catch {
    // nested deeper than the stack
    return true;
  }
}

function checked<S extends Schema>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  // a message may repeat what was sent, and that may be a secret: paths and rules only
  const problems = parsed.error.issues.map((issue) => {
    const at = issue.path.length === 0 ? where : `${where}.${issue.path.join('.')}`;
    return issue.code === 'unrecognized_keys'
      ? `${at}: unknown ${issue.keys.map((key) => JSON.stringify(key.slice(0, 60))).join(', ')}`
      : `${at}: ${issue.message}`;
  });
  throw new SluiceError('request_invalid', `The request is not valid: ${problems.slice(0, 10).join('; ')}.`);
}
