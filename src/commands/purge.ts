/** `sluice purge ID STREAM RECORD`: erases one record for good. */
import { createInterface } from 'node:readline/promises';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { findConnection } from '../store/connections.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import { purgeRecord, type Purged } from '../sync/purge.ts';
import { purgeFromInbox } from '../webhooks/retention.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { unknownConnection } from './connections.ts';
import { exitCodes } from './exit.ts';
import { err, isTerminal, note, say, sayJson } from './io.ts';
import { notFound, withRuntime } from './session.ts';

export const addPurge: AddCommand = (program, { action }) => {
  program
    .command('purge')
    .argument('<id>', 'connection')
    .argument('<stream>', 'stream')
    .argument('<record>', 'id of the record')
    .description('erase one record and its bodies everywhere; change numbers stay')
    .option('--yes', 'ask nothing, on a terminal too')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice purge acme-hr employees 4711', 'sluice purge acme-hr employees 4711 --yes --json'],
        ['done', 'failed', 'usage', 'notFound'],
      ) + 'Erase it at the provider first: what is still there comes back with the next run.\n',
    )
    .action(
      action(async ([connectionId = '', stream = '', recordId = ''], options) =>
        withRuntime({}, async (runtime) => {
          const connection = await mustBeStream(runtime, connectionId, stream);
          if (options.yes !== true && !(await confirmed(`${recordId} of ${connectionId} ${stream}`))) {
            note('Nothing was erased.');
            return exitCodes.failed;
          }
          // the id of the record stays out of the entry: it is erased everywhere
          const entry = {
            actor: commandActor(),
            action: 'record.purge',
            connection: connectionId,
            details: { stream },
          };
          const key = { connectionId, stream, recordId };
          const { purged, events } = await audited(runtime.db, entry, async () => {
            // The inbox first: an event that is applied afterwards would bring the record back.
            const emptied = await purgeFromInbox(runtime.db, key, connection);
            const done = (await purgeRecord(runtime.db, key)) ?? NOTHING;
            if (done !== NOTHING || emptied > 0) return { purged: done, events: emptied };
            throw notFound(
              `record of ${connectionId} ${stream}`,
              recordId,
              [],
              `sluice records ${connectionId} ${stream} --deleted`,
            );
          });
          if (options.json === true)
            sayJson({ purged: { connection: connectionId, stream, id: recordId, ...purged, events } });
          else {
            const what = `changes blanked: ${purged.changes}, rejected versions erased: ${purged.rejected}, webhooks emptied: ${events}`;
            say(`Erased ${recordId} of ${connectionId} ${stream} (${what}).`);
            if (purged.seq !== null) say(`Change ${purged.seq} tells readers of the feed to erase it too.`);
            note('If the provider still has it, the next run brings it back.');
          }
          return exitCodes.done;
        }),
      ),
    );
};

/** Of a record that only the inbox holds. */
const NOTHING: Purged = { record: false, changes: 0, rejected: 0, seq: null };

/**
 * What a removed connection brought can be erased too, so that stored streams count beside the connection's own. Returns the
 * connection, where it is there.
 */
async function mustBeStream(
  runtime: Runtime,
  connectionId: string,
  stream: string,
): Promise<ResolvedConnection | undefined> {
  const stored = await runtime.db.pool.query<{ stream: string }>(
    `select stream from sluice.streams where connection_id = $1`,
    [connectionId],
  );
  const names = stored.rows.map((row) => row.stream);
  let connection: ResolvedConnection | undefined;
  if ((await findConnection(runtime.db.pool, connectionId)) === undefined) {
    if (names.length === 0) throw await unknownConnection(runtime, connectionId);
  } else {
    connection = await runtime.loadConnection(connectionId, { requireUsable: false });
    names.push(...connection.streams.map(({ name }) => name));
  }
  if (names.includes(stream)) return connection;
  throw notFound(
    `stream of ${connectionId}`,
    stream,
    [...new Set(names)],
    `sluice connections ${connectionId}`,
  );
}

/** True where nobody can be asked: a script means what it says. */
async function confirmed(what: string): Promise<boolean> {
  if (!process.stdin.isTTY || !isTerminal()) return true;
  const asking = createInterface({ input: process.stdin, output: err });
  // Ctrl-C and Ctrl-D are a no.
  const closed = new Promise<string>((resolve) => void asking.once('close', () => resolve('')));
  try {
    const question = asking.question(`Erase ${what} for good? This can't be undone. [y/N] `);
    return /^y(es)?$/i.test((await Promise.race([question, closed])).trim());
  } finally {
    asking.close();
  }
}
