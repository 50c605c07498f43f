/**
 * `memory`: what a worker needs for a long list, as a process of its own, with the shortest loop over the same pages beside
 * it. The list is read once into an empty mirror, and once more with a hundredth of it gone, so that the complete pass
 * has something to find.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadEnvironment, parseConnection } from '../src/config/index.ts';
import { findProvider } from '../src/providers/registry.ts';
import { packageRoot } from '../src/package-root.ts';
import { openRuntime, type Runtime } from '../src/runtime.ts';
import { applyConnections } from '../src/sync/apply.ts';
import { runView, type RunView } from '../src/sync/history.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import type { Bench, BenchContext } from './contract.ts';
import { makeFloorTable } from './floors.ts';
import { freePort } from './free-port.ts';
import type { LoopDone } from './loop-process.ts';
import { startPageServer, type PageServer } from './page-server.ts';
import { peakRss, resetPeak } from './process-memory.ts';
import { startServers } from './servers.ts';
import { table } from './table.ts';

export interface Footprint {
  readonly records: number;
  readonly seconds: number;
  /** highest resident memory, in MiB */
  readonly peakMiB: number;
  /** delay of the event loop, 99th percentile, in milliseconds; 10 of them are the distance of two looks */
  readonly loopP99Ms: number;
}

interface MemoryFigures {
  readonly pageSize: number;
  /** the worker process before its first run, in MiB */
  readonly idleMiB: number;
  readonly first: Footprint;
  readonly again: Footprint & { readonly deleted: number };
  readonly bareLoop: Footprint;
  /** of the second run: from its last page to its end, in seconds */
  readonly differenceSeconds: number;
  /** what Postgres wrote to temporary files meanwhile, in MiB */
  readonly differenceTempMiB: number;
}

const PAGE_SIZE = 1_000;
const DEFAULT_RECORDS = 1_000_000;
const MIB = 1024 * 1024;

export const memory: Bench<MemoryFigures> = {
  async run(context) {
    const records = context.records ?? DEFAULT_RECORDS;
    context.progress('starting servers');
    const servers = await startServers();
    const pages = await startPageServer();
    try {
      const env = {
        DATABASE_URL: servers.postgresUrl,
        SLUICE_ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
        SLUICE_ALLOW_LOOPBACK: 'true',
        LOG_LEVEL: 'error',
      };
      const runtime = await openRuntime(loadEnvironment(env, { role: 'command', cwd: process.cwd() }), {
        logger: createLogger({ level: 'error' }),
        workers: false,
      });
      try {
        await connect(runtime, pages);
        await pages.set({ records, version: 0, keep: false });
        const worker = await startWorker(env);
        try {
          const idleMiB = peakRss(worker.pid) / MIB;
          const first = await measureRun(context, runtime, worker, records, 'first sync');
          const rest = records - Math.floor(records / 100);
          await pages.set({ records: rest, version: 0, keep: false });
          const tempBefore = await tempBytes(runtime);
          const again = await measureRun(context, runtime, worker, rest, 'once more, 1 % gone');
          const differenceTempMiB = ((await tempBytes(runtime)) - tempBefore) / MIB;
          await worker.stop();
          context.progress('the bare loop');
          await pages.set({ records, version: 0, keep: false });
          await makeFloorTable(runtime.db);
          const bareLoop = await measureLoop(servers.postgresUrl, pages.origin, context.signal);
          return {
            pageSize: PAGE_SIZE,
            idleMiB,
            first: first.footprint,
            again: { ...again.footprint, deleted: again.run.streams[0]?.deleted ?? 0 },
            bareLoop,
            differenceSeconds: again.afterLastPage,
            differenceTempMiB,
          };
        } finally {
          await worker.stop();
        }
      } finally {
        await runtime.close();
      }
    } finally {
      await pages.close();
      await servers.close();
    }
  },

  print({ pageSize, idleMiB, first, again, bareLoop, differenceSeconds, differenceTempMiB }) {
    const row = (what: string, { records, seconds, peakMiB, loopP99Ms }: Footprint): string[] => [
      what,
      String(records),
      (records / seconds).toFixed(0),
      `${peakMiB.toFixed(0)} MiB`,
      `${loopP99Ms.toFixed(0)} ms`,
    ];
    return [
      `one worker process, ${pageSize} records a page; it has ${idleMiB.toFixed(0)} MiB before its first run`,
      ...table([
        ['', 'records', 'a second', 'peak memory', 'event loop p99'],
        row('worker, first sync', first),
        row(`worker, once more, ${again.deleted} gone`, again),
        row('bare loop', bareLoop),
      ]),
      `finding and deleting what vanished took ${differenceSeconds.toFixed(1)} s; temporary files of Postgres: ${differenceTempMiB.toFixed(0)} MiB`,
    ];
  },
};

