/** `sluice sync ID --dry-run`: one page of each stream, and what a run would do with it. */
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { dryRun, needsPerson, type DryRunStream } from '../sync/dry-run.ts';
import { commandActor } from './actor.ts';
import { exitCodes, formatError, type ExitCode } from './exit.ts';
import { bold, err, paintStatus, say, sayJson, table } from './io.ts';

interface DryRunOptions {
  readonly streams: readonly string[];
  readonly full: boolean;
  readonly json: boolean;
}

export async function showDryRun(
  runtime: Runtime,
  connection: ResolvedConnection,
  options: DryRunOptions,
): Promise<ExitCode> {
  const streams = await auditedDryRun(runtime, connection, options);
  if (options.json) sayJson({ dryRun: true, connection: connection.id, streams });
  else print(connection.id, streams);
  if (streams.some(needsPerson)) return exitCodes.person;
  return streams.some(({ error }) => error !== null) ? exitCodes.failed : exitCodes.done;
}

/** Nothing is written, but the provider is asked, with this connection's token. */
function auditedDryRun(
  runtime: Runtime,
  connection: ResolvedConnection,
  { streams, full }: DryRunOptions,
): Promise<DryRunStream[]> {
  const details = { streams, full };
  const entry = {
    actor: commandActor(),
    action: 'connection.dry_run',
    connection: connection.id,
    details,
  };
  return audited(runtime.db, entry, async (note) => {
    const seen = await dryRun(runtime, connection, { streams, full });
    const code = seen.find(({ error }) => error !== null)?.error?.code;
    note({ details: code === undefined ? { ok: true } : { ok: false, code } });
    return seen;
  });
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
