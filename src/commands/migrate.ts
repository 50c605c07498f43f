/** `sluice migrate`, `sluice release`: the database's schema, the queue's, and then the declarative file. */
import { help, type AddCommand } from './cli-types.ts';
import { applyFile, printPlan } from './apply.ts';
import { exitCodes } from './exit.ts';
import { note, say, sayJson } from './io.ts';
import { readEnvironment } from './session.ts';
import type { Environment } from '../config/index.ts';

export const addMigrate: AddCommand = (program, { action }) => {
  program
    .command('migrate')
    .description('bring the database and the queue to the schema of this version')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice migrate', 'DATABASE_URL=postgres://… sluice migrate --json'],
        ['done', 'failed', 'usage'],
      ),
    )
    .action(
      action(async (_args, options) => {
        const applied = await migrateEnvironment(readEnvironment('migrate'));
        if (options.json === true) sayJson({ applied });
        else say(applied.length === 0 ? 'The schema is current.' : `Applied: ${applied.join(', ')}`);
        return exitCodes.done;
      }),
    );
  program
    .command('release')
    .description('migrate, then apply SLUICE_CONFIG where it exists: once for each deploy')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice release'], ['done', 'failed', 'usage']))
    .action(
      action(async (_args, options) => {
        const environment = readEnvironment('release');
        const applied = await migrateEnvironment(environment);
        const plan =
          environment.configFile === undefined
            ? undefined
            : await applyFile(environment, environment.configFile, { prune: false, dryRun: false });
        if (options.json === true) sayJson({ applied, connections: plan ?? null });
        else {
          say(applied.length === 0 ? 'The schema is current.' : `Applied: ${applied.join(', ')}`);
          if (plan === undefined) note('No sluice.yaml: no connection was changed.');
          else printPlan(plan, false);
        }
        return exitCodes.done;
      }),
    );
};

/** Migrates the configured database, or the embedded one, which is started for it. */
async function migrateEnvironment(environment: Environment): Promise<readonly string[]> {
  const { migrateAll } = await import('../migration.ts');
  if (environment.databaseUrl !== undefined) {
    const queueElsewhere =
      environment.queueDatabaseUrl !== undefined && environment.queueDatabaseUrl !== environment.databaseUrl;
    // Through a pooler the advisory lock of a session can't be relied on: the direct URL is used where there is one.
    const url = queueElsewhere ? environment.queueDatabaseUrl : environment.databaseUrl;
    return (await migrateAll(url)).applied;
  }
  const { openEmbedded } = await import('../store/embedded/index.ts');
  const server = await openEmbedded({ dataDir: environment.dataDir });
  try {
    return (await migrateAll(server.url)).applied;
  } finally {
    await server.close();
  }
}
