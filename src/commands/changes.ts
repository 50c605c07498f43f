/** `sluice changes ID STREAM`: the change feed, one change a line. */
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { readableStreams } from '../sync/known-streams.ts';
import { readChanges } from '../sync/read-changes.ts';
import type { StreamKey } from '../sync/writer.ts';
import { findProvider } from '../providers/registry.ts';
import { watchChanges } from './api.ts';
import { wholeNumber } from './arguments.ts';
import { help, type AddCommand } from './cli-types.ts';
import { unknownConnection } from './connections.ts';
import { exitCodes } from './exit.ts';
import { write } from './io.ts';
import { notFound, withRuntime } from './session.ts';
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
    .option('--after <n>', 'changes after this number', wholeNumber(0, 1e12), 0)
    .option('--limit <n>', 'how many at most', wholeNumber(1, 1e12))
    .option('--follow', 'go on with each change that comes, until Ctrl-C')
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
          await print(runtime, await knownFeed(runtime, id, stream), {
            after: options.after as number,
            limit: (options.limit as number | undefined) ?? Number.POSITIVE_INFINITY,
            stop: options.follow === true ? stopSignal() : undefined,
          });
          return exitCodes.done;
        }),
      ),
    );
};

async function knownFeed(runtime: Runtime, id: string, stream: string): Promise<StreamKey> {
  const row = await findConnection(runtime.db.pool, id);
  if (row === undefined) throw await unknownConnection(runtime, id);
  const names = await readableStreams(runtime.db, row, findProvider);
  if (!names.includes(stream))
    throw notFound(`stream of ${id}`, stream, names, `sluice providers ${row.provider}`);
  return { connectionId: id, stream };
}

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
    for (const change of changes) if (!(await write(`${JSON.stringify(change)}\n`))) return;
    cursor = changes.at(-1)?.seq ?? cursor;
    left -= changes.length;
    if (changes.length > 0) continue;
    if (stop === undefined) return;
    await watch.wait(key, cursor, WAIT_MS, stop);
  }
}
