/** `sluice cancel RUN`: ends a run that isn't wanted any more. */
import { audited } from '../store/audit.ts';
import { cancelRun } from '../sync/cancel.ts';
import { runView } from '../sync/history.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { note, say, sayJson } from './io.ts';
import { notFound, withRuntime } from './session.ts';

export const addCancel: AddCommand = (program, { action }) => {
  program
    .command('cancel')
    .argument('<run>', 'run')
    .description('end a run that is queued, waits or is under way; what it committed stays')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['sluice cancel 0b9c…'], ['done', 'failed', 'usage', 'notFound']) +
        'A run that is over already stays as it is, with exit code 0.\n',
    )
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, async (runtime) => {
          const entry = { actor: commandActor(), action: 'run.cancel', subject: id };
          const cancelled = await audited(runtime.db, entry, async (note) => {
            const done = await cancelRun(runtime, id);
            if (done === undefined) throw notFound('run', id, [], 'sluice runs');
            await runtime.jobs.afterCancel(done);
            note({ details: { outcome: done.outcome } });
            return done;
          });
          const run = await runView(runtime.db, id);
          if (options.json === true) sayJson({ run });
          else if (cancelled.outcome === 'over')
            say(`Run ${id} is over already: ${run?.status ?? 'removed'}.`);
          else if (cancelled.outcome === 'ended') say(`Run ${id} is cancelled.`);
          else {
            say(`Run ${id} ends with the page that is being read.`);
            note(`Follow it with: sluice runs ${id}`);
          }
          return exitCodes.done;
        }),
      ),
    );
};
