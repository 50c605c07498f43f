/** Names of the command line looked up: a wrong one is said with the nearest that exists. */
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { unknownConnection } from './connections.ts';
import { notFound } from './session.ts';

/** @throws SluiceError `not_found`, and what loading a connection throws */
export async function knownConnection(
  runtime: Runtime,
  id: string,
  options: { readonly requireUsable: boolean } = { requireUsable: false },
): Promise<ResolvedConnection> {
  if ((await findConnection(runtime.db.pool, id)) === undefined) throw await unknownConnection(runtime, id);
  return runtime.loadConnection(id, options);
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
