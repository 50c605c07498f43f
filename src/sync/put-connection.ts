/** Making or changing one connection over HTTP. The body has been validated; secrets may stay as they are. */
import { isDeepStrictEqual } from 'node:util';
import type { ConnectionInput } from '../config/connection.ts';
import { SluiceError } from '../errors.ts';
import { findConnection, type ConnectionRow } from '../store/connections.ts';
import { storeConnection, type ApplyDeps } from './apply.ts';
import { storedInput } from './load-connection.ts';

/**
 * What shapes where secrets are sent and how. Whoever may change these without knowing the secrets could have them sent
 * to a host of his own.
 */
const BOUND_TO_SECRETS = ['provider', 'settings', 'endpoints', 'oauth'] as const;

/** The keys that differ, of those that shape where credentials are sent. */
export function sentElsewhere(before: ConnectionInput, after: ConnectionInput): string[] {
  return BOUND_TO_SECRETS.filter((key) => !isDeepStrictEqual(before[key], after[key]));
}

/**
 * The credentials that are stored, for a body that names none.
 *
 * @throws SluiceError `request_invalid` where the body changes whom they would be sent to; `vault_*`
 */
export function keptCredentials(
  row: ConnectionRow,
  without: ConnectionInput,
  vault: ApplyDeps['vault'],
): ConnectionInput['credentials'] {
  const stored = storedInput(row, vault);
  const changed = sentElsewhere(stored, without);
  if (changed.length === 0) return stored.credentials;
  throw new SluiceError(
    'request_invalid',
    `credentials are left out, but ${changed.join(', ')} would change, and with it where they are sent.`,
    { advice: 'Send the credentials with this change.' },
  );
}

/** @throws SluiceError `connection_managed_by_file` */
export function assertManagedHere(row: ConnectionRow | undefined): void {
  if (row?.managed_by === 'file') {
    throw new SluiceError('connection_managed_by_file', `${row.id} is managed by a file.`);
  }
}

/** Tells two states of one connection apart, also where it was removed and made again between them. */
export function versionOf(row: Pick<ConnectionRow, 'revision' | 'created_at'>): string {
  return `${row.revision}-${row.created_at.getTime()}`;
}

/** @throws SluiceError `connection_changed` where it isn't what somebody looked at, or is gone */
export function assertVersion(row: ConnectionRow | undefined, id: string, version: string): void {
  if (row !== undefined && versionOf(row) === version) return;
  const what = row === undefined ? 'removed' : 'changed by somebody else';
  throw new SluiceError('connection_changed', `${id} was ${what} in the meantime.`);
}

/**
 * Stores it. Returns whether it is new. With `version` only where it is still that one.
 *
 * @throws SluiceError `connection_managed_by_file`, `connection_changed`
 */
export async function putConnection(
  deps: ApplyDeps,
  input: ConnectionInput,
  now: Date,
  version?: string,
): Promise<boolean> {
  return storeConnection(deps, input, now, async (client) => {
    const row = await findConnection(client, input.id);
    assertManagedHere(row);
    if (version !== undefined) assertVersion(row, input.id, version);
    return row;
  });
}
