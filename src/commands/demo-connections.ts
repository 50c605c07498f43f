/** The demo's connections: one for each simulated provider, those that need a person connected by a walk through its pages. */
import type { Sandbox } from '../../sandbox/index.ts';
import { configError, hasErrors, parseConnection, type ConnectionInput } from '../config/index.ts';
import type { Runtime } from '../runtime.ts';
import { cancelOpenRuns } from '../store/open-runs.ts';
import { findGrant } from '../store/grants.ts';
import { applyTo } from './apply.ts';

type Provider = Sandbox['providers'][keyof Sandbox['providers']];

/** A provider where a person consents. */
type Consenting = Extract<Provider, { allowRedirect: unknown }>;

/** The id of a simulated provider's connection. */
export const connectionOf = (provider: { readonly id: string }): string => `demo-${provider.id}`;

/** Its addresses are new at every start, its data are not. Returns the ids. */
export async function applyDemo(runtime: Runtime, sandbox: Sandbox, unlimited: boolean): Promise<string[]> {
  const inputs = Object.values(sandbox.providers).map((provider) => inputOf(provider, unlimited));
  await applyTo(runtime, inputs, { prune: true, dryRun: false });
  // A run that an earlier demo left open belongs to simulated providers that are gone, and to no process but ours.
  await runtime.db.tx(async (client) => {
    for (const { id } of inputs) await cancelOpenRuns(client, id);
    // They count requests from nought: what was kept of their limits means nothing to them.
    await client.query(`delete from sluice.rate_limits`);
    // They know no endpoint of ours, and give their events the numbers that they gave before.
    for (const table of ['webhook_endpoints', 'webhook_events'])
      await client.query(`delete from sluice.${table} where connection_id = any($1)`, [
        inputs.map(({ id }) => id),
      ]);
    // The first pass is asked for by the demo itself; the schedule comes in after it.
    await client.query(`update sluice.connections set next_run_at = now() + interval '30 seconds'`);
  });
  return inputs.map((input) => input.id);
}

function inputOf(provider: Provider, unlimited: boolean): ConnectionInput {
  const parsed = parseConnection(connectionOf(provider), {
    provider: provider.id,
    settings: provider.settings,
    credentials: provider.credentials,
    endpoints: provider.urls,
    schedule: 'every 30s',
    ...(unlimited ? { limits: { requestsPerMinute: 1_000_000 } } : {}),
  });
  if (parsed.connection === undefined || hasErrors(parsed.problems)) throw configError(parsed.problems);
  return parsed.connection;
}

export interface DemoConsent {
  readonly connection: string;
  /** who consented, where the provider says */
  readonly account: string | null;
}

/**
 * Gives the consents that a person would give in a browser: by the one-time link of `sluice connect`, the provider's own
 * pages and our callback. Each start of the demo has new authorization servers, which know nothing of earlier ones.
 */
export async function giveConsents(
  runtime: Runtime,
  sandbox: Sandbox,
  publicUrl: string,
): Promise<DemoConsent[]> {
  const { giveConsent } = await import('../../sandbox/consent.ts');
  const given: DemoConsent[] = [];
  for (const provider of Object.values(sandbox.providers)) {
    if (!isConsenting(provider)) continue;
    const id = connectionOf(provider);
    // also where the demo itself needs no consent: a person may open `/connect/ID`
    provider.allowRedirect(`${publicUrl}/oauth/callback`);
    const { grant } = await runtime.loadConnection(id, { requireUsable: false });
    if (grant !== 'user') continue;
    const link = await runtime.connector.createLink(id, { publicUrl });
    const { status, text } = await giveConsent(link.url);
    const outcome = await runtime.connector.outcome(link.id);
    const grantRow = await findGrant(runtime.db.pool, id);
    if (status >= 400 || grantRow === undefined || (outcome !== undefined && outcome.error !== null))
      throw new Error(`the consent for ${id} failed: ${outcome?.error?.message ?? text.slice(0, 200)}`);
    given.push({ connection: id, account: grantRow.account_label });
  }
  return given;
}

function isConsenting(provider: Provider): provider is Consenting {
  return 'allowRedirect' in provider;
}

/**
 * Changes something at every provider: in its main resource, or where most of its records are if that one holds the accounts
 * that all else belongs to.
 */
export function editAll(sandbox: Sandbox): void {
  for (const provider of Object.values(sandbox.providers)) {
    const { source } = provider;
    const [largest] = source.resources.toSorted((a, b) => source.count(b) - source.count(a));
    const where = isConsenting(provider) && largest !== undefined ? { resource: largest } : {};
    source.edit({ creates: 1, updates: 3, deletes: 1, ...where });
  }
}
