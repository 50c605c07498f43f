/** Names of the command line looked up: a wrong one is said with the nearest that exists. */
import type { ConnectionInput } from '../config/index.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { offeredStreams } from '../providers/resolve.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { readableStreams } from '../sync/known-streams.ts';
import type { StreamKey } from '../sync/writer.ts';
import { unknownConnection } from './connections.ts';
import { notFound } from './session.ts';

/** @throws SluiceError `not_found`, and what loading a connection throws */
export async function knownConnection(
  runtime: Runtime,
  id: string,
  options: { readonly requireUsable: boolean } = { requireUsable: false },
): Promise<ResolvedConnection> {
  await mustExist(runtime, id);
  return runtime.loadConnection(id, options);
}

/** @throws SluiceError `not_found` */
export async function mustExist(runtime: Runtime, id: string): Promise<void> {
  if ((await findConnection(runtime.db.pool, id)) === undefined) throw await unknownConnection(runtime, id);
}

/** A stream that can be read, and how its provider describes it: a custom stream, or one of long ago, isn't. */
export interface KnownStream {
  readonly key: StreamKey;
  readonly definition: StreamDefinition | undefined;
}

/**
 * A stream that the connection mirrors, or mirrored once. Needs no credentials: what is stored can be read without.
 *
 * @throws SluiceError `not_found`
 */
export async function readableStream(runtime: Runtime, id: string, stream: string): Promise<KnownStream> {
  const row = await findConnection(runtime.db.pool, id);
  if (row === undefined) throw await unknownConnection(runtime, id);
  const { findProvider } = runtime;
  const names = await readableStreams(runtime.db, row, findProvider);
  if (!names.includes(stream))
    throw notFound(`stream of ${id}`, stream, names, `sluice providers ${row.provider}`);
  const provider = findProvider(row.provider);
  const { settings } = row.config as ConnectionInput;
  const offered = provider === undefined ? [] : offeredStreams(provider, settings);
  return {
    key: { connectionId: id, stream },
    definition: offered.find(({ name }) => name === stream),
  };
}

/** The names given, or all that the connection has. @throws SluiceError `not_found` */
export function knownStreams(
  connection: ResolvedConnection,
  given: readonly string[] | undefined,
): readonly string[] {
  const names = connection.streams.map(({ name }) => name);
  for (const name of given ?? []) {
    if (!names.includes(name))
      throw notFound(`stream of ${connection.id}`, name, names, `sluice providers ${connection.provider.id}`);
  }
  return given ?? names;
}
