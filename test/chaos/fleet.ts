/** The fleet that is hurt: servers of its own, simulated providers, 20 connections, three workers and a web process. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { request } from 'undici';
import { loadEnvironment, parseConnection, type ConnectionInput } from '../../src/config/index.ts';
import { migrateQueues } from '../../src/jobs/index.ts';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { floriday } from '../../src/providers/floriday/index.ts';
import { lucca } from '../../src/providers/lucca/index.ts';
import { findProvider } from '../../src/providers/registry.ts';
import { openRuntime, type Runtime } from '../../src/runtime.ts';
import { openEmbedded } from '../../src/store/embedded/index.ts';
import { migrate } from '../../src/store/migrate.ts';
import { applyConnections } from '../../src/sync/apply.ts';
import { freePort } from '../support/port.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';
import type { Backend, Deliveries } from './contract.ts';
import { firstLine, startProcess, type ChaosProcess } from './processes.ts';

const CONNECTIONS_EACH = 10;
export const WORKERS = 3;
/** streams that a worker works on at once: few, so that the work is spread over all of them */
export const CONCURRENCY = 6;
/** short, so that tokens are renewed in the midst of everything */
export const FLORIDAY_TOKEN_SECONDS = 120;
const LUCCA_STREAMS = ['employees', 'departments', 'leaves'];
const FLORIDAY_STREAMS = ['trade-items', 'batches'];

export interface SimulatedAccount {
  readonly id: 'lucca' | 'floriday';
  readonly urls: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, string>>;
}

export interface ChaosFleet {
  readonly backend: Backend;
  /** holds the logs */
  readonly folder: string;
  readonly runtime: Runtime;
  readonly postgresPid: () => number;
  readonly redis: PrivateRedis | undefined;
  readonly workers: ChaosProcess[];
  readonly web: { current: ChaosProcess };
  readonly sandbox: ChaosProcess;
  readonly connections: readonly { readonly id: string; readonly provider: SimulatedAccount['id'] }[];
  /** signs each Lucca connection's webhooks; Floriday's URLs carry it as their key */
  readonly webhookSecret: string;
  readonly deliveries: Deliveries;
  /** what may stand in no log */
  readonly secrets: readonly string[];
  /** every process ever started */
  readonly started: readonly ChaosProcess[];
  startWorker(): Promise<ChaosProcess>;
  startWeb(): Promise<ChaosProcess>;
  /** A command of the sandbox's control server. */
  control<T>(provider: SimulatedAccount['id'], command: string, body?: object): Promise<T>;
  /** From now on only runs that are asked for. */
  endSchedules(): Promise<void>;
  close(options: { readonly keepLogs: boolean }): Promise<void>;
}

/** How a stream's resource is called by the simulated provider. */
export function resourceOf(stream: StreamDefinition): string {
  return stream.path.replace('/sync', '').replace('/{sequence}', '').slice(1);
}

export function streamOf(provider: SimulatedAccount['id'], name: string): StreamDefinition {
  const all =
    provider === 'lucca' ? lucca.streams : (floriday.streamsFor?.({ api: 'suppliers' }) ?? floriday.streams);
  const found = all.find((stream) => stream.name === name);
  if (found === undefined) throw new Error(`${provider} has no stream ${name}`);
  return found;
}

/** The resources that edits touch. */
export const EDITED = {
  lucca: LUCCA_STREAMS,
  floriday: FLORIDAY_STREAMS,
} as const;

