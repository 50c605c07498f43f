/**
 * What the intake knows of a connection: the scheme, and the secrets. Kept for a second, so that a busy connection
 * costs one small query a second, and a changed secret counts from the next second on.
 */
import type { Vault } from '../auth/vault.ts';
import { SluiceError } from '../errors.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import type { WebhookDefinition } from '../providers/webhook-contract.ts';
import { findIntakeConnection, type IntakeConnection } from '../store/inbox.ts';
import { endpointIdentity } from '../store/webhook-endpoints.ts';
import { credentialsIdentity } from '../sync/load-connection.ts';
import { definitionOf, type WebhookConfiguration } from './definition.ts';
import type pg from 'pg';

export interface Receiver {
  readonly connectionId: string;
  readonly provider: string;
  readonly definition: WebhookDefinition;
  /** of the connection and of the endpoints that we registered for it */
  readonly secrets: readonly string[];
}

export interface Receivers {
  /**
   * Undefined where there is no such connection, or it has no webhooks; as quick as for one that exists.
   *
   * @throws SluiceError `vault_*`, `provider_unknown`: it exists, and can't be read now; and what Postgres throws
   */
  find(connectionId: string): Promise<Receiver | undefined>;
}

/** A changed secret is known after this, in milliseconds. */
export const FRESH_MS = 1_000;
/** Ids that are asked for, known or not. Whoever makes up more of them only makes us ask again. */
const MAX_KEPT = 10_000;
const CONNECTION_ID = /^[a-z0-9-]{1,63}$/;

interface Kept {
  readonly at: number;
  readonly row: IntakeConnection | undefined;
  readonly receiver: Receiver | undefined;
}

export function createReceivers(deps: {
  readonly pool: pg.Pool;
  readonly vault: Vault;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
  readonly now: () => number;
}): Receivers {
  const kept = new Map<string, Kept>();
  const asked = new Map<string, Promise<Kept>>();

  async function ask(connectionId: string): Promise<Kept> {
    const at = deps.now();
    const row = await findIntakeConnection(deps.pool, connectionId);
    const before = kept.get(connectionId);
    // Decrypting is the dear part, and a connection seldom changes.
    const receiver =
      row !== undefined && before?.row !== undefined && isSame(before.row, row)
        ? before.receiver
        : receiverOf(deps, row);
    const fresh = { at, row, receiver };
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(connectionId, fresh);
    return fresh;
  }

  return {
    async find(connectionId) {
      if (!CONNECTION_ID.test(connectionId)) return undefined;
      const known = kept.get(connectionId);
      const age = known === undefined ? Number.POSITIVE_INFINITY : deps.now() - known.at;
      // A clock that went back makes nothing fresh for ever.
      if (known !== undefined && age >= 0 && age < FRESH_MS) return known.receiver;
      let question = asked.get(connectionId);
      if (question === undefined) {
        question = ask(connectionId).finally(() => asked.delete(connectionId));
        asked.set(connectionId, question);
      }
      return (await question).receiver;
    },
  };
}

function isSame(a: IntakeConnection, b: IntakeConnection): boolean {
  return (
    a.revision === b.revision &&
    a.credentials === b.credentials &&
    JSON.stringify(a.endpoints) === JSON.stringify(b.endpoints)
  );
}

function receiverOf(
  deps: { readonly vault: Vault; readonly findProvider: (id: string) => ProviderDefinition | undefined },
  row: IntakeConnection | undefined,
): Receiver | undefined {
  if (row === undefined) return undefined;
  const provider = deps.findProvider(row.provider);
  // A process of another version may know it: the sender is to come again.
  if (provider === undefined)
    throw new SluiceError('provider_unknown', `This version of Sluice has no provider ${row.provider}.`);
  const definition = definitionOf(provider, row.config as WebhookConfiguration);
  if (definition === undefined) return undefined;
  const credentials = JSON.parse(deps.vault.decrypt(row.credentials, credentialsIdentity(row.id))) as {
    readonly webhookSecret?: string | readonly string[];
  };
  const registered = row.endpoints.flatMap(({ place, secrets }) =>
    storedSecrets(deps.vault, row.id, place, secrets),
  );
  // Endpoints may share one, and each is tried on every message.
  const secrets = [...new Set([...asList(credentials.webhookSecret), ...registered])];
  return { connectionId: row.id, provider: provider.id, definition, secrets };
}

export function storedSecrets(
  vault: Vault,
  connectionId: string,
  place: string,
  ciphertext: string,
): readonly string[] {
  return JSON.parse(vault.decrypt(ciphertext, endpointIdentity(connectionId, place))) as string[];
}

function asList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
