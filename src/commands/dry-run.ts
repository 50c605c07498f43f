/** `sluice sync ID --dry-run`: one page of each stream, and what a run would do with it. */
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Runtime } from '../runtime.ts';
import { dryRun, needsPerson, type DryRunStream } from '../sync/dry-run.ts';
import { exitCodes, formatError, type ExitCode } from './exit.ts';
import { bold, err, paintStatus, say, sayJson, table } from './io.ts';

export async function showDryRun(
  runtime: Runtime,
  connection: ResolvedConnection,
  options: { readonly streams: readonly string[]; readonly full: boolean; readonly json: boolean },
): Promise<ExitCode> {
  const streams = await dryRun(runtime, connection, options);
  if (options.json) sayJson({ dryRun: true, connection: connection.id, streams });
  else print(connection.id, streams);
  if (streams.some(needsPerson)) return exitCodes.person;
  return streams.some(({ error }) => error !== null) ? exitCodes.failed : exitCodes.done;
}

function print(id: string, streams: readonly DryRunStream[]): void {
  say(`${bold(id)}  one page of each stream; nothing is written`);
  say();
  say(
    table(
      ['STREAM', 'STATUS', 'RECORDS', 'ADDED', 'UPDATED', 'DELETED', 'UNCHANGED', 'REJECTED', 'MORE'],
      streams.map((stream) => [
        stream.name,
        paintStatus(stream.error === null ? 'ok' : 'failed'),
        stream.records,
        stream.added,
        stream.updated,
        stream.deleted,
        stream.unchanged,
        stream.rejected,
        stream.more === null ? '-' : stream.more ? 'yes' : 'no',
      ]),
    ),
  );
  for (const { name, rejections, note, error } of streams) {
    for (const { id: record, reason } of rejections) say(`${bold(name)}: ${record ?? '(no id)'} ${reason}`);
    if (note !== null) say(`${bold(name)}: ${note}`);
    if (error !== null) err.write(`${name}: ${formatError(error)}`);
  }
}
