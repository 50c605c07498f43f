/** A web app that listens on a port of its own, and a browser-like client with a cookie jar. */
import { createBullBoard } from '@bull-board/api';
import { SluiceError } from '../../src/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createWebApp } from '../../src/web/app.ts';
import { boardFactory } from '../../src/web/board.ts';
import type { WebDeps } from '../../src/web/contract.ts';
import { startServer, type RunningServer } from '../../src/web/server.ts';
import type { ConsoleDeps, OverviewView } from '../../src/web/console/contract.ts';

export const PASSWORD = 'correct horse battery staple';

export const emptyOverview: OverviewView = {
  now: '2026-03-01T12:00:00.000Z',
  version: '1.2.3',
  needsPerson: [],
  needs: 0,
  connections: [],
  connected: 0,
  runs: [],
  queues: [],
  activity: { hours: [], missing: 0 },
};

/** A console whose overview is given, and which knows nothing else. */
export function consoleWith(overview: () => Promise<OverviewView>): ConsoleDeps {
  const unknown = (): never => {
    throw new SluiceError('not_found', 'There is none.');
  };
  return {
    overview,
    activity: async () => ({ hours: [], missing: 0 }),
    connections: async () => unknown(),
    connection: async () => unknown(),
    runs: async () => unknown(),
    run: async () => unknown(),
    records: async () => unknown(),
    record: async () => unknown(),
    rejected: async () => unknown(),
    providers: () => [],
    provider: unknown,
    live: { watch: () => () => undefined, watching: () => 0, close: () => undefined },
  };
}

export interface Client {
  /** Does not follow redirects; keeps cookies. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Sends a form as the site's own page would, unless `headers` say otherwise. */
  post(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Response>;
  send(path: string, init: RequestInit): Promise<Response>;
  /** Loads the login form, fills it in and sends it. */
  login(password?: string, extra?: { next?: string; headers?: Record<string, string> }): Promise<Response>;
  readonly cookies: Map<string, string>;
}

export interface Site {
  readonly server: RunningServer;
  readonly url: string;
  /** log lines so far */
  readonly log: string[];
  /** moved by tests; epoch milliseconds */
  readonly clock: { now: number };
  readonly client: () => Client;
  close(): Promise<void>;
}

/** An empty board with Bull Board's real files and routes. */
export const emptyBoard = boardFactory((serverAdapter) => {
  createBullBoard({ queues: [], serverAdapter });
});

export async function startSite(
  overrides: Partial<WebDeps> & { withoutAdmin?: boolean } = {},
): Promise<Site> {
  const { withoutAdmin, ...deps } = overrides;
  const log: string[] = [];
  const clock = { now: Date.parse('2026-03-01T12:00:00Z') };
  const app = createWebApp({
    ready: async () => ({ ok: true, checks: [{ name: 'database', ok: true }] }),
    console: consoleWith(async () => emptyOverview),
    metrics: createMetrics(),
    apiKeys: ['key-one', 'key-two'],
    metricsOpen: false,
    publicUrl: 'http://127.0.0.1:3000',
    logger: createLogger({ level: 'debug', destination: { write: (line) => log.push(line) } }),
    now: () => clock.now,
    bullBoard: emptyBoard,
    ...(withoutAdmin === true ? {} : { admin: { password: PASSWORD, sessionSecret: 'session secret' } }),
    ...deps,
  });
  const server = await startServer({ app, host: '127.0.0.1', port: 0 });
  return {
    server,
    url: server.url,
    log,
    clock,
    client: () => createClient(server.url),
    close: () => server.close(),
  };
}

export function createClient(origin: string): Client {
  const cookies = new Map<string, string>();
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (cookies.size > 0) {
      headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    }
    const answer = await fetch(origin + path, { redirect: 'manual', ...init, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/; Max-Age=0(?:;|$)/.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  };
  const client: Client = {
    cookies,
    send,
    get: (path, headers = {}) => send(path, { headers: { accept: 'text/html', ...headers } }),
    post: (path, fields, headers = {}) =>
      send(path, {
        method: 'POST',
        headers: { accept: 'text/html', origin, ...headers },
        body: new URLSearchParams(fields),
      }),
    async login(password = PASSWORD, extra = {}) {
      const form = await (await client.get('/login')).text();
      const next = extra.next ?? '/';
      return client.post('/login', { token: field(form, 'token'), next, password }, extra.headers);
    },
  };
  return client;
}

/** The value of a form's hidden field. */
export function field(page: string, name: string): string {
  const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1];
  if (value === undefined) throw new Error(`the page has no field ${name}`);
  return value;
}
