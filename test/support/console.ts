/** The whole web app of a fleet, on a port of its own, and a client that is logged in. */
import { createWebApp } from '../../src/web/app.ts';
import { boardFactory } from '../../src/web/board.ts';
import type { WebDeps } from '../../src/web/contract.ts';
import { startServer } from '../../src/web/server.ts';
import { apiOf, watchChanges } from '../../src/commands/api.ts';
import { connectingAs } from '../../src/commands/audited-api.ts';
import { consoleOf } from '../../src/commands/console.ts';
import { mappingsPagesOf } from '../../src/commands/mappings-pages.ts';
import { steeringOf } from '../../src/commands/steering.ts';
import { createClient, PASSWORD, type Client } from '../web/site.ts';
import type { Fleet } from './fleet.ts';

export interface TestConsole {
  readonly url: string;
  /** logged in */
  readonly me: Client;
  readonly apiKey: string;
  /** method and path of each route */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Asks `/v1` with the key. */
  ask(method: string, path: string, body?: unknown): Promise<Response>;
  close(): Promise<void>;
}

export async function startConsole(fleet: Fleet, more: Partial<WebDeps> = {}): Promise<TestConsole> {
  const { runtime } = fleet;
  let app: ReturnType<typeof createWebApp> | undefined;
  const web = await startServer({
    app: { fetch: (...args) => app?.fetch(...args) ?? new Response(null, { status: 503 }) },
    host: '127.0.0.1',
    port: 0,
  });
  const watch = watchChanges(runtime);
  const api = apiOf(runtime, web.url, watch);
  const apiKey = 'a-key-of-this-test';
  app = createWebApp({
    ready: async () => ({ ok: true, checks: [] }),
    console: consoleOf(runtime),
    metrics: runtime.metrics,
    tracing: runtime.tracing,
    apiKeys: [apiKey],
    metricsOpen: false,
    publicUrl: web.url,
    logger: runtime.logger,
    now: runtime.now,
    admin: { password: PASSWORD, sessionSecret: 'session secret' },
    connector: runtime.connector,
    connectorAs: (actor) => connectingAs(runtime, actor),
    mappings: mappingsPagesOf(runtime),
    api,
    steering: steeringOf(runtime, web.url, (id) => api.connection(id)),
    bullBoard: boardFactory(await runtime.jobs.loadBoard()),
    ...more,
  });
  const me = createClient(web.url);
  await me.login(more.admin?.password ?? PASSWORD);
  const key = more.apiKeys?.[0] ?? apiKey;
  return {
    url: web.url,
    me,
    apiKey: key,
    routes: app.routes.map(({ method, path }) => ({ method, path })),
    ask: (method, path, body) =>
      fetch(web.url + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async close() {
      watch.close();
      await web.close(500);
    },
  };
}
