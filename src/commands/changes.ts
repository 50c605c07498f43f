/** `sluice changes ID STREAM`: the change feed, one change a line. */
import { exactJson } from '../exact-json.ts';
import type { Runtime } from '../runtime.ts';
import { readChanges } from '../sync/read-changes.ts';
import type { StreamKey } from '../sync/writer.ts';
import { watchChanges } from './api.ts';
import { changeNumberArgument, wholeNumber } from './arguments.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { write } from './io.ts';
import { readableStream } from './known.ts';
import { withRuntime } from './session.ts';
import { stopSignal } from './signals.ts';

const BATCH = 200;
/** One wait; after it the feed is looked at again, also for having been truncated. In milliseconds. */
const WAIT_MS = 60_000;

export const addChanges: AddCommand = (program, { action }) => {
  program
    .command('changes')
    .argument('<id>', 'connection')
    .argument('<stream>', 'stream')
    .description('the change feed, one change a line: { "seq", "op", "id", "record", "changedAt" }')
    .option('--after <n>', 'changes after this number', changeNumberArgument, 0)
    .option('--limit <n>', 'how many at most', wholeNumber(1, 1e12))
    .option('--follow', 'go on with each change that comes, until Ctrl-C')
    .option('--json', 'NDJSON, as without it; errors too are JSON')
    .addHelpText(
      'after',
      help(
        ['sluice changes acme-hr employees --after 120', 'sluice changes acme-hr employees --follow'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id = '', stream = ''], options) =>
        withRuntime({}, async (runtime) => {
          const { key } = await readableStream(runtime, id, stream);
          await print(runtime, key, {
            after: options.after as number,
            limit: (options.limit as number | undefined) ?? Number.POSITIVE_INFINITY,
            stop: options.follow === true ? stopSignal() : undefined,
          });
          return exitCodes.done;
        }),
      ),
    );
};

interface Printing {
  readonly after: number;
  readonly limit: number;
  /** ends the following; undefined where the end of the feed is the end */
  readonly stop: AbortSignal | undefined;
}

async function print(runtime: Runtime, key: StreamKey, { after, limit, stop }: Printing): Promise<void> {
  const watch = watchChanges(runtime);
  let [cursor, left] = [after, limit];
  while (left > 0) {
    if (stop?.aborted === true) return;
    const { changes } = await readChanges(runtime.db, key, { after: cursor, limit: Math.min(BATCH, left) });
    for (const change of changes) if (!(await write(`${exactJson(change)}\n`))) return;
    cursor = changes.at(-1)?.seq ?? cursor;
    left -= changes.length;
    if (changes.length > 0) continue;
    if (stop === undefined) return;
    await watch.wait(key, cursor, WAIT_MS, stop);
  }
}
