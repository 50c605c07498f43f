/** The commands brought together. Each stands in its own file and adds itself. */
import { Command } from 'commander';
import { version } from '../package-root.ts';
import { addApply } from './apply.ts';
import { addCancel } from './cancel.ts';
import { addChanges } from './changes.ts';
import { addCheck } from './check.ts';
import type { AddCommand, CliContext } from './cli-types.ts';
import { addCompletion } from './completion.ts';
import { addConnect } from './connect.ts';
import { addConnections } from './connections.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addEvents } from './events.ts';
import { addKeys } from './keys.ts';
import { addMappings } from './mappings.ts';
import { addMigrate } from './migrate.ts';
import { addNotify } from './notify.ts';
import { addPause, addResume } from './pause.ts';
import { addProcesses } from './processes.ts';
import { addPurge } from './purge.ts';
import { addProviders } from './providers.ts';
import { addRecords } from './records.ts';
import { addRejected } from './rejected.ts';
import { addReset } from './reset.ts';
import { addRuns } from './runs.ts';
import { addSync } from './sync.ts';
import { addToken } from './token.ts';
import { addValidate } from './validate.ts';
import { addWebhooks } from './webhooks.ts';

/** In the order of the help. */
const commands: readonly AddCommand[] = [
  addDemo,
  addProcesses,
  addMigrate,
  addApply,
  addValidate,
  addProviders,
  addConnections,
  addConnect,
  addCheck,
  addSync,
  addPause,
  addResume,
  addReset,
  addCancel,
  addRuns,
  addRecords,
  addChanges,
  addRejected,
  addPurge,
  addMappings,
  addEvents,
  addWebhooks,
  addNotify,
  addToken,
  addKeys,
  addDoctor,
  addCompletion,
];

/**
 * The whole program. Wrong usage throws a `CommanderError`, after saying what is wrong to `complain`.
 * Settings come before the commands, which copy them.
 */
export function createProgram(context: CliContext, complain: (text: string) => void): Command {
  const program = new Command('sluice')
    .description('Background sync worker: keeps OAuth tokens fresh and mirrors SaaS providers into Postgres.')
    .version(version)
    .showHelpAfterError('(add --help for the arguments and examples)')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeErr: complain });
  for (const add of commands) add(program, context);
  return program;
}
