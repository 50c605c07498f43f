/** `sluice rejected ID STREAM`: the records that could not be mirrored, with the reason. */
import { exactJson } from '../exact-json.ts';
import { readRejected } from '../sync/read-rejected.ts';
import { wholeNumber } from './arguments.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { write } from './io.ts';
import { readableStream } from './known.ts';
import { withRuntime } from './session.ts';

export const addRejected: AddCommand = (program, { action }) => {
  program
    .command('rejected')
    .argument('<id>', 'connection')
    .argument('<stream>', 'stream')
    .description(
      'records that failed validation, newest first: { "id", "reason", "rejectedAt", "run", "record" }',
    )
    .option('--limit <n>', 'how many at most', wholeNumber(1, 1e12))
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['sluice rejected acme-hr employees | head -1'], ['done', 'failed', 'usage', 'notFound']) +
        'A record that is no readable JSON stands under "raw", in base64.\n',
    )
    .action(
      action(async ([id = '', stream = ''], options) =>
        withRuntime({}, async (runtime) => {
          await readableStream(runtime, id, stream);
          const json = options.json === true;
          const limit = options.limit as number | undefined;
          let first = true;
          if (json) await write('{"data":[');
          for await (const rejected of readRejected(runtime.db, id, stream, limit)) {
            const text = exactJson(rejected);
            if (!(await write(json ? `${first ? '' : ','}\n${text}` : `${text}\n`))) return exitCodes.done;
            first = false;
          }
          if (json) await write('\n]}\n');
          return exitCodes.done;
        }),
      ),
    );
};
