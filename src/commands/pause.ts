/** `sluice pause ID`, `sluice resume ID`. */
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { connectionView } from '../sync/connection-view.ts';
import { pauseConnection, resumeConnection } from '../sync/pause.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { unknownConnection } from './connections.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import { say, sayJson } from './io.ts';
import { storedSchedule } from './schedule-lookup.ts';
import { withRuntime } from './session.ts';

export const addPause: AddCommand = (program, { action }) => {
  program
    .command('pause')
    .argument('<id>', 'connection')
    .description('stop the schedule of a connection; what was asked for before goes on')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice pause acme-hr'], ['done', 'failed', 'usage', 'notFound']))
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, async (runtime) => {
          const entry = { actor: commandActor(), action: 'connection.pause', connection: id };
          await audited(runtime.db, entry, async () => {
            if (!(await pauseConnection(runtime.db, id))) throw await unknownConnection(runtime, id);
          });
          return show(runtime, id, options.json === true);
        }),
      ),
    );
};

export const addResume: AddCommand = (program, { action }) => {
  program
    .command('resume')
    .argument('<id>', 'connection')
    .description('make a connection active again that was paused or waited for a person')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice resume acme-hr'], ['done', 'failed', 'usage', 'notFound']))
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, async (runtime) => {
          const { db, now } = runtime;
          await audited(
            db,
            { actor: commandActor(), action: 'connection.resume', connection: id },
            async () => {
              if ((await resumeConnection(db, id, storedSchedule, new Date(now()))) === undefined)
                throw await unknownConnection(runtime, id);
            },
          );
          return show(runtime, id, options.json === true);
        }),
      ),
    );
};

async function show(runtime: Runtime, id: string, json: boolean): Promise<ExitCode> {
  const connection = await connectionView(runtime.db, id, storedSchedule);
  if (connection === undefined) throw await unknownConnection(runtime, id);
  if (json) sayJson({ connection });
  else
    say(
      `${id} is ${connection.state} since ${connection.since}; next run ${connection.nextRunAt ?? (connection.state === 'paused' ? 'when it is resumed' : 'when somebody asks')}.`,
    );
  return exitCodes.done;
}
