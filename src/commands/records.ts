/** `sluice records ID STREAM`: the mirrored records, streamed in constant memory. */
import { Option } from 'commander';
import { exactJson } from '../exact-json.ts';
import { readRecords, type RecordView } from '../sync/read-records.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { write } from './io.ts';
import { readableStream } from './known.ts';
import { csvOf } from './records-csv.ts';
import { withRuntime } from './session.ts';
import { wholeNumber } from './arguments.ts';

const WRITE_CHARACTERS = 32_768;

type Format = 'ndjson' | 'json' | 'csv';

const CSV_HELP = `CSV has a column for each documented field of the stream and the rest as JSON under "_more". A text that a
spreadsheet would run as a formula gets a ' in front; NDJSON and JSON have it as it is.
`;

export const addRecords: AddCommand = (program, { action }) => {
  program
    .command('records')
    .argument('<id>', 'connection')
    .argument('<stream>', 'stream')
    .description('the mirrored records, one a line: { "id", "record", "changedAt", "deletedAt" }')
    .addOption(
      new Option('--format <format>', 'how they are written')
        .choices(['ndjson', 'json', 'csv'])
        .default('ndjson'),
    )
    .option('--deleted', 'also those that were deleted at the provider')
    .option('--limit <n>', 'how many at most', wholeNumber(1, 1e12))
    .option('--json', 'the same as --format json')
    .addHelpText(
      'after',
      help(
        [
          'sluice records acme-hr employees | head -1',
          'sluice records acme-hr employees --format csv > employees.csv',
        ],
        ['done', 'failed', 'usage', 'notFound'],
      ) + CSV_HELP,
    )
    .action(
      action(async ([id = '', stream = ''], options) =>
        withRuntime({}, async (runtime) => {
          const { definition } = await readableStream(runtime, id, stream);
          const format = options.json === true ? 'json' : (options.format as Format);
          const records = readRecords(runtime.db, id, stream, {
            deleted: options.deleted === true,
            ...(options.limit === undefined ? {} : { limit: options.limit as number }),
          });
          if (format === 'csv') await printAll(csvOf(records, definition));
          else await printAll(format === 'json' ? jsonOf(records) : linesOf(records));
          return exitCodes.done;
        }),
      ),
    );
};

/** Writes many lines at once, each write being a call of the system. Ends early where the reader has seen enough. */
async function printAll(text: AsyncIterable<string>): Promise<void> {
  let held = '';
  for await (const piece of text) {
    held += piece;
    if (held.length < WRITE_CHARACTERS) continue;
    if (!(await write(held))) return;
    held = '';
  }
  await write(held);
}

async function* linesOf(records: AsyncIterable<RecordView>): AsyncGenerator<string> {
  for await (const record of records) yield `${exactJson(record)}\n`;
}

async function* jsonOf(records: AsyncIterable<RecordView>): AsyncGenerator<string> {
  let before = '{"data":[\n';
  for await (const record of records) {
    yield before + exactJson(record);
    before = ',\n';
  }
  yield before === ',\n' ? '\n]}\n' : '{"data":[]}\n';
}
