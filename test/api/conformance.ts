/**
 * A caller of `/v1` that holds every answer against the description at `/openapi.json`: its status must be documented,
 * its content type too, and its body must be what the schema says, with no field more.
 */
import { expect } from 'vitest';
import { z } from 'zod';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

export interface Caller {
  call(
    method: string,
    path: string,
    options?: {
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal;
    },
  ): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** `GET /v1/runs 200`, for each answer that came */
  readonly seen: ReadonlySet<string>;
  /** the same of every answer below 400 that is documented */
  readonly promised: ReadonlySet<string>;
  readonly document: any;
}

export async function openCaller(url: string, key: string): Promise<Caller> {
  const document: any = await (await fetch(`${url}/openapi.json`)).json();
  const seen = new Set<string>();
  const promised = new Set<string>();
  for (const { method, path, operation } of operationsOf(document))
    for (const status of Object.keys(operation.responses))
      if (Number(status) < 400) promised.add(`${method} ${path} ${status}`);

  const call: Caller['call'] = async (method, path, { body, headers = {}, signal } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const what = `${method} ${path} -> ${response.status} ${text.slice(0, 500)}`;
    const found = operationsOf(document).find((one) => one.method === method && one.matches(path));
    if (found === undefined) throw new Error(`not documented: ${what}`);
    const documented = found.operation.responses[response.status];
    expect(documented, what).toBeDefined();
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    const schema = documented.content[type]?.schema;
    expect(schema, `${type} of ${what}`).toBeDefined();
    const answer: any = JSON.parse(text);
    const parsed = schemaOf(document, schema).safeParse(answer);
    expect(parsed.error?.issues ?? [], what).toEqual([]);
    const taken = found.operation.requestBody?.content['application/json']?.schema;
    if (response.ok && body !== undefined)
      expect(schemaOf(document, taken).safeParse(body).error?.issues ?? [], `the body of ${what}`).toEqual(
        [],
      );
    seen.add(`${method} ${found.path} ${response.status}`);
    return { status: response.status, headers: response.headers, body: answer };
  };
  return { call, get: (path) => call('GET', path), seen, promised, document };
}

export function operationsOf(document: any): {
  readonly method: string;
  readonly path: string;
  readonly operation: any;
  matches(path: string): boolean;
}[] {
  return Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, operation]) => {
      const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}(?:\\?|$)`);
      return {
        method: method.toUpperCase(),
        path,
        operation,
        matches: (given: string) => pattern.test(given),
      };
    }),
  );
}

/** With the document's named schemas beside it. */
function schemaOf(document: any, schema: unknown): z.ZodType {
  const whole = JSON.stringify({ ...(schema as object), $defs: document.components.schemas });
  return z.fromJSONSchema(JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/')));
}
