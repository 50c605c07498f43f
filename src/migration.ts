/** Everything that a database needs of this version: our tables, the queue's, and a view for each stream. */
import { migrateQueues } from './jobs/index.ts';
import { providers } from './providers/registry.ts';
import { migrate, type MigrationOutcome } from './store/migrate.ts';
import { ensureProviderViews } from './sync/stream-views.ts';

/**
 * @throws SluiceError `database_unreachable`, `view_busy` (transient), `schema_newer`, `view_name_taken` (config)
 */
export async function migrateAll(url: string): Promise<MigrationOutcome> {
  return migrate(url, async (client) => {
    await migrateQueues(client);
    await ensureProviderViews(client, providers);
  });
}
