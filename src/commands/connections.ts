/** `sluice connections [ID]`, `sluice connections remove ID [--purge]`. */
import { storedSchedule } from './schedule-lookup.ts';
import { connectionView, listConnections, type ConnectionView } from '../sync/connection-view.ts';
import { tokenStatusOf, type TokenSummary } from '../sync/token-status.ts';
import { audited } from '../store/audit.ts';
import { removeConnectionFully } from '../sync/remove.ts';
import type { Runtime } from '../runtime.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { ago, bold, note, paintStatus, say, sayJson, table } from './io.ts';
import { notFound, withRuntime } from './session.ts';

export const addConnections: AddCommand = (program, { action }) => {
  const connections = program
    .command('connections')
    .argument('[id]', 'one connection')
    .usage('[options] [id]')
    .description('the connections: state, reason, what to do')
    .option('--json', 'print one JSON document')
    // `help` may be the id of a connection
    .helpCommand(false)
    .addHelpText(
      'after',
      help(
        ['sluice connections', 'sluice connections acme-hr --json'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id], options) =>
        withRuntime({}, (runtime) =>
          id === undefined ? list(runtime, options.json === true) : show(runtime, id, options.json === true),
        ),
      ),
    );
  connections
    .command('remove')
    .argument('<id>', 'connection')
    .description('remove a connection; what it brought stays, unless --purge')
    .option('--purge', 'also erase its records, changes and events')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice connections remove acme-hr', 'sluice connections remove acme-hr --purge'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, (runtime) => remove(runtime, id, options.purge === true, options.json === true)),
      ),
    );
};

async function list(runtime: Runtime, json: boolean): Promise<number> {
  const data: Shown[] = [];
  for (const connection of await listConnections(runtime.db, storedSchedule)) {
    data.push({ ...connection, token: await tokenStatusOf(runtime, connection.id) });
  }
  if (json) {
    sayJson({ data });
    return exitCodes.done;
  }
  if (data.length === 0) {
    note(
      'No connections yet. Describe one in sluice.yaml (see docs/configuration.md), then: sluice apply sluice.yaml',
    );
    return exitCodes.done;
  }
  const now = runtime.now();
  say(
    table(
      ['CONNECTION', 'PROVIDER', 'STATE', 'LAST RUN', 'RECORDS', 'SCHEDULE', 'NEXT RUN'],
      data.map((connection) => [
        connection.id,
        connection.provider,
        paintStatus(connection.state),
        connection.lastRun === null
          ? '-'
          : `${paintStatus(connection.lastRun.status)} ${ago(connection.lastRun.finishedAt ?? connection.lastRun.createdAt, now)}`,
        Object.values(connection.records).reduce((sum, count) => sum + count, 0),
        connection.schedule,
        connection.nextRunAt ?? '-',
      ]),
    ),
  );
  for (const connection of data) printTrouble(connection);
  return exitCodes.done;
}

/** A connection with its token, as both forms of the command show it. */
type Shown = ConnectionView & { readonly token: TokenSummary | null };

/** States of a token that are worth a line: the others are as they should be, or pass by themselves. */
const tokenTrouble: ReadonlySet<string> = new Set(['failing', 'narrowed']);

function printTokenTrouble({ id, token }: Shown): void {
  if (token === null || !tokenTrouble.has(token.state)) return;
  say();
  say(`${bold(id)}: token ${token.state} since ${token.since ?? '-'}: ${token.reason ?? ''}`);
  if (token.advice !== null) say(`  fix: ${token.advice}`);
}

function printTrouble(connection: Shown): void {
  printTokenTrouble(connection);
  const error = connection.state === 'active' ? connection.lastRun?.error : undefined;
  const reason = connection.reason ?? error?.message;
  if (reason === undefined || reason === null) return;
  say();
  say(`${bold(connection.id)}: ${reason}`);
  say(`  fix: ${connection.advice ?? error?.advice ?? ''}`);
}

async function show(runtime: Runtime, id: string, json: boolean): Promise<number> {
  const view = await connectionView(runtime.db, id, storedSchedule);
  if (view === undefined) throw await unknownConnection(runtime, id);
  const connection: Shown = { ...view, token: await tokenStatusOf(runtime, id) };
  if (json) {
    sayJson({ connection });
    return exitCodes.done;
  }
  const now = runtime.now();
  say(
    `${bold(connection.id)}  ${connection.provider}  ${paintStatus(connection.state)} since ${connection.since}`,
  );
  say(`schedule    ${connection.schedule}, ${connection.timezone}; next run ${connection.nextRunAt ?? '-'}`);
  say(`managed by  ${connection.managedBy}`);
  if (connection.account !== null) say(`account     ${connection.account}`);
  if (connection.token !== null) {
    const { state, since } = connection.token;
    say(`token       ${paintStatus(state)}${since === null ? '' : ` since ${since}`}  (sluice token ${id})`);
  }
  if (connection.lastRun !== null) {
    const { id: run, status, finishedAt, createdAt } = connection.lastRun;
    say(`last run    ${paintStatus(status)} ${ago(finishedAt ?? createdAt, now)}  (sluice runs ${run})`);
  }
  for (const { name, path, parent, paging, changes } of connection.customStreams)
    say(
      `custom      ${name}: ${path}, ${parent === null ? '' : `of ${parent}, `}paging ${paging}, changes ${changes}`,
    );
  for (const [stream, count] of Object.entries(connection.records))
    say(`  ${String(count).padStart(8)}  ${stream}`);
  printTrouble(connection);
  return exitCodes.done;
}

async function remove(runtime: Runtime, id: string, purge: boolean, json: boolean): Promise<number> {
  const entry = { actor: commandActor(), action: 'connection.remove', connection: id, details: { purge } };
  const removed = await audited(runtime.db, entry, async (note) => {
    const done = await removeConnectionFully(runtime.db, id, { purge });
    if (done === undefined) throw await unknownConnection(runtime, id);
    note({ details: { records: done.records } });
    return done;
  });
  // at once where it can be; what fails is queued, and workers go on trying
  await runtime.sayGoodbye();
  if (json) sayJson({ removed: { id, purge, records: removed.records } });
  else if (purge) say(`Removed ${id} and ${removed.records} records.`);
  else say(`Removed ${id}. Its ${removed.records} records stay in sluice.records; --purge erases them.`);
  return exitCodes.done;
}

export async function unknownConnection(runtime: Runtime, id: string): Promise<Error> {
  const known = await runtime.db.pool.query<{ id: string }>('select id from sluice.connections');
  return notFound(
    'connection',
    id,
    known.rows.map((row) => row.id),
    'sluice connections',
  );
}
