/** The description of `/v1` (OpenAPI 3.1), made from the schemas that check its requests and describe its answers. */
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { catalogue, SluiceError, type ErrorCode } from '../../errors.ts';
import { statusOf } from '../problem.ts';
import type { ApiRoute } from './route.ts';
import { problem } from './schemas.ts';

/** What any route may answer besides its own. */
const COMMON: readonly ErrorCode[] = ['request_invalid', 'api_key_required', 'api_rate_limited', 'internal'];
const WITH_BODY: readonly ErrorCode[] = ['body_too_large', 'media_type_unsupported'];

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiOptions {
  readonly version: string;
  readonly url: string;
}

export function openApiDocument(routes: readonly ApiRoute[], options: OpenApiOptions): Json {
  const components = new Map<string, unknown>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, components) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: options.version,
      description:
        'Connections to SaaS providers, their runs, the records that they mirror, and the feed of what changed. ' +
        'Errors are problem documents (RFC 9457) with a stable `code` and `advice`.',
    },
    servers: [{ url: options.url }],
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'One of the keys in SLUICE_API_KEYS.' },
      },
      schemas: Object.fromEntries([...components].sort(([one], [other]) => (one < other ? -1 : 1))),
    },
  };
}

function operation(route: ApiRoute, components: Map<string, unknown>): Json {
  const { method, path, summary, description, body, answer } = route;
  const answers = answer.orCreated === true ? [answer.status, 201] : [answer.status];
  return {
    operationId: operationId(method, path),
    tags: [path.split('/')[path.includes('/streams/') ? 4 : 2]],
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: parametersOf(route, components),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !body.safeParse({}).success,
            content: {
              'application/json': { schema: jsonSchema(route.fullBody ?? body, 'input', components) },
            },
          },
        }),
    responses: {
      ...Object.fromEntries(
        answers.map((status) => [
          String(status),
          {
            description: STATUS_CODES[status] ?? 'Answer',
            content: { 'application/json': { schema: jsonSchema(answer.schema, 'output', components) } },
          },
        ]),
      ),
      ...failures(route, components),
    },
  };
}

/** `GET /v1/connections/:id/streams/:stream/changes` -> `getConnectionsStreamsChanges`. */
function operationId(method: string, path: string): string {
  const words = path.split('/').slice(2);
  const one = words.at(-1)?.startsWith(':') === true ? 'One' : '';
  const names = words.filter((word) => !word.startsWith(':'));
  return method.toLowerCase() + names.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('') + one;
}

function parametersOf(route: ApiRoute, components: Map<string, unknown>): Json[] {
  const idempotency: Json = {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'a text of your own: the same request under the same key is done once, for 24 hours',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  };
  return [
    ...fieldsAs('path', route.params, components),
    ...(route.query === undefined ? [] : fieldsAs('query', route.query, components)),
    ...(route.idempotent === true ? [idempotency] : []),
  ];
}

function fieldsAs(place: 'path' | 'query', schema: z.ZodType, components: Map<string, unknown>): Json[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input', components) as {
    properties?: Record<string, Json>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

/** By status, with the codes that it may carry. */
function failures(route: ApiRoute, components: Map<string, unknown>): Json {
  const codes = [...COMMON, ...(route.body === undefined ? [] : WITH_BODY), ...(route.errors ?? [])];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = statusOf(new SluiceError(code, ''));
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema = jsonSchema(problem, 'output', components);
  const answers = [...byStatus].sort(([one], [other]) => one - other);
  return Object.fromEntries([
    ...answers.map(([status, found]) => [
      String(status),
      {
        description: found.map((code) => `\`${code}\`: ${catalogue[code].advice}`).join('\n\n'),
        content: { 'application/problem+json': { schema } },
      },
    ]),
    ['default', { description: 'Any other error.', content: { 'application/problem+json': { schema } } }],
  ]);
}

/** Named schemas go under `components`, once, and are referred to. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', components: Map<string, unknown>): Json {
  const {
    $schema: _dialect,
    $defs = {},
    ...made
  } = moved(z.toJSONSchema(schema, { io, unrepresentable: 'any' })) as Json & { $defs?: Json };
  for (const [name, definition] of Object.entries($defs)) components.set(name, definition);
  if (typeof made.id !== 'string') return made;
  const { id, ...definition } = made;
  components.set(id, definition);
  return { $ref: `#/components/schemas/${id}` };
}

/** References as they are written in the whole document; the name of a definition stands in its key alone. */
function moved(value: unknown, inDefinitions = false): unknown {
  if (Array.isArray(value)) return value.map((item) => moved(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, item]) => item !== undefined && !(inDefinitions && key === 'id' && typeof item === 'string'),
      )
      .map(([key, item]) => {
        if (key === '$ref' && typeof item === 'string')
          return [key, item.replace('#/$defs/', '#/components/schemas/')];
        if (key !== '$defs') return [key, moved(item)];
        const definitions = Object.entries(item as object).map(([name, one]) => [name, moved(one, true)]);
        return [key, Object.fromEntries(definitions)];
      }),
  );
}
