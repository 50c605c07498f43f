/**
 * One fleet in which every secret is known, and in which whoever is talked to repeats them: none may be found in a log, a
 * store, an answer, a job, a trace or the output of a crash.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { defineProvider, type ProviderDefinition } from '../../src/providers/contract.ts';
import { startCollector, type Collector } from '../support/collector.ts';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startSluice } from '../support/process.ts';
import { tinyStream } from '../support/tiny-provider.ts';
import { waitFor } from '../support/wait.ts';
import { luccaEvent, luccaHeaders, send, settledEvents, startIntake } from '../support/webhooks.ts';
import { createClient } from '../web/site.ts';
import { findLeaks, type Leak } from './leaks.ts';

/** Each with characters that every encoding changes. */
const secrets: Record<string, string> = Object.fromEntries(
  [
    'clientSecret',
    'olderClientSecret',
    'providerApiKey',
    'accessToken',
    'userAccessToken',
    'refreshToken',
    'rotatedRefreshToken',
    'webhookSecret',
    'apiKey',
    'adminPassword',
    'sessionSecret',
    'wrongPassword',
  ].map((name, index) => [name, `Cnry.${name}.of.this.test+${index}/7f~x=`]),
);
secrets['notifySecret'] = `whsec_${Buffer.from('canary of the notify secret, 32b').toString('base64')}`;

let provider: Server;
let receiver: Server;
let collector: Collector;
let fleet: Fleet;
let web: TestConsole;
let workers: { stop(graceMs: number): Promise<void> };
const log: string[] = [];
/** what the provider does with the next data requests */
let mood: 'well' | 'echo' | 'refuse' = 'well';
const places = new Map<string, string>();

/** Repeats to whoever asks all that it was told. */
async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const told = `${body} ${decodeURIComponent(body.replaceAll('+', ' '))} ${JSON.stringify(request.headers)}`;
  if (request.url === '/token') {
    if (mood === 'refuse')
      return { status: 400, body: { error: 'invalid_client', error_description: `you said ${told}` } };
    const isRefresh = body.includes('grant_type=refresh_token');
    return {
      status: 200,
      body: {
        access_token: isRefresh ? secrets['userAccessToken'] : secrets['accessToken'],
        token_type: 'Bearer',
        expires_in: 3600,
        ...(isRefresh ? { refresh_token: secrets['rotatedRefreshToken'] } : {}),
      },
    };
  }
  if (mood === 'echo') return { status: 403, body: { title: 'no', detail: told, message: told } };
  return { status: 200, body: { items: [{ id: 'a', name: 'x' }, { name: `without an id` }] } };
}

function definition(id: string, grant: 'client' | 'user'): ProviderDefinition {
  return defineProvider({
    id,
    title: id,
    description: 'of a test',
    docs: 'https://example.com',
    grants: [grant],
    ...(grant === 'client'
      ? {}
      : {
          authorization: {
            scopes: [],
            pkce: 'default' as const,
            refresh: { unknownOutcome: 'retry-old-once' as const },
            evidence: 'unverified' as const,
          },
        }),
    tokenPolicy: 'reuse',
    clientAuth: 'post',
    basicEncoding: 'form',
    baseScopes: [],
    defaultTokenLifetime: 3600,
    settings: z.strictObject({}),
    credentials: z.strictObject({
      clientId: z.string(),
      clientSecret: z.union([z.string(), z.array(z.string())]),
      apiKey: z.string().optional(),
    }),
    endpoints: () => ({}),
    headers: ({ credentials }): Record<string, string> =>
      credentials.apiKey === undefined ? {} : { 'x-api-key': credentials.apiKey },
    limits: [],
    suggestedSchedule: 'manual',
    streams: [tinyStream('things', { paging: { style: 'none' } })],
    check: () => ({ path: '/things' }),
  });
}

beforeAll(async () => {
  provider = createServer((request, response) => {
    void answer(request).then(({ status, body }) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    );
  });
  // takes no notification, and repeats what it got
  receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(500).end(JSON.stringify(request.headers));
  });
  for (const server of [provider, receiver])
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  collector = await startCollector();
  fleet = await startFleet({
    log,
    workers: false,
    providers: [definition('canary', 'client'), definition('persons', 'user')],
    env: {
      SLUICE_NOTIFY_URL: origin(receiver),
      SLUICE_NOTIFY_SECRET: secrets['notifySecret'] ?? '',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  });
  secrets['encryptionKey'] = /:(.+)$/.exec(fleet.env['SLUICE_ENCRYPTION_KEYS'] ?? '')?.[1] ?? '';
  secrets['databasePassword'] = decodeURIComponent(new URL(fleet.database.url).password);
  web = await startConsole(fleet, {
    apiKeys: [secrets['apiKey'] ?? ''],
    admin: { password: secrets['adminPassword'] ?? '', sessionSecret: secrets['sessionSecret'] ?? '' },
  });
  workers = await fleet.runtime.startWorkers({ schedules: true });
  const endpoints = { token: `${origin(provider)}/token`, api: origin(provider) };
  const base = { settings: {}, endpoints, retry: { attempts: 1, baseDelay: '50ms', maxDelay: '50ms' } };
  const clientSecret = [secrets['clientSecret'], secrets['olderClientSecret']];
  await fleet.connect('canary', {
    ...base,
    provider: 'canary',
    credentials: { clientId: 'app', clientSecret, apiKey: secrets['providerApiKey'] },
  });
  await fleet.connect('persons', {
    ...base,
    provider: 'persons',
    credentials: { clientId: 'app', clientSecret: secrets['clientSecret'] },
  });
  await fleet.connect('inbox', {
    credentials: { ...fleet.lucca.credentials, webhookSecret: secrets['webhookSecret'] },
  });
  await live();
  await look();
});
afterAll(async () => {
  await workers?.stop(10_000);
  await web?.close();
  await fleet?.close();
  await collector?.close();
  for (const server of [provider, receiver]) {
    server?.closeAllConnections();
    server?.close();
  }
});