/** A stream that a shipped provider hasn't: a worker process knows no other providers. */
async function connect({ db, vault }: Runtime, { origin }: PageServer): Promise<void> {
  const { connection, problems } = parseConnection('bench', {
    provider: 'lucca',
    settings: { host: 'bench.ilucca.net' },
    credentials: { clientId: 'bench', clientSecret: 'bench' },
    endpoints: { token: `${origin}/token`, api: `${origin}/api` },
    schedule: 'manual',
    streams: ['records'],
    limits: { requestsPerMinute: 1_000_000 },
    customStreams: [
      {
        name: 'records',
        path: '/records',
        items: 'items',
        id: 'id',
        paging: { style: 'next-link', at: 'next', sizeParam: 'limit', pageSize: PAGE_SIZE },
      },
    ],
  });
  if (connection === undefined) throw new Error(JSON.stringify(problems));
  const options = { prune: false, dryRun: false, now: new Date() };
  await applyConnections({ db, vault, findProvider }, [connection], options);
}

/** What the Procfile gives to Node for a worker. */
async function flagsOfWorker(): Promise<string[]> {
  const procfile = await readFile(join(packageRoot, 'Procfile'), 'utf8');
  const line = /^worker: node (.*)dist\/src\/cli\.js worker$/m.exec(procfile);
  if (line === null) throw new Error('the Procfile has no worker');
  return (line[1] ?? '').split(' ').filter((flag) => flag !== '');
}

interface WorkerProcess {
  readonly pid: number;
  /** p99 of the event loop's delay since the last call, in milliseconds */
  loopP99(): Promise<number>;
  /** may be called again */
  stop(): Promise<void>;
}

async function startWorker(env: Readonly<Record<string, string>>): Promise<WorkerProcess> {
  const port = await freePort();
  const cli = fileURLToPath(new URL('../src/cli.js', import.meta.url));
  const child = spawn(process.execPath, [...(await flagsOfWorker()), cli, 'worker'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      ...env,
      HOST: '127.0.0.1',
      SLUICE_WORKER_PORT: String(port),
      SLUICE_METRICS_OPEN: 'true',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const origin = `http://127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error('the worker did not start');
    const ready = await fetch(`${origin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) break;
    await sleep(100);
  }
  return {
    pid: child.pid ?? 0,
    async loopP99() {
      // the registry starts its histogram anew with each look
      const text = await (await fetch(`${origin}/metrics`)).text();
      return Number(/^nodejs_eventloop_lag_p99_seconds\S* (\S+)$/m.exec(text)?.[1]) * 1000;
    },
    stop: () => stopped(child),
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function measureRun(
  { signal, progress }: BenchContext,
  runtime: Runtime,
  worker: WorkerProcess,
  records: number,
  what: string,
): Promise<{ readonly footprint: Footprint; readonly run: RunView; readonly afterLastPage: number }> {
  progress(`${what}: ${records} records`);
  resetPeak(worker.pid);
  await worker.loopP99();
  const started = performance.now();
  const runId = await runtime.jobs.askForRun({ connectionId: 'bench', trigger: 'command', priority: 1 });
  const pages = Math.ceil(records / PAGE_SIZE);
  let lastPage: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const run = await runView(runtime.db, runId);
    if (run !== undefined && (run.streams[0]?.pages ?? 0) >= pages) lastPage ??= performance.now();
    if (run !== undefined && run.finishedAt !== null) {
      if (run.status !== 'succeeded')
        throw new Error(`the run ended as ${run.status}: ${JSON.stringify(run)}`);
      const now = performance.now();
      const footprint = {
        records,
        seconds: (now - started) / 1000,
        peakMiB: peakRss(worker.pid) / MIB,
        loopP99Ms: await worker.loopP99(),
      };
      return { footprint, run, afterLastPage: (now - (lastPage ?? now)) / 1000 };
    }
    await sleep(100);
  }
}

async function measureLoop(databaseUrl: string, origin: string, signal: AbortSignal): Promise<Footprint> {
  const child = fork(new URL('loop-process.js', import.meta.url), [databaseUrl, origin, String(PAGE_SIZE)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const [done] = (await once(child, 'message', { signal })) as [LoopDone];
    return { ...done, peakMiB: peakRss(child.pid ?? 0) / MIB };
  } finally {
    await stopped(child);
  }
}

async function tempBytes({ db }: Runtime): Promise<number> {
  // the server writes its counts down with some delay
  await sleep(1_500);
  const result = await db.pool.query<{ bytes: string }>(
    `select temp_bytes as bytes from pg_stat_database where datname = current_database()`,
  );
  return Number(result.rows[0]?.bytes ?? 0);
}
