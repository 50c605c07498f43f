/** A provider of a test's own: a server whose answers the test writes, and the definition that reads them. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import {
  defineProvider,
  type ProviderDefinition,
  type StreamDefinition,
} from '../../src/providers/contract.ts';

export interface TinyAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** text is sent as it is, anything else as JSON */
  readonly body: unknown;
}

export interface TinyProvider {
  readonly definition: ProviderDefinition;
  /** for `Fleet.connect` */
  readonly connection: Readonly<Record<string, unknown>>;
  /** paths with query of the data requests, in order of arrival */
  readonly asked: string[];
  /** headers of all requests, those for tokens included, in order of arrival */
  readonly headers: IncomingHttpHeaders[];
  /** requests that are being answered now, and the most there were */
  readonly busy: { now: number; most: number };
  /** Answers a path; without one the answer is 404. May be replaced at any time. */
  answer: (url: URL) => TinyAnswer | Promise<TinyAnswer> | undefined;
  close(): Promise<void>;
}

export function tinyStream(name: string, more: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    name,
    title: name,
    path: `/${name}`,
    scopes: [],
    items: 'items',
    id: 'id',
    paging: { style: 'next-link', at: 'next' },
    changes: { detect: 'full' },
    schema: z.looseObject({}),
    evidence: 'unverified',
    ...more,
  };
}

export async function startTinyProvider(streams: readonly StreamDefinition[]): Promise<TinyProvider> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    request.resume();
    tiny.headers.push(request.headers);
    if (request.method === 'POST') {
      send(response, { body: { access_token: `t${Date.now()}`, token_type: 'Bearer', expires_in: 3600 } });
      return;
    }
    tiny.asked.push(url.pathname.replace('/api', '') + url.search);
    tiny.busy.now += 1;
    tiny.busy.most = Math.max(tiny.busy.most, tiny.busy.now);
    response.once('close', () => void (tiny.busy.now -= 1));
    Promise.resolve(tiny.answer(url)).then(
      (answer) => send(response, answer ?? { status: 404, body: {} }),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tiny: TinyProvider = {
    definition: defineProvider({
      id: 'tiny',
      title: 'Tiny',
      description: 'of a test',
      docs: 'https://example.com',
      grants: ['client'],
      tokenPolicy: 'per-flow',
      clientAuth: 'post',
      basicEncoding: 'form',
      baseScopes: ['read'],
      defaultTokenLifetime: 3600,
      settings: z.strictObject({}),
      credentials: z.strictObject({ clientId: z.string(), clientSecret: z.string() }),
      endpoints: () => ({}),
      headers: () => ({ Accept: 'application/json' }),
      limits: [],
      suggestedSchedule: 'manual',
      streams,
      check: () => ({ path: '/' }),
    }),
    connection: {
      provider: 'tiny',
      settings: {},
      credentials: { clientId: 'c', clientSecret: 's' },
      endpoints: { token: `${origin}/token`, api: `${origin}/api` },
    },
    asked: [],
    headers: [],
    busy: { now: 0, most: 0 },
    answer: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return tiny;
}

function send(response: ServerResponse, answer: TinyAnswer): void {
  response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
  response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
}

/** A list of `count` records cut into pages; `page` in the query, from 1. */
export function pageOf(url: URL, ids: readonly string[], size: number): TinyAnswer {
  const page = Number(url.searchParams.get('page') ?? 1);
  const items = ids.slice((page - 1) * size, page * size).map((id) => ({ id, name: `name of ${id}` }));
  const next = page * size < ids.length ? `${url.pathname}?page=${page + 1}` : null;
  return { body: { items, next } };
}