/** What brings secrets to places where they could be left behind: success, refusal, and a provider that echoes. */
async function live(): Promise<void> {
  const { runtime } = fleet;
  expect((await fleet.sync('canary')).status).toBe('succeeded');
  await runtime.connector.importToken('persons', secrets['refreshToken'] ?? '', { otherAccount: false });
  expect((await fleet.sync('persons')).status).toBe('succeeded');
  mood = 'echo';
  expect((await fleet.sync('canary')).status).toBe('failed');
  await web.ask('POST', '/v1/connections/canary/check');
  mood = 'refuse';
  await runtime.db.pool
    .query(`update sluice.grants set expires_at = now() - interval '1 hour'`)
    .catch(() => {});
  await fleet.connect('canary-two', {
    provider: 'canary',
    settings: {},
    endpoints: {
      token: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/token`,
      api: `http://127.0.0.1:${(provider.address() as AddressInfo).port}`,
    },
    credentials: {
      clientId: 'other-app',
      clientSecret: secrets['clientSecret'],
      apiKey: secrets['providerApiKey'],
    },
  });
  const last = await fleet.sync('canary-two');
  expect(last.status).toBe('failed');
  await web.ask('POST', '/v1/connections/canary-two/check');

  const intake = await startIntake(runtime);
  const body = luccaEvent({ topic: 'employee.updated', data: { id: 1 } });
  expect((await send(`${intake.url}/inbox`, body, luccaHeaders(body, secrets['webhookSecret']))).status).toBe(
    200,
  );
  await settledEvents(fleet);
  await intake.close();

  const traceId = last.id.replaceAll('-', '');
  await waitFor(
    () => collector.spans.find((span) => span.traceId === traceId && span.name === 'run'),
    30_000,
    () => 'the trace of the last run was not told',
  );

  // bodies that are wrong, with secrets where none belong
  const wrong = {
    provider: 'lucca',
    settings: { host: secrets['clientSecret'] },
    credentials: { apiKey: secrets['providerApiKey'] },
  };
  places.set('refused PUT', await (await web.ask('PUT', '/v1/connections/wrong', wrong)).text());
  const form = await (await web.me.get('/connections/new?provider=lucca')).text();
  const csrf = /name="csrf" value="([^"]*)"/.exec(form)?.[1] ?? '';
  const typed = {
    csrf,
    provider: 'lucca',
    id: 'No',
    'credentials.clientSecret': secrets['clientSecret'] ?? '',
    intent: 'add',
  };
  places.set('refused form', await (await web.me.post('/connections/new', typed)).text());
  places.set('refused login', await (await createClient(web.url).login(secrets['wrongPassword'])).text());
  await waitFor(
    async () => {
      const tried = await runtime.db.pool.query(`select 1 from sluice.notifications where attempts > 0`);
      return tried.rowCount === 0 ? undefined : true;
    },
    30_000,
    () => 'no notification was tried',
  );
}

