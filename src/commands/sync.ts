/** `sluice sync ID`: asks for a run; with `--wait` lends a hand as a worker and follows it to its end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { findConnection } from '../store/connections.ts';
import { runView, type RunView } from '../sync/history.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { collect, durationArgument } from './arguments.ts';
import { showDryRun } from './dry-run.ts';
import { exitCodes, formatError, type ExitCode } from './exit.ts';
import { err, isTerminal, note, say, sayJson } from './io.ts';
import { knownConnection, knownStreams } from './known.ts';
import { createProgress } from './progress.ts';
import { printRun } from './runs.ts';
import { notFound, withRuntime } from './session.ts';
import { stopSignal } from './signals.ts';

const LOOK_EVERY_MS = 150;
/** Before whatever else waits, since a person does. */
const TOP_PRIORITY = 1;
const PRIORITY = 5;

interface SyncOptions {
  readonly stream?: readonly string[];
  readonly full?: boolean;
  readonly allowDeletes?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

export const addSync: AddCommand = (program, { action }) => {
  program
    .command('sync')
    .argument('<id>', 'connection')
    .description('ask for a run of a connection')
    .option('--stream <name>', 'only this stream; may be given several times', collect)
    .option('--full', 'a complete pass, also of streams that could read changes only')
    .option('--allow-deletes', 'apply deletes even where they are so many that they would be held')
    .addOption(
      new Option(
        '--dry-run',
        'fetch one page of each stream and show what would happen; nothing is written',
      ).conflicts(['wait', 'allowDeletes']),
    )
    .option('--wait', 'work on it in this process as well, and wait for its end')
    .addOption(
      new Option('--timeout <duration>', 'with --wait: how long')
        .argParser(durationArgument)
        .default(600_000, '10m'),
    )
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        [
          'sluice sync acme-hr',
          'sluice sync acme-hr --stream employees --wait',
          'sluice sync acme-hr --wait --json --timeout 30m',
          'sluice sync acme-hr --dry-run',
        ],
        ['done', 'failed', 'usage', 'notFound', 'person'],
      ) +
        'With --wait: 0 succeeded; 1 failed, partial, cancelled or timed out; 4 held, or the connection needs a person.\n' +
        'With --dry-run: 4 where a stream needs a person, 1 where one failed otherwise.\n',
    )
    .action(
      action(async ([id = ''], given) => {
        const options = given as unknown as SyncOptions;
        return withRuntime({ workers: options.wait === true }, (runtime) => sync(runtime, id, options));
      }),
    );
};

async function sync(runtime: Runtime, id: string, options: SyncOptions): Promise<ExitCode> {
  const connection = await knownConnection(runtime, id, { requireUsable: options.dryRun !== true });
  const streams = knownStreams(connection, options.stream);
  if (options.dryRun === true)
    return showDryRun(runtime, connection, {
      streams,
      full: options.full === true,
      json: options.json === true,
    });
  const asked = {
    ...(options.stream === undefined ? {} : { streams: options.stream }),
    full: options.full ?? false,
    allowDeletes: options.allowDeletes ?? false,
  };
  const entry = { actor: commandActor(), action: 'connection.sync', connection: id, details: asked };
  let queued: RunView | undefined;
  const runId = await audited(runtime.db, entry, async (note) => {
    const priority = options.wait === true ? TOP_PRIORITY : PRIORITY;
    const wish = { connectionId: id, trigger: 'command', priority, ...asked } as const;
    const subject = await runtime.jobs.askForRun(wish, async (recorded) => {
      queued = await runView(runtime.db, recorded);
    });
    note({ subject });
    return subject;
  });
  if (options.wait === true) return follow(runtime, runId, options);
  if (options.json === true) sayJson({ run: queued });
  else {
    say(`Run ${runId} of ${id} is ${queued?.status ?? 'queued'}.`);
    note(`Follow it with: sluice runs ${runId}`);
  }
  return exitCodes.done;
}

/** Works and watches until the run is over, the time is up, or somebody stops us; the run goes on without us. */
async function follow(runtime: Runtime, runId: string, options: SyncOptions): Promise<ExitCode> {
  const stop = stopSignal();
  const workers = await runtime.startWorkers({ schedules: false });
  const progress = isTerminal() && options.json !== true ? createProgress() : undefined;
  const end = Date.now() + options.timeout;
  let run: RunView | undefined;
  try {
    for (;;) {
      run = await runView(runtime.db, runId);
      if (run === undefined || run.finishedAt !== null || stop.aborted || Date.now() > end) break;
      progress?.update(run);
      await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => {});
    }
  } finally {
    progress?.stop();
    await workers.stop(runtime.environment.shutdownGraceMs);
  }
  // it may have ended while we were leaving
  run = await runView(runtime.db, runId);
  return conclude(runtime, runId, run, options, stop.aborted);
}

async function conclude(
  runtime: Runtime,
  runId: string,
  run: RunView | undefined,
  options: SyncOptions,
  stopped: boolean,
): Promise<ExitCode> {
  if (run === undefined) throw notFound('run', runId, [], 'sluice runs');
  const over = run.finishedAt !== null;
  const timeout = over
    ? null
    : new SluiceError(
        'wait_timeout',
        stopped ? `Stopped waiting for run ${runId}.` : `Run ${runId} is not over yet.`,
      ).report();
  if (options.json === true) sayJson({ run: timeout === null ? run : { ...run, error: timeout } });
  else {
    printRun(run);
    if (timeout !== null) err.write(formatError(timeout));
  }
  if (timeout !== null) return exitCodes.failed;
  if (run.status === 'succeeded') return exitCodes.done;
  const connection = await findConnection(runtime.db.pool, run.connection);
  const parked = connection?.state === 'needs_attention' || connection?.state === 'needs_reconnect';
  return run.status === 'held' || parked ? exitCodes.person : exitCodes.failed;
}
