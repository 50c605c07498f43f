/** `sluice reset ID [--stream S]`: the next run reads from the beginning. */
import { audited } from '../store/audit.ts';
import { connectionView } from '../sync/connection-view.ts';
import { resetStreams } from '../sync/reset.ts';
import { collect } from './arguments.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { note, say, sayJson } from './io.ts';
import { knownConnection, knownStreams } from './known.ts';
import { storedSchedule } from './schedule-lookup.ts';
import { withRuntime } from './session.ts';

export const addReset: AddCommand = (program, { action }) => {
  program
    .command('reset')
    .argument('<id>', 'connection')
    .description('forget how far streams were read, so that the next run begins from the start')
    .option('--stream <name>', 'only this stream; may be given several times', collect)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice reset acme-hr', 'sluice reset acme-hr --stream employees'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, async (runtime) => {
          const connection = await knownConnection(runtime, id);
          const streams = knownStreams(connection, options.stream as readonly string[] | undefined);
          await audited(
            runtime.db,
            { actor: commandActor(), action: 'connection.reset', connection: id, details: { streams } },
            () => resetStreams(runtime.db, id, streams),
          );
          if (options.json === true)
            sayJson({ connection: await connectionView(runtime.db, id, storedSchedule), streams });
          else {
            say(`The next run of ${id} reads from the beginning: ${streams.join(', ')}.`);
            note('Records stay, and change numbers go on where they are.');
          }
          return exitCodes.done;
        }),
      ),
    );
};
