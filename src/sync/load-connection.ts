/** From a row to a connection that can be worked with: decrypted, and with its provider's defaults. */
import { z } from 'zod';
import type { Vault } from '../auth/vault.ts';
import type { ConnectionInput } from '../config/connection.ts';
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { resolveConnection } from '../providers/resolve.ts';
import { findConnection, type ConnectionRow } from '../store/connections.ts';
import type { Db } from '../store/db.ts';
import { findGrant } from '../store/grants.ts';

export type LoadConnection = (
  id: string,
  options: {
    /** refuses a connection that is paused or waits for a person */
    readonly requireUsable: boolean;
    /** a paused one is not refused: for runs that were asked for before */
    readonly evenPaused?: boolean;
  },
) => Promise<ResolvedConnection>;

/** The row identity that a connection's credentials are bound to in the vault. */
export function credentialsIdentity(id: string): string {
  return `connection:${id}:credentials`;
}

/**
 * @throws SluiceError `connection_removed`, `connection_paused`, `connection_parked`, `provider_unknown`, `vault_*`,
 *   `config_invalid` for a connection that an older version accepted
 */
export function createLoadConnection(deps: {
  readonly db: Db;
  readonly vault: Vault;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
}): LoadConnection {
  return async (id, options) => {
    const row = await findConnection(deps.db.pool, id);
    if (row === undefined) throw new SluiceError('connection_removed', `There is no connection ${id}.`);
    if (options.requireUsable && !(options.evenPaused === true && row.state === 'paused')) assertUsable(row);
    const provider = deps.findProvider(row.provider);
    if (provider === undefined) {
      throw new SluiceError('provider_unknown', `This version of Sluice has no provider ${row.provider}.`);
    }
    const connection = resolved(storedInput(row, deps.vault), provider);
    if (connection.grant !== 'user') return connection;
    const grant = await findGrant(deps.db.pool, id);
    const epoch = grant === undefined || grant.refresh_token === null ? null : grant.epoch;
    return { ...connection, grantEpoch: epoch };
  };
}

/** @throws SluiceError `config_invalid` for a connection that an older version accepted */
export function resolved(input: ConnectionInput, provider: ProviderDefinition): ResolvedConnection {
  try {
    return resolveConnection(input, provider);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    // Paths only: a message may repeat what was written, and that may be a credential.
    const paths = [...new Set(error.issues.map((issue) => issue.path.join('.') || 'settings'))].join(', ');
    throw new SluiceError('config_invalid', `${input.id} is not what ${provider.title} needs: ${paths}.`, {
      advice: `Correct ${paths} of the connection ${input.id}, then run \`sluice apply\`.`,
    });
  }
}

/** The connection as it was configured, credentials included. */
export function storedInput(
  row: Pick<ConnectionRow, 'id' | 'config' | 'credentials'>,
  vault: Vault,
): ConnectionInput {
  const credentials = JSON.parse(
    vault.decrypt(row.credentials, credentialsIdentity(row.id)),
  ) as ConnectionInput['credentials'];
  return { ...(row.config as Omit<ConnectionInput, 'credentials'>), credentials };
}

function assertUsable(row: ConnectionRow): void {
  if (row.state === 'active') return;
  if (row.state === 'paused') {
    throw new SluiceError('connection_paused', `The connection ${row.id} is paused.`, {
      advice: `Resume it with \`sluice resume ${row.id}\`.`,
    });
  }
  throw new SluiceError(
    'connection_parked',
    `${row.id} waits for a person: ${row.state_reason ?? row.state}`,
    row.state_advice === null ? {} : { advice: row.state_advice },
  );
}