/** Every page and answer that shows something of these connections, and both stores. */
async function look(): Promise<void> {
  const { pool } = fleet.runtime.db;
  const ids = async (statement: string): Promise<string[]> =>
    (await pool.query<{ id: string }>(statement)).rows.map(({ id }) => id);
  const runs = await ids('select id from sluice.runs');
  const events = await ids('select id from sluice.webhook_events');
  const actions = [
    'sync',
    'full-sync',
    'pause',
    'resume',
    'reset',
    'check',
    'allow-deletes',
    'webhooks',
    'remove',
  ];
  const pages = [
    '/',
    '/connections',
    '/runs',
    '/providers',
    '/events',
    '/notifications',
    '/audit',
    '/connections/new',
    '/queues',
    ...['canary', 'persons', 'inbox', 'canary-two'].flatMap((id) => [
      `/connections/${id}`,
      `/connections/${id}/added`,
      `/connections/${id}/mappings`,
      ...actions.map((action) => `/connections/${id}/actions/${action}`),
    ]),
    ...runs.flatMap((id) => [`/runs/${id}`, `/runs/${id}/cancel`]),
    ...events.map((id) => `/events/${id}`),
  ];
  // some of these belong to pages that need more parts than this site has; whatever is answered is searched
  for (const path of pages) places.set(`GET ${path}`, await (await web.me.get(path)).text());
  for (const queue of ['runs', 'streams', 'webhooks', 'maintenance']) {
    const path = `/queues/api/queues?activeQueue=${queue}&status=latest&page=1&jobsPerPage=100`;
    places.set(`GET ${path}`, await (await web.me.get(path, { accept: 'application/json' })).text());
  }
  const api = [
    '/v1/connections',
    '/v1/runs',
    '/v1/providers',
    '/v1/events',
    '/v1/notifications',
    '/metrics',
    '/readyz',
    '/openapi.json',
  ];
  for (const path of [
    ...api,
    ...['canary', 'persons', 'inbox'].flatMap((id) => [
      `/v1/connections/${id}`,
      `/v1/connections/${id}/streams/things/records`,
    ]),
    ...runs.map((id) => `/v1/runs/${id}`),
  ])
    places.set(`GET ${path}`, await (await web.ask('GET', path)).text());

  const tables = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables.rows) {
    const dump = await pool.query<{ rows: string | null }>(
      `select string_agg(t::text, E'\\n') as rows from ${name} t`,
    );
    places.set(`table ${name}`, dump.rows[0]?.rows ?? '');
  }
  if (inject('backend') === 'redis') places.set('redis', await dumpRedis());
  places.set('log', log.join(''));
  places.set('traces', collector.raw.join('\n'));
}

async function dumpRedis(): Promise<string> {
  const client = new Redis(inject('redisUrl'));
  try {
    const kept: unknown[] = [];
    for (const key of await client.keys(`${fleet.env['SLUICE_QUEUE_PREFIX'] ?? ''}*`)) {
      const type = await client.type(key);
      const value =
        type === 'string'
          ? await client.get(key)
          : type === 'hash'
            ? await client.hgetall(key)
            : type === 'list'
              ? await client.lrange(key, 0, -1)
              : type === 'zset'
                ? await client.zrange(key, 0, -1)
                : type === 'set'
                  ? await client.smembers(key)
                  : await client.xrange(key, '-', '+');
      kept.push([key, value]);
    }
    expect(kept.length).toBeGreaterThan(3);
    return JSON.stringify(kept);
  } finally {
    client.disconnect();
  }
}

const leaksIn = (): Leak[] => findLeaks(secrets, places);

describe('no secret is found', () => {
  test('in any answer, page, job, log line, trace or table', () => {
    expect(places.get('traces')).toContain('token request');
    expect(places.get('log')?.length).toBeGreaterThan(1_000);
    expect(places.get('table sluice.connections')).toContain('canary');
    expect(places.get('GET /audit')).toContain('connection.check');
    expect([...places.keys()].length).toBeGreaterThan(60);
    expect(leaksIn()).toEqual([]);
  });

  test('in what a process says that can not start', async () => {
    const wrong = new URL(fleet.database.url);
    wrong.password = encodeURIComponent(secrets['wrongPassword'] ?? '');
    wrong.port = '1';
    const child = startSluice(['worker'], {
      cwd: process.cwd(),
      env: {
        ...fleet.env,
        DATABASE_URL: wrong.href,
        SLUICE_API_KEYS: secrets['apiKey'] ?? '',
        SLUICE_ADMIN_PASSWORD: secrets['adminPassword'] ?? '',
        SLUICE_SESSION_SECRET: secrets['sessionSecret'] ?? '',
        PUBLIC_URL: 'http://127.0.0.1:3000',
        LOG_LEVEL: 'trace',
      },
    });
    expect((await child.ended).code).not.toBe(0);
    const said = child.stdout() + child.stderr();
    expect(said).toContain('database_unreachable');
    expect(findLeaks(secrets, new Map([['output of the crash', said]]))).toEqual([]);
  });

  test('by a search that would find it: planted in each form', () => {
    const secret = secrets['refreshToken'] ?? '';
    const planted = {
      raw: `{"a":"${secret}"}`,
      'in a URL': `https://x/?t=${encodeURIComponent(secret)}`,
      'base64 at 0': Buffer.from(`${secret}xyz`).toString('base64'),
      'base64 at 1': Buffer.from(`a${secret}xyz`).toString('base64'),
      'base64url at 2': Buffer.from(`ab${secret}`).toString('base64url'),
      hexadecimal: `\\x${Buffer.from(secret).toString('hex')}`,
    };
    for (const [form, text] of Object.entries(planted)) {
      const found = findLeaks({ secret }, new Map([[form, text]]));
      expect(
        found.map((leak) => leak.form),
        form,
      ).toContain(form);
    }
  });
});