export async function startChaosFleet(options: {
  readonly backend: Backend;
  readonly seed: number;
  readonly records: number;
}): Promise<ChaosFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-chaos-'));
  // for root: the server's own account must reach its data
  chmodSync(folder, 0o755);
  let keep = false;
  const opened: (() => Promise<void>)[] = [
    async () => {
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  ];
  const started: ChaosProcess[] = [];
  const close = async ({ keepLogs }: { keepLogs: boolean }): Promise<void> => {
    keep = keepLogs;
    await Promise.all(started.map((one) => one.end('SIGKILL')));
    for (const part of opened.splice(0).reverse()) await part();
  };
  try {
    const postgres = await openEmbedded({ dataDir: join(folder, 'data') });
    opened.push(() => postgres.close());
    await migrate(postgres.url, migrateQueues);
    const redis = options.backend === 'redis' ? await startRedis() : undefined;
    if (redis !== undefined) opened.push(() => redis.close());

    const sandbox = await startProcess(
      'sandbox',
      [
        'sandbox/main.js',
        '--provider',
        'lucca',
        '--provider',
        'floriday',
        '--records',
        String(options.records),
        '--seed',
        String(options.seed),
      ],
      { folder, name: 'sandbox', env: {}, ready: '"control"' },
    );
    started.push(sandbox);
    const said = JSON.parse(firstLine(sandbox.logFile)) as { control: string; providers: SimulatedAccount[] };
    const control = async <T>(provider: string, command: string, body: object = {}): Promise<T> => {
      const answer = await request(`${said.control}/_sandbox/${provider}/${command}`, {
        method: 'POST',
        body: JSON.stringify(body),
        // A busy machine would send on kept connections that have just been closed for idleness.
        reset: true,
      });
      const json = await answer.body.json();
      if (answer.statusCode !== 200) throw new Error(`${provider} ${command}: ${JSON.stringify(json)}`);
      return json as T;
    };
    await control('lucca', 'limits', { requests: 1_000_000_000 });
    await control('floriday', 'limits', { mode: 'off' });
    await control('floriday', 'tokens', { lifetimeSeconds: FLORIDAY_TOKEN_SECONDS });

    const secret = (bytes = 32): string => randomBytes(bytes).toString('base64');
    const key = secret();
    const [apiKey, adminPassword, sessionSecret] = [secret(24), secret(18), secret(48)];
    const webhookSecret = randomBytes(32).toString('base64url');
    const shared = {
      DATABASE_URL: postgres.url,
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      SLUICE_ENCRYPTION_KEYS: `chaos:${key}`,
      SLUICE_ALLOW_LOOPBACK: 'true',
      SLUICE_WORKER_CONCURRENCY: String(CONCURRENCY),
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'debug',
    };
    const runtime = await openRuntime(loadEnvironment(shared, { role: 'command', cwd: folder }), {
      logger: pino({ level: 'silent' }),
      workers: false,
    });
    opened.push(() => runtime.close());

    const inputs = said.providers.flatMap((provider) =>
      Array.from({ length: CONNECTIONS_EACH }, (_, at) =>
        connectionInput(provider, at + 1, 'every 10s', webhookSecret),
      ),
    );
    const apply = async (schedule?: 'manual'): Promise<void> => {
      const wanted =
        schedule === undefined
          ? inputs
          : said.providers.flatMap((provider) =>
              Array.from({ length: CONNECTIONS_EACH }, (_, at) =>
                connectionInput(provider, at + 1, schedule, webhookSecret),
              ),
            );
      await applyConnections({ db: runtime.db, vault: runtime.vault, findProvider }, wanted, {
        prune: false,
        dryRun: false,
        now: new Date(),
      });
    };
    await apply();

    let workersStarted = 0;
    const startWorker = async (): Promise<ChaosProcess> => {
      const name = `worker-${++workersStarted}`;
      const worker = await startProcess('worker', ['src/cli.js', 'worker'], {
        folder,
        name,
        env: shared,
        ready: '"ready"',
      });
      started.push(worker);
      return worker;
    };
    let websStarted = 0;
    const startWeb = async (): Promise<ChaosProcess> => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const web = await startProcess('web', ['src/cli.js', 'web'], {
        folder,
        name: `web-${++websStarted}`,
        env: {
          ...shared,
          PORT: String(port),
          HOST: '127.0.0.1',
          PUBLIC_URL: url,
          SLUICE_API_KEYS: apiKey,
          SLUICE_ADMIN_PASSWORD: adminPassword,
          SLUICE_SESSION_SECRET: sessionSecret,
          SLUICE_METRICS_OPEN: 'true',
        },
        ready: '"ready"',
        url,
      });
      started.push(web);
      return web;
    };
    const workers = await Promise.all(Array.from({ length: WORKERS }, startWorker));
    const web = { current: await startWeb() };
    return {
      backend: options.backend,
      folder,
      runtime,
      postgresPid: () => postgres.pid,
      redis,
      workers,
      web,
      sandbox,
      started,
      connections: inputs.map(({ id, provider }) => ({ id, provider: provider as SimulatedAccount['id'] })),
      webhookSecret,
      deliveries: { acknowledged: new Map(), underWay: 0, wrongAnswers: [] },
      secrets: [
        ...said.providers.flatMap(({ credentials }) =>
          ['clientSecret', 'apiKey'].flatMap((name) => credentials[name] ?? []),
        ),
        key,
        webhookSecret,
        apiKey,
        adminPassword,
        sessionSecret,
        decodeURIComponent(new URL(postgres.url).password),
      ],
      startWorker,
      startWeb,
      control,
      endSchedules: () => apply('manual'),
      close,
    };
  } catch (error) {
    await close({ keepLogs: false });
    throw error;
  }
}

function connectionInput(
  provider: SimulatedAccount,
  number: number,
  schedule: string,
  webhookSecret: string,
): ConnectionInput {
  const { id, urls, settings, credentials } = provider;
  const parsed = parseConnection(`${id}-${number}`, {
    provider: id,
    settings,
    credentials: { ...credentials, webhookSecret },
    endpoints: { token: urls.token, api: urls.api },
    streams: EDITED[id],
    schedule,
    retry: { attempts: 8, baseDelay: '100ms', maxDelay: '2s' },
    limits: { requestsPerMinute: 1_000_000, pageSize: 50 },
  });
  if (parsed.connection === undefined) throw new Error(JSON.stringify(parsed.problems));
  return parsed.connection;
}
