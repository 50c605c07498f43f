/**
 * Brings the stored connections to what a file says. The plan is made first and can be shown; applying it touches
 * only what differs, and removes only what this file's like had made and only when asked to.
 */
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { Vault } from '../auth/vault.ts';
import type { ConnectionInput } from '../config/connection.ts';
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { resolveConnection } from '../providers/resolve.ts';
import {
  allConnections,
  parkConnectionIn,
  writeConnection,
  type ConnectionRow,
} from '../store/connections.ts';
import type { Db } from '../store/db.ts';
import { findGrant } from '../store/grants.ts';
import { credentialsIdentity, storedInput } from './load-connection.ts';
import { removeConnectionIn } from './remove.ts';
import { firstRun, timetableOf } from './schedule.ts';
import { ensureConnectionViews } from './stream-views.ts';

export interface PlannedChange {
  readonly id: string;
  readonly action: 'create' | 'update' | 'unchanged' | 'remove' | 'kept';
  /** keys that differ, custom streams by name; credentials are named, never shown; of a new one its custom streams */
  readonly changed: readonly string[];
}

export interface ApplyOptions {
  readonly prune: boolean;
  readonly dryRun: boolean;
  readonly now: Date;
}

export interface ApplyDeps {
  readonly db: Db;
  readonly vault: Vault;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
}

/** One apply at a time, whoever calls; held for the transaction. */
const LOCK = `select pg_advisory_xact_lock(hashtextextended('sluice apply', 0))`;

/** Plans and, unless it is a dry run, applies in one transaction. `inputs` have been validated. */
export async function applyConnections(
  deps: ApplyDeps,
  inputs: readonly ConnectionInput[],
  options: ApplyOptions,
): Promise<PlannedChange[]> {
  const applied = await deps.db.tx(async (client) => {
    await client.query(LOCK);
    const stored = new Map((await allConnections(client)).map((row) => [row.id, row]));
    const plan: PlannedChange[] = [];
    for (const input of inputs) plan.push(await applyOne(deps, client, stored.get(input.id), input, options));
    const named = new Set(inputs.map((input) => input.id));
    for (const row of stored.values()) {
      if (named.has(row.id) || row.managed_by !== 'file') continue;
      if (options.prune && !options.dryRun) await removeConnectionIn(client, row.id, { purge: false });
      plan.push({ id: row.id, action: options.prune ? 'remove' : 'kept', changed: [] });
    }
    return plan;
  });
  if (!options.dryRun) await makeViews(deps, inputs);
  return applied;
}

/**
 * Stores one connection that comes by HTTP, under the same lock. `look` finds the row that is there, and may refuse.
 * An equal one is left untouched, with its state and its schedule. Returns whether it is new.
 */
export async function storeConnection(
  deps: ApplyDeps,
  input: ConnectionInput,
  now: Date,
  look: (client: pg.PoolClient) => Promise<ConnectionRow | undefined>,
): Promise<boolean> {
  const created = await deps.db.tx(async (client) => {
    await client.query(LOCK);
    const row = await look(client);
    const same = row !== undefined && differences(readable(row, deps.vault), input).length === 0;
    if (!same) await writeInput(deps, client, input, 'api', now);
    return row === undefined;
  });
  await makeViews(deps, [input]);
  return created;
}

/** Views lock what reads them, so they come after the connections, each in a transaction of its own. */
async function makeViews(deps: ApplyDeps, inputs: readonly ConnectionInput[]): Promise<void> {
  const client = await deps.db.pool.connect();
  try {
    await ensureConnectionViews(client, inputs, deps.findProvider);
  } finally {
    client.release();
  }
}

async function applyOne(
  deps: ApplyDeps,
  client: pg.PoolClient,
  row: ConnectionRow | undefined,
  input: ConnectionInput,
  options: ApplyOptions,
): Promise<PlannedChange> {
  const changed =
    row === undefined
      ? input.customStreams.map(({ name }) => `customStreams.${name}`)
      : differences(readable(row, deps.vault), input);
  const owner = row !== undefined && row.managed_by !== 'file' ? ['managedBy'] : [];
  if (row !== undefined && changed.length === 0 && owner.length === 0)
    return { id: input.id, action: 'unchanged', changed };
  if (!options.dryRun) await writeInput(deps, client, input, 'file', options.now);
  return { id: input.id, action: row === undefined ? 'create' : 'update', changed: [...changed, ...owner] };
}

/** Stores a connection, its credentials encrypted and bound to its row. */
async function writeInput(
  deps: ApplyDeps,
  client: pg.PoolClient,
  input: ConnectionInput,
  managedBy: 'file' | 'api',
  now: Date,
): Promise<void> {
  const { credentials, ...config } = input;
  const provider = deps.findProvider(input.provider);
  if (provider === undefined) throw new Error(`provider ${input.provider} passed the validation`);
  const connection = resolveConnection(input, provider);
  const timetable = timetableOf(connection);
  await writeConnection(client, {
    id: input.id,
    provider: input.provider,
    managedBy,
    config,
    credentials: deps.vault.encrypt(JSON.stringify(credentials), credentialsIdentity(input.id)),
    nextRunAt: firstRun(timetable, now),
  });
  if (connection.grant === 'user') await awaitConsent(client, connection);
}

/** A connection that only a person can make stands still, visibly, until somebody has. */
async function awaitConsent(client: pg.PoolClient, connection: ResolvedConnection): Promise<void> {
  const { id, credentials } = connection;
  const grant = await findGrant(client, id);
  const usable = grant !== undefined && grant.refresh_token !== null;
  if (usable && grant.client_id === (credentials.clientId ?? '')) return;
  const message = usable
    ? `${id} was connected with another application (client id) than it has now.`
    : `Nobody has connected ${id} yet.`;
  const error = new SluiceError('not_connected', message, {
    advice: `Run \`sluice connect ${id}\` and let a person consent at the provider.`,
  });
  await parkConnectionIn(client, id, 'needs_reconnect', error.report());
}

/** What is stored. Credentials that can't be decrypted count as others, so that entering them again mends that. */
export function readable(row: ConnectionRow, vault: Vault): ConnectionInput {
  try {
    return storedInput(row, vault);
  } catch (error) {
    if (!(error instanceof SluiceError) || !error.code.startsWith('vault_')) throw error;
    return { ...(row.config as Omit<ConnectionInput, 'credentials'>), credentials: {} };
  }
}

function differences(before: ConnectionInput, after: ConnectionInput): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof ConnectionInput>;
  return [...keys]
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .flatMap((key) => (key === 'customStreams' ? changedStreams(before[key], after[key]) : [key]))
    .sort();
}

/** `customStreams.NAME` for each that came, went or is described otherwise. */
function changedStreams(
  before: ConnectionInput['customStreams'],
  after: ConnectionInput['customStreams'],
): string[] {
  const [old, now] = [before, after].map(
    (streams) => new Map(streams.map((stream) => [stream.name, stream])),
  );
  const names = new Set([...before, ...after].map(({ name }) => name));
  const changed = [...names].filter((name) => !isDeepStrictEqual(old?.get(name), now?.get(name)));
  // in another order only
  return changed.length === 0 ? ['customStreams'] : changed.map((name) => `customStreams.${name}`);
}
