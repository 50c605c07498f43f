/** Our engine on a provider of the bench's own: a connection, and single deliveries of its one stream. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { loadEnvironment, parseConnection } from '../src/config/index.ts';
import { defineProvider } from '../src/providers/contract.ts';
import { openRuntime, type Runtime } from '../src/runtime.ts';
import { ticketForRun } from '../src/store/run-tickets.ts';
import { closeRun, planRun, releaseStreams, requestRun } from '../src/store/runs.ts';
import { applyConnections } from '../src/sync/apply.ts';
import { syncStream } from '../src/sync/stream-sync.ts';
import { createLogger } from '../src/telemetry/logger.ts';

/** Counts of one delivery, as its run tells them. */
export interface Delivered {
  readonly added: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
}

export interface Engine {
  readonly runtime: Runtime;
  connect(id: string, pageSize: number): Promise<void>;
  /** One whole delivery of the stream, from its beginning to the end of its run. Throws unless it succeeded. */
  sync(connectionId: string): Promise<Delivered>;
  close(): Promise<void>;
}

/** As a provider's folder would state it. */
const record = z.looseObject({
  id: z.string().min(1),
  number: z.int(),
  givenName: z.string().nullish(),
  familyName: z.string().nullish(),
  email: z.string().nullish(),
  active: z.boolean().nullish(),
  salary: z.number().nullish(),
  address: z.looseObject({ street: z.string().nullish(), city: z.string().nullish() }).nullish(),
  tags: z.array(z.string()).nullish(),
  createdAt: z.string().nullish(),
  revision: z.int().nullish(),
  notes: z.string().nullish(),
});

const provider = defineProvider({
  id: 'bench',
  title: 'Bench',
  description: 'of a bench',
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
  streams: [
    {
      name: 'records',
      title: 'Records',
      path: '/records',
      scopes: [],
      items: 'items',
      id: 'id',
      paging: { style: 'next-link', at: 'next', sizeParam: 'limit', pageSize: 1000 },
      changes: { detect: 'full' },
      schema: record,
      evidence: 'unverified',
    },
  ],
  check: () => ({ path: '/records' }),
});

export async function openEngine(databaseUrl: string, origin: string): Promise<Engine> {
  const environment = loadEnvironment(
    {
      DATABASE_URL: databaseUrl,
      SLUICE_ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
      SLUICE_ALLOW_LOOPBACK: 'true',
    },
    { role: 'worker', cwd: process.cwd() },
  );
  const findProvider = (id: string) => (id === provider.id ? provider : undefined);
  const logger = createLogger({ level: 'error' });
  const runtime = await openRuntime(environment, { logger, workers: true, findProvider });
  const { db, vault, outbound, tokens, loadConnection, now } = runtime;
  const context = { db, outbound, tokens, loadConnection, logger, now, random: Math.random, owner: 'bench' };
  return {
    runtime,
    async connect(id, pageSize) {
      const { connection, problems } = parseConnection(id, {
        provider: provider.id,
        credentials: { clientId: 'bench', clientSecret: 'bench' },
        endpoints: { token: `${origin}/token`, api: `${origin}/api` },
        limits: { pageSize },
      });
      if (connection === undefined) throw new Error(JSON.stringify(problems));
      const options = { prune: false, dryRun: false, now: new Date() };
      await applyConnections({ db, vault, findProvider }, [connection], options);
    },
    async sync(connectionId) {
      const { runId } = await requestRun(db, { connectionId, trigger: 'command', priority: 1 });
      await ticketForRun(db, runId);
      await planRun(db, runId, () => [{ stream: 'records', wave: 0, mode: 'full' }]);
      const { tickets } = await releaseStreams(db, runId, { concurrency: 1, parents: new Map() });
      const jobId = tickets[0]?.jobId ?? '';
      await syncStream(context, { runId, stream: 'records', jobId, shutdown: new AbortController().signal });
      await tokens.endFlow(runId);
      await closeRun(db, runId, undefined, async () => {});
      const found = await db.pool.query<Delivered & { status: string; error: unknown }>(
        `select status, error, added, updated, unchanged, deleted from sluice.run_streams where run_id = $1`,
        [runId],
      );
      const row = found.rows[0];
      if (row?.status !== 'succeeded') throw new Error(`the sync did not succeed: ${JSON.stringify(row)}`);
      return row;
    },
    close: () => runtime.close(),
  };
}
