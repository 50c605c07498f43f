/** The commands brought together. Each stands in its own file and adds itself. */
import { Command } from 'commander';
import { version } from '../package-root.ts';
import type { AddCommand, CliContext } from './cli-types.ts';

interface CommandFile {
  /** the commands that it adds */
  readonly names: readonly string[];
  readonly load: () => Promise<AddCommand>;
}

/** In the order of the help. */
const files: readonly CommandFile[] = [
  { names: ['demo'], load: async () => (await import('./demo.ts')).addDemo },
  { names: ['start', 'web', 'worker'], load: async () => (await import('./processes.ts')).addProcesses },
  { names: ['migrate', 'release'], load: async () => (await import('./migrate.ts')).addMigrate },
  { names: ['apply'], load: async () => (await import('./apply.ts')).addApply },
  { names: ['validate'], load: async () => (await import('./validate.ts')).addValidate },
  { names: ['providers'], load: async () => (await import('./providers.ts')).addProviders },
  { names: ['connections'], load: async () => (await import('./connections.ts')).addConnections },
  { names: ['connect'], load: async () => (await import('./connect.ts')).addConnect },
  { names: ['check'], load: async () => (await import('./check.ts')).addCheck },
  { names: ['sync'], load: async () => (await import('./sync.ts')).addSync },
  { names: ['pause'], load: async () => (await import('./pause.ts')).addPause },
  { names: ['resume'], load: async () => (await import('./pause.ts')).addResume },
  { names: ['reset'], load: async () => (await import('./reset.ts')).addReset },
  { names: ['cancel'], load: async () => (await import('./cancel.ts')).addCancel },
  { names: ['runs'], load: async () => (await import('./runs.ts')).addRuns },
  { names: ['records'], load: async () => (await import('./records.ts')).addRecords },
  { names: ['changes'], load: async () => (await import('./changes.ts')).addChanges },
  { names: ['rejected'], load: async () => (await import('./rejected.ts')).addRejected },
  { names: ['purge'], load: async () => (await import('./purge.ts')).addPurge },
  { names: ['mappings'], load: async () => (await import('./mappings.ts')).addMappings },
  { names: ['events'], load: async () => (await import('./events.ts')).addEvents },
  { names: ['webhooks'], load: async () => (await import('./webhooks.ts')).addWebhooks },
  { names: ['notify'], load: async () => (await import('./notify.ts')).addNotify },
  { names: ['token'], load: async () => (await import('./token.ts')).addToken },
  { names: ['keys'], load: async () => (await import('./keys.ts')).addKeys },
  { names: ['doctor'], load: async () => (await import('./doctor.ts')).addDoctor },
  { names: ['completion'], load: async () => (await import('./completion.ts')).addCompletion },
];

/**
 * The whole program; where `only` names a command, that one alone: most of a short command's time goes into loading
 * files, and it needs none of the others'. Wrong usage throws a `CommanderError`, after saying what is wrong to
 * `complain`. Settings come before the commands, which copy them.
 */
export async function createProgram(
  context: CliContext,
  complain: (text: string) => void,
  only?: string,
): Promise<Command> {
  const program = new Command('sluice')
    .description('Background sync worker: keeps OAuth tokens fresh and mirrors SaaS providers into Postgres.')
    .version(version)
    .showHelpAfterError('(add --help for the arguments and examples)')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeErr: complain });
  // the help, a wrong name and the script of `completion` speak of all of them
  const named = files.filter(
    ({ names }) => only !== undefined && only !== 'completion' && names.includes(only),
  );
  const added = await Promise.all((named.length > 0 ? named : files).map(({ load }) => load()));
  for (const add of added) add(program, context);
  return program;
}
