/** `sluice runs`, `sluice runs RUN`: what ran, how it ended, what to do. */
import { listRuns, runView, type RunView } from '../sync/history.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { ago, bold, note, paintStatus, say, sayJson, table } from './io.ts';
import { mustExist } from './known.ts';
import { notFound, withRuntime } from './session.ts';
import { printTimeline } from './timeline.ts';
import { timelineView } from '../sync/timeline.ts';
import { wholeNumber } from './arguments.ts';

export const addRuns: AddCommand = (program, { action }) => {
  program
    .command('runs')
    .argument('[run]', 'one run in detail')
    .description('the history of runs, newest first; or one run with its streams, requests, waits and tokens')
    .option('--connection <id>', 'runs of one connection')
    .option('--limit <n>', 'how many', wholeNumber(1, 1000), 20)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice runs --connection acme-hr', 'sluice runs 0b9c… --json'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id], options) =>
        withRuntime({}, async (runtime) => {
          const { db, now } = runtime;
          if (id === undefined) {
            const connection = options.connection as string | undefined;
            const data = await listRuns(db, {
              limit: options.limit as number,
              ...(connection === undefined ? {} : { connection }),
            });
            // a removed connection keeps its history
            if (connection !== undefined && data.length === 0) await mustExist(runtime, connection);
            if (options.json === true) sayJson({ data });
            else printRuns(data, now());
            return exitCodes.done;
          }
          const run = await runView(db, id);
          if (run === undefined) throw notFound('run', id, [], 'sluice runs');
          const timeline = await timelineView(db, id);
          if (options.json === true) sayJson({ run: { ...run, ...timeline } });
          else {
            printRun(run);
            printTimeline(timeline);
          }
          return exitCodes.done;
        }),
      ),
    );
};

function printRuns(runs: readonly RunView[], now: number): void {
  if (runs.length === 0) {
    note('No runs yet. Ask for one: sluice sync CONNECTION --wait');
    return;
  }
  const total = (run: RunView, field: 'added' | 'updated' | 'deleted'): number =>
    run.streams.reduce((sum, stream) => sum + stream[field], 0);
  say(
    table(
      ['RUN', 'CONNECTION', 'STATUS', 'BEGAN', 'TOOK', 'ADDED', 'UPDATED', 'DELETED', 'ERROR'],
      runs.map((run) => [
        run.id,
        run.connection,
        paintStatus(run.status),
        ago(run.startedAt ?? run.createdAt, now),
        took(run),
        total(run, 'added'),
        total(run, 'updated'),
        total(run, 'deleted'),
        run.error?.code ?? '',
      ]),
    ),
  );
}

/** One run as a person reads it: the verdict, the streams, and what to do. */
export function printRun(run: RunView): void {
  say(`${bold(run.connection)}  ${paintStatus(run.status)}  ${took(run)}  run ${run.id}`);
  say(`${run.requests} requests, ${run.retries} retries, ${run.tokenRequests} token requests`);
  say();
  say(
    table(
      ['STREAM', 'STATUS', 'PAGES', 'ADDED', 'UPDATED', 'DELETED', 'UNCHANGED', 'REJECTED'],
      run.streams.map((stream) => [
        stream.name,
        paintStatus(stream.status),
        stream.pages,
        stream.added,
        stream.updated,
        stream.deleted,
        stream.unchanged,
        stream.rejected,
      ]),
    ),
  );
  for (const stream of run.streams) {
    if (stream.waitUntil !== null) {
      say();
      say(`${bold(stream.name)} waits until ${stream.waitUntil}: ${stream.waitReason ?? ''}`);
    }
    if (stream.error === null) continue;
    say();
    say(`${bold(stream.name)}: ${stream.error.message} (${stream.error.code})`);
    say(`  fix: ${stream.error.advice}`);
  }
  if (run.error !== null && !run.streams.some((stream) => stream.error?.message === run.error?.message)) {
    say();
    say(`${run.error.message} (${run.error.code})`);
    say(`  fix: ${run.error.advice}`);
  }
}

function took(run: RunView): string {
  if (run.startedAt === null) return '-';
  const seconds = (Date.parse(run.finishedAt ?? new Date().toISOString()) - Date.parse(run.startedAt)) / 1000;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}
