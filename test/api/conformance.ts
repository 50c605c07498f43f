/**
 * A caller of `/v1` that holds every answer against the description at `/openapi.json`: its status must be documented
 * by number, its content type too, and its body must be what the schema says, with no field more. The judge is a JSON
 * Schema validator of its own, not the library that made the schemas.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';

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
  readonly document: any;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operation: any;
  matches(path: string): boolean;
}

export async function openCaller(url: string, key: string): Promise<Caller> {
  const document: any = await (await fetch(`${url}/openapi.json`)).json();
  const operations = operationsOf(document);
  const problemsOf = validatorOf(document);

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
    const found = operations.find((one) => one.method === method && one.matches(path));
    if (found === undefined) throw new Error(`not documented: ${what}`);
    // `default` is for what nobody foresaw: what a test provokes is to be documented by its number
    const documented = found.operation.responses[response.status];
    expect(documented, `documented status of ${what}`).toBeDefined();
    const type = response.headers.get('content-type') ?? '';
    expect(Object.keys(documented.content), `documented content type of ${what}`).toContain(type);
    const answer: any = JSON.parse(text);
    expect(problemsOf(documented.content[type].schema)(answer), what).toEqual([]);
    if (type === 'application/problem+json') {
      expect(answer.status, what).toBe(response.status);
      expect(answer.code, what).toMatch(/^[a-z_]+$/);
      expect(answer.advice, what).toMatch(/\S/);
    }
    if (response.ok && body !== undefined) {
      const taken = found.operation.requestBody?.content['application/json']?.schema;
      expect(problemsOf(taken)(body), `the body of ${what}`).toEqual([]);
    }
    return { status: response.status, headers: response.headers, body: answer };
  };
  return { call, get: (path) => call('GET', path), document };
}

export function operationsOf(document: any): Operation[] {
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

/** Checks values against a schema of the document; answers with what is wrong. */
function validatorOf(document: any): (schema: unknown) => (value: unknown) => readonly unknown[] {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  addFormats.default(ajv);
  const compiled = new Map<string, ValidateFunction>();
  return (schema) => {
    // the document is no JSON Schema as a whole: its named schemas go along with each that refers to them
    const whole = JSON.stringify({ ...(schema as object), $defs: document.components.schemas });
    const text = whole.replaceAll('#/components/schemas/', '#/$defs/');
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
    compiled.set(text, validate);
    return (value) => (validate(value) ? [] : (validate.errors ?? []));
  };
}
