/** The demo's webhooks: endpoints at the simulated providers that document webhooks, and what becomes of the messages. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandbox } from '../../sandbox/index.ts';
import type { Runtime } from '../runtime.ts';
import { listEvents, type EventView } from '../webhooks/history.ts';
import { registerWebhooks } from '../webhooks/register.ts';
import { connectionOf } from './demo-connections.ts';
import { paintStatus, say } from './io.ts';

type Provider = Sandbox['providers'][keyof Sandbox['providers']];
type Telling = Extract<Provider, { toldResource: string }>;

const LOOK_EVERY_MS = 100;
const TIMEOUT_MS = 60_000;
/** Of the providers' pauses before they repeat a message: a demo has no minutes to wait. */
const TIME_SCALE = 0.02;
/** For deliveries that are under way, at each look. */
const IDLE_MS = 1_000;
/** Records that are changed at each provider so that it has something to tell. */
const EDITS = 3;
const LIST_LENGTH = 1000;

interface ToldCounts {
  /** distinct messages that the provider has delivered, confirmations of subscriptions included */
  readonly sent: number;
  readonly received: number;
  readonly processed: number;
}

/** Providers that document no webhooks aren't among them. */
function tellingProviders(sandbox: Sandbox): Telling[] {
  return Object.values(sandbox.providers).filter(
    (provider): provider is Telling => 'toldResource' in provider,
  );
}

/**
 * Registers the endpoints, changes some records at the sources, and waits until what they tell of it is applied: at most a
 * minute, or until Ctrl-C.
 *
 * @throws SluiceError as `registerWebhooks`
 */
export async function showWebhooks(
  runtime: Runtime,
  sandbox: Sandbox,
  webUrl: string,
  stop: AbortSignal,
): Promise<void> {
  const context = { ...runtime.registration, publicUrl: async () => webUrl };
  const telling = tellingProviders(sandbox);
  for (const { deliveries } of telling) deliveries.settings.timeScale = TIME_SCALE;
  await Promise.all(
    telling.map((provider) => registerWebhooks(context, connectionOf(provider), { renew: false })),
  );
  const applied = async (): Promise<boolean> =>
    (await delivered(telling)) && !(await isWorkOpen(runtime, OPEN_EVENTS));
  // a subscription that isn't confirmed yet is told nothing
  await until(stop, applied);
  editTold(sandbox);
  await until(stop, async () => (await applied()) && !(await isWorkOpen(runtime, OPEN_SYNCS)));
}

/** Changes records whose changes are told. Updates alone: the next start of the demo finds the data of this one's start. */
export function editTold(sandbox: Sandbox): void {
  for (const { source, toldResource } of tellingProviders(sandbox))
    source.edit({ resource: toldResource, updates: EDITS });
}

/** By connection, of every simulated provider. */
export async function countWebhooks(runtime: Runtime, sandbox: Sandbox): Promise<Map<string, ToldCounts>> {
  const stored = await runtime.db.pool.query<{ id: string; received: number; processed: number }>(
    `select connection_id as id, count(*)::int as received,
            (count(*) filter (where status in ('processed', 'ignored')))::int as processed
       from sluice.webhook_events group by 1`,
  );
  return new Map(
    Object.values(sandbox.providers).map((provider) => {
      const id = connectionOf(provider);
      const { received = 0, processed = 0 } = stored.rows.find((row) => row.id === id) ?? {};
      const log = 'deliveries' in provider ? provider.deliveries.log() : [];
      return [id, { sent: new Set(log.map((attempt) => attempt.id)).size, received, processed }];
    }),
  );
}

/** Whether a provider that documents webhooks has sent some, and each of them was received and processed. */
export function allProcessed(sandbox: Sandbox, counts: ReadonlyMap<string, ToldCounts>): boolean {
  return tellingProviders(sandbox).every((provider) => {
    const { sent, received, processed } = counts.get(connectionOf(provider)) ?? {
      sent: 0,
      received: 0,
      processed: 0,
    };
    return sent > 0 && received === sent && processed === sent;
  });
}

/** A line for each connection whose webhooks came to an end since the last look. */
export async function printNewWebhooks(runtime: Runtime, shown: Set<string>): Promise<void> {
  const events = (await listEvents(runtime.db, { limit: LIST_LENGTH }).catch(() => [])).filter(
    ({ id, processedAt }) => processedAt !== null && !shown.has(id),
  );
  for (const connection of new Set(events.map((event) => event.connection)))
    say(
      lineOf(
        connection,
        events.filter((event) => event.connection === connection),
      ),
    );
  for (const { id } of events) shown.add(id);
}

function lineOf(connection: string, events: readonly EventView[]): string {
  const sum = (field: 'added' | 'updated' | 'deleted'): number =>
    events.reduce((total, { outcome }) => total + Number(outcome?.[field] ?? 0), 0);
  const types = [...new Set(events.map(({ type }) => type ?? '?'))].sort().join(', ');
  const statuses = [...new Set(events.map(({ status }) => status))].map(paintStatus).join(', ');
  const time = (events[0]?.processedAt ?? '').slice(11, 19);
  const runs = events.filter(({ outcome }) => outcome?.run !== undefined).length;
  const done = runs > 0 ? 'asked for a sync' : `+${sum('added')} ~${sum('updated')} -${sum('deleted')}`;
  return `${time}  ${connection}  ${statuses}  ${done}  ${events.length === 1 ? '1 webhook' : `${events.length} webhooks`}: ${types}`;
}

async function until(stop: AbortSignal, isDone: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + TIMEOUT_MS;
  while (!stop.aborted && Date.now() < end && !(await isDone()))
    await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => {});
}

/** Whether nothing is on its way any more. A message that is refused comes again much later: it isn't waited for here. */
async function delivered(telling: readonly Telling[]): Promise<boolean> {
  const over = new AbortController();
  const idle = Promise.all(telling.map(({ deliveries }) => deliveries.idle())).then(() => true);
  const limit = sleep(IDLE_MS, false, { signal: over.signal }).catch(() => false);
  try {
    return await Promise.race([idle, limit]);
  } finally {
    over.abort();
  }
}

const OPEN_EVENTS = `select 1 from sluice.webhook_events where status in ('received', 'queued', 'waiting') limit 1`;
const OPEN_SYNCS = `select 1 from sluice.runs where trigger = 'webhook' and slot is not null limit 1`;

async function isWorkOpen(runtime: Runtime, open: string): Promise<boolean> {
  return (await runtime.db.pool.query(open)).rows.length > 0;
}
