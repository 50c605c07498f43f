/** The streams of a connection that can be read: those it mirrors now, and those that it has mirrored before. */
import type { ConnectionInput } from '../config/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { chosenStreams } from '../providers/resolve.ts';
import type { ConnectionRow } from '../store/connections.ts';
import type { Db } from '../store/db.ts';

/** Their names, sorted. Reading what is stored needs no credentials, so none are decrypted. */
export async function readableStreams(
  db: Pick<Db, 'pool'>,
  row: ConnectionRow,
  findProvider: (id: string) => ProviderDefinition | undefined,
): Promise<string[]> {
  const provider = findProvider(row.provider);
  const chosen = provider === undefined ? [] : chosenStreams(row.config as ConnectionInput, provider);
  const stored = await db.pool.query<{ stream: string }>(
    `select stream from sluice.streams where connection_id = $1`,
    [row.id],
  );
  return [...new Set([...chosen.map(({ name }) => name), ...stored.rows.map(({ stream }) => stream)])].sort();
}
