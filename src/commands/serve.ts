/** The HTTP server of a process: the web app on PORT, or health and metrics alone for a worker. */
import type { Runtime } from '../runtime.ts';
import { assertSchemaCurrent } from '../store/migrate.ts';
import { reportOf, SluiceError } from '../errors.ts';
import { localUrl } from '../config/index.ts';
import { createWebApp, createWorkerApp } from '../web/app.ts';
import { boardFactory } from '../web/board.ts';
import type { ProbeDeps, Readiness, ReadinessCheck } from '../web/contract.ts';
import { startServer, type RunningServer } from '../web/server.ts';
import { apiOf, watchChanges } from './api.ts';
import { connectingAs } from './audited-api.ts';
import { consoleOf } from './console.ts';
import { mappingsPagesOf } from './mappings-pages.ts';
import { steeringOf } from './steering.ts';

export interface WebServer extends RunningServer {
  /** where people reach the console */
  readonly consoleUrl: string;
}

/** Serves the whole web app. `tryNextPorts` takes the next free port where PORT is taken. */
export async function serveWeb(
  runtime: Runtime,
  options: { readonly tryNextPorts: boolean },
): Promise<WebServer> {
  const { environment } = runtime;
  // The app has to know its own address, and that is certain only when the port is taken.
  let app: ReturnType<typeof createWebApp> | undefined;
  const server = await startServer({
    app: {
      fetch: (...args) => (app === undefined ? new Response(null, { status: 503 }) : app.fetch(...args)),
    },
    host: environment.host,
    port: environment.port,
    tryNextPorts: options.tryNextPorts,
  });
  const publicUrl =
    environment.publicUrlSet && environment.publicUrl !== undefined
      ? environment.publicUrl
      : localUrl(environment.host, server.port);
  const password = runtime.secrets?.adminPassword ?? environment.adminPassword;
  const sessionSecret = runtime.secrets?.sessionSecret ?? environment.sessionSecret;
  const watch = watchChanges(runtime);
  const api = apiOf(runtime, publicUrl, watch);
  const pages = consoleOf(runtime);
  const attachBoard = await runtime.jobs.loadBoard();
  const intake = runtime.openIntake();
  app = createWebApp({
    ...probes(runtime, publicUrl),
    console: pages,
    connector: runtime.connector,
    connectorAs: (actor) => connectingAs(runtime, actor),
    mappings: mappingsPagesOf(runtime),
    api,
    steering: steeringOf(runtime, publicUrl, (id) => api.connection(id)),
    intake,
    ...(password === undefined || sessionSecret === undefined ? {} : { admin: { password, sessionSecret } }),
    bullBoard: boardFactory(attachBoard),
    bullBoardReadOnly: environment.bullBoard === 'read-only',
  });
  await runtime.announceUrl(publicUrl);
  return {
    ...server,
    consoleUrl: publicUrl,
    async close(graceMs) {
      // whoever waits for changes is answered now, and asks again elsewhere
      watch.close();
      pages.live.close();
      // Whoever is being served is answered first.
      await server.close(graceMs);
      await intake.close();
    },
  };
}

/** `/livez`, `/readyz` and `/metrics` of a worker, where SLUICE_WORKER_PORT asks for them. */
export async function serveProbes(runtime: Runtime): Promise<RunningServer | undefined> {
  const { host, workerPort } = runtime.environment;
  if (workerPort === undefined) return undefined;
  const app = createWorkerApp(probes(runtime, localUrl(host, workerPort)));
  return startServer({ app, host, port: workerPort });
}

function probes(runtime: Runtime, publicUrl: string): ProbeDeps {
  return {
    ready: () => readiness(runtime),
    metrics: runtime.metrics,
    apiKeys: runtime.secrets?.apiKeys ?? runtime.environment.apiKeys,
    metricsOpen: runtime.environment.metricsOpen,
    publicUrl,
    tracing: runtime.tracing,
    logger: runtime.logger,
    now: runtime.now,
  };
}

/** What `/readyz` says: whether database and queue are there. */
export async function readiness(runtime: Runtime): Promise<Readiness> {
  const checks = await Promise.all([
    check('database', () => assertUsable(runtime)),
    check('queue', () => runtime.jobs.depths()),
  ]);
  return { ok: checks.every(({ ok }) => ok), checks };
}

/**
 * A schema that became newer under a process that runs is no trouble: migrations only add. During an upgrade the old
 * processes serve until new ones take over; were they all unready at once, webhooks would find nobody.
 */
async function assertUsable({ db }: Runtime): Promise<void> {
  try {
    await assertSchemaCurrent(db.pool);
  } catch (error) {
    if (!(error instanceof SluiceError && error.code === 'schema_newer')) throw error;
  }
}

async function check(name: string, work: () => Promise<unknown>): Promise<ReadinessCheck> {
  try {
    await work();
    return { name, ok: true };
  } catch (error) {
    const { message, advice } = reportOf(error);
    return { name, ok: false, message, advice };
  }
}
