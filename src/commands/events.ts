/** `sluice events`: the inbox of webhooks, and applying events again. */
import { Option } from 'commander';
import { SluiceError } from '../errors.ts';
import { audited } from '../store/audit.ts';
import { eventStatuses, type EventStatus } from '../store/inbox-history.ts';
import {
  findEvent,
  listEvents,
  replayEvents,
  type EventDetail,
  type EventView,
} from '../webhooks/history.ts';
import { commandActor } from './actor.ts';
import { durationArgument, wholeNumber } from './arguments.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { ago, bold, note, paintStatus, say, sayJson, table } from './io.ts';
import { mustExist } from './known.ts';
import { notFound, withRuntime } from './session.ts';

const statusOption = (): Option =>
  new Option('--status <s>', 'only events of this status').choices([...eventStatuses]);

export const addEvents: AddCommand = (program, { action }) => {
  const events = program
    .command('events')
    .argument('[event]', 'one event in detail, with its body')
    .description('the inbox of webhooks, newest first; or one event')
    .option('--connection <id>', 'events of one connection')
    .addOption(statusOption())
    .option('--limit <n>', 'how many', wholeNumber(1, 1000), 20)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice events --connection acme-hr --status dead', 'sluice events e0199f3c… --json'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id], options) =>
        withRuntime({}, async (runtime) => {
          const { db, now } = runtime;
          if (id === undefined) {
            const connection = options.connection as string | undefined;
            const data = await listEvents(db, {
              connection,
              status: options.status as EventStatus | undefined,
              limit: options.limit as number,
            });
            // what a removed connection left stays until its retention ends
            if (connection !== undefined && data.length === 0) await mustExist(runtime, connection);
            if (options.json === true) sayJson({ data });
            else if (data.length > 0) printEvents(data, now());
            else noteNone(options.status as EventStatus | undefined);
            return exitCodes.done;
          }
          const event = await findEvent(db, id);
          if (event === undefined) throw notFound('event', id, [], 'sluice events');
          if (options.json === true) sayJson({ event });
          else printEvent(event);
          return exitCodes.done;
        }),
      ),
    );

  events
    .command('replay')
    .argument('[events...]', 'events to apply again')
    .description('apply events again: some by their ids, or all of a status since a while')
    .option('--connection <id>', 'only events of one connection')
    .addOption(statusOption())
    .option('--since <duration>', 'events that came within this time, such as 2h', durationArgument)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice events replay e0199f3c…', 'sluice events replay --status dead --since 2h'],
        ['done', 'failed', 'usage', 'notFound'],
      ) +
        'An event that is older than what is stored changes nothing: versions decide, as they did before.\n',
    )
    .action(
      action(async (args, options) => {
        const ids = args.filter((arg): arg is string => typeof arg === 'string');
        const byStatus = options.status !== undefined && options.since !== undefined;
        if (ids.length > 0 === byStatus)
          throw new SluiceError('usage', 'Name events, or both --status and --since.');
        return withRuntime({}, async (runtime) => {
          for (const id of ids) {
            if ((await findEvent(runtime.db, id)) === undefined)
              throw notFound('event', id, [], 'sluice events');
          }
          const actor = commandActor();
          const [connection, status] = [options.connection, options.status] as [string?, EventStatus?];
          if (connection !== undefined) await mustExist(runtime, connection);
          const since = byStatus ? new Date(runtime.now() - (options.since as number)) : undefined;
          const entry = { actor, action: 'events.replay', connection, details: { ids, status, since } };
          const replayed = await audited(runtime.db, entry, async (note) => {
            const chosen = ids.length > 0 ? { ids } : {};
            const done = await replayEvents(runtime, {
              ...chosen,
              connection,
              status,
              since,
              by: actor.name,
            });
            await runtime.jobs.releaseWebhooks(done.connections);
            note({ details: { events: done.events.length } });
            return done;
          });
          if (options.json === true) sayJson({ replayed: replayed.events });
          else {
            say(`${replayed.events.length} events are applied again.`);
            if (ids.length > replayed.events.length)
              note('The others are open still, or their body is gone: their retention is over.');
          }
          return exitCodes.done;
        });
      }),
    );
};

function noteNone(status: EventStatus | undefined): void {
  note(
    status === undefined
      ? 'No events. `sluice webhooks register CONNECTION` makes a provider send some.'
      : `No event is ${status}. Without --status there may be others.`,
  );
}

function printEvents(events: readonly EventView[], now: number): void {
  say(
    table(
      ['EVENT', 'CONNECTION', 'TYPE', 'STATUS', 'CAME', 'ATTEMPTS', 'COPIES', 'ERROR'],
      events.map((event) => [
        event.id,
        event.connection,
        event.type ?? '-',
        paintStatus(event.status),
        ago(event.receivedAt, now),
        event.attempts,
        event.duplicates,
        event.error?.code ?? '',
      ]),
    ),
  );
}

function printEvent(event: EventDetail): void {
  say(`${bold(event.connection)}  ${event.type ?? '-'}  ${paintStatus(event.status)}  event ${event.id}`);
  const facts: readonly (readonly [string, string | number | null])[] = [
    ['provider id', event.eventId],
    ['came', event.receivedAt],
    ['happened', event.occurredAt],
    ['processed', event.processedAt],
    ['waits until', event.waitUntil],
    ['record', event.record === null ? null : `${event.stream ?? ''} ${event.record}`],
    ['outcome', event.outcome === null ? null : JSON.stringify(event.outcome)],
    ['copies', event.duplicates === 0 ? null : `${event.duplicates}, ${event.conflicts} with another body`],
    ['replays', event.replays === 0 ? null : `${event.replays}, last by ${event.replayedBy ?? '?'}`],
  ];
  for (const [name, value] of facts) if (value !== null) say(`  ${name.padEnd(12)} ${value}`);
  if (event.error !== null) {
    say(`  ${event.error.message} (${event.error.code})`);
    say(`  fix: ${event.error.advice}`);
  }
  say();
  // As JSON text, so that nothing in it can speak to a terminal.
  say(event.body === null ? 'The body is gone: its retention is over.' : JSON.stringify(event.body));
}
