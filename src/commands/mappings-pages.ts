/** What the console's page of mappings does, as functions of a process. */
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { findConnection } from '../store/connections.ts';
import { findGrant } from '../store/grants.ts';
import { mappingsOf, setMappings } from '../sync/mappings.ts';
import { showSetup } from '../sync/setup.ts';
import type { MappingsDeps, MappingsPageView } from '../web/contract.ts';

/** Rows of a page: a form of more would be slow to fill in and long to read. */
const ROWS = 100;

export function mappingsPagesOf(runtime: Runtime): MappingsDeps {
  return {
    async view(id, after) {
      const connection = await loaded(runtime, id);
      const { data, next } = await mappingsOf(runtime.db, connection, { after, limit: ROWS });
      const setup = await setupOf(runtime, connection);
      const page = { connection: id, provider: connection.provider.title, rows: data, next };
      return setup === undefined ? page : { ...page, setup };
    },
    async save(actor, id, changes) {
      const details = { mappings: changes.length };
      await audited(runtime.db, { actor, action: 'mappings.set', connection: id, details }, async () =>
        setMappings(runtime.db, await loaded(runtime, id), changes, { replace: false }),
      );
    },
  };
}

async function setupOf(runtime: Runtime, connection: ResolvedConnection): Promise<MappingsPageView['setup']> {
  const setup = connection.provider.authorization?.setup;
  if (setup === undefined) return undefined;
  const grant = await findGrant(runtime.db.pool, connection.id);
  const seen = grant?.setup ?? null;
  return {
    seen: seen === null ? null : showSetup(connection, setup, seen),
    account: grant?.account_label ?? null,
  };
}

async function loaded(runtime: Runtime, id: string): Promise<ResolvedConnection> {
  if ((await findConnection(runtime.db.pool, id)) === undefined) {
    throw new SluiceError('not_found', `There is no connection ${id}.`, {
      advice: 'See what there is under /connections, or with `sluice connections`.',
    });
  }
  return runtime.loadConnection(id, { requireUsable: false });
}
