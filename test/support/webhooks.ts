/** A web process's intake on a port of its own, and a sender that signs as Lucca documents it. */
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { Runtime } from '../../src/runtime.ts';
import type { WebDeps } from '../../src/web/contract.ts';
import { createWebApp } from '../../src/web/app.ts';
import { startServer } from '../../src/web/server.ts';
import type { Fleet } from './fleet.ts';
import { luccaSignature } from './lucca-messages.ts';
import { waitFor } from './wait.ts';

export { luccaEvent } from './lucca-messages.ts';

export const WEBHOOK_SECRET = 'b3YGydKxao0CYEg4-2LM81rviT-vl2JzKyf_zlewRn0cpoHzh4mRLj5_Ty5neQta';

export interface TestIntake {
  /** of `/webhooks` */
  readonly url: string;
  close(): Promise<void>;
}

export async function startIntake(
  runtime: Runtime,
  more: Pick<WebDeps, 'refusals'> = {},
): Promise<TestIntake> {
  const intake = runtime.openIntake();
  const app = createWebApp({
    ready: async () => ({ ok: true, checks: [] }),
    metrics: createMetrics(),
    apiKeys: [],
    metricsOpen: false,
    publicUrl: 'http://127.0.0.1:3000',
    logger: runtime.logger,
    tracing: runtime.tracing,
    now: runtime.now,
    intake,
    ...more,
  });
  const server = await startServer({ app, host: '127.0.0.1', port: 0 });
  return {
    url: `${server.url}/webhooks`,
    async close() {
      await server.close();
      await intake.close();
    },
  };
}

/** The credentials of a connection to the simulated Lucca that takes its messages. */
export function hearing(fleet: Fleet): Readonly<Record<string, unknown>> {
  return { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET };
}

/** The headers that Lucca sends with a body. */
export function luccaHeaders(
  body: string | Buffer,
  secret = WEBHOOK_SECRET,
  at = new Date(),
): Record<string, string> {
  return luccaSignature(body, secret, at);
}

export async function send(
  url: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = luccaHeaders(body),
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
}

export interface StoredEvent {
  readonly id: string;
  readonly connection_id: string;
  readonly event_id: string | null;
  readonly type: string | null;
  readonly status: string;
  readonly body: Buffer | null;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly attempts: number;
  readonly outcome: Readonly<Record<string, unknown>> | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** In the order of arrival. */
export async function storedEvents(fleet: Pick<Fleet, 'database'>): Promise<StoredEvent[]> {
  return (await fleet.database.db.pool.query<StoredEvent>('select * from sluice.webhook_events order by id'))
    .rows;
}

/** Waits until no event is open, and returns all of them. */
export async function settledEvents(
  fleet: Pick<Fleet, 'database'>,
  timeoutMs = 90_000,
): Promise<StoredEvent[]> {
  const open = new Set(['received', 'queued', 'waiting']);
  return waitFor(
    async () => {
      const events = await storedEvents(fleet);
      return events.some(({ status }) => open.has(status)) ? undefined : events;
    },
    timeoutMs,
    async () =>
      `events stay open: ${JSON.stringify((await storedEvents(fleet)).map(({ id, status, error }) => ({ id, status, error })))}`,
  );
}
