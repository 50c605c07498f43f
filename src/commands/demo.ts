/** `sluice demo`: the whole product on this machine alone, against simulated providers, in a folder of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandbox } from '../../sandbox/index.ts';
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { createLogger } from '../telemetry/logger.ts';
import { connectionView } from '../sync/connection-view.ts';
import { listRuns, runView, type RunView } from '../sync/history.ts';
import { listEvents } from '../webhooks/history.ts';
import { wholeNumber } from './arguments.ts';
import { help, type AddCommand } from './cli-types.ts';
import { applyDemo, editAll, giveConsents, type DemoConsent } from './demo-connections.ts';
import { allProcessed, countWebhooks, editTold, printNewWebhooks, showWebhooks } from './demo-webhooks.ts';
import { exitCodes, formatError, type ExitCode } from './exit.ts';
import { bold, dim, err, isTerminal, note, paintStatus, say, sayJson, table } from './io.ts';
import { lockFolder } from './processes.ts';
import { createProgress, recordsRead } from './progress.ts';
import { storedSchedule } from './schedule-lookup.ts';
import type { WebServer } from './serve.ts';
import { readEnvironment } from './session.ts';
import { stopSignal, untilStopped } from './signals.ts';

const DEFAULT_RECORDS = 120;
/** A first pass of this many records fits into the rate limits that the providers document. */
const RECORDS_WITHIN_LIMIT = 400;
const LOOK_EVERY_MS = 100;
const EDIT_EVERY_MS = 4_000;
const PASS_TIMEOUT_MS = 10 * 60_000;

interface DemoOptions {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly records?: number;
  readonly controlPort?: number;
}

export const addDemo: AddCommand = (program, { action }) => {
  program
    .command('demo')
    .description('the whole product with nothing installed: own Postgres, simulated providers, console')
    .option('--once', 'one full pass of every connection, a summary, and the end')
    .option('--records <n>', 'size of the simulated data', wholeNumber(1, 1_000_000))
    .option(
      '--control-port <n>',
      'steer the simulated providers on this port (docs/sandbox.md); 0 takes a free one',
      wholeNumber(0, 65_535),
    )
    .option('--json', 'with --once: print one JSON document')
    .addHelpText(
      'after',
      help(
        ['npm run demo', 'npm run demo -- --once', 'npm run demo -- --once --json --records 1000'],
        ['done', 'failed', 'usage'],
      ),
    )
    .action(action((_args, options) => demo(options)));
};

async function demo(options: DemoOptions): Promise<ExitCode> {
  if (options.json === true && options.once !== true)
    throw new SluiceError(
      'usage',
      'A demo that goes on prints no single JSON document: --json needs --once.',
    );
  const startedAt = Date.now();
  const environment = readEnvironment('demo');
  const stop = stopSignal();
  const lock = await lockFolder(environment);
  const quiet = options.json === true;
  const step = (text: string): void => {
    if (!quiet) note(dim(text, err));
  };
  const { startSandbox } = await import('../../sandbox/index.ts');
  const { openRuntime } = await import('../runtime.ts');
  const { serveWeb } = await import('./serve.ts');
  const logger = createLogger({
    level: (process.env.LOG_LEVEL ?? '') === '' ? 'fatal' : environment.logLevel,
    format: environment.logFormat,
  });
  let sandbox: Sandbox | undefined;
  let runtime: Runtime | undefined;
  let web: WebServer | undefined;
  try {
    step('starting the simulated providers…');
    const records = options.records ?? DEFAULT_RECORDS;
    const larger = records > RECORDS_WITHIN_LIMIT;
    sandbox = await startSandbox({
      records,
      limits: larger ? 'off' : 'documented',
      ...(options.controlPort === undefined ? {} : { controlPort: options.controlPort }),
    });
    if (larger) step('so many records: the simulated providers keep no rate limit this time');
    runtime = await openRuntime(environment, { logger, workers: true, onProgress: step });
    web = await serveWeb(runtime, { tryNextPorts: true });
    const ids = await applyDemo(runtime, sandbox, larger);
    const consents = await giveConsents(runtime, sandbox, web.consoleUrl);
    const workers = await runtime.startWorkers({ schedules: options.once !== true });
    try {
      if (!quiet) welcome(runtime, web, sandbox.control, consents);
      const passed = await firstPass(runtime, ids, quiet, stop);
      // Ctrl-C is how the demo ends; one that was asked for a whole pass has not done it
      if (stop.aborted) return options.once === true ? exitCodes.failed : exitCodes.done;
      step('registering webhooks at the providers that have them, and changing some records there…');
      await showWebhooks(runtime, sandbox, web.url, stop);
      const summary = await summarize(runtime, sandbox, { passed, url: web.consoleUrl, startedAt });
      if (quiet) sayJson(summary);
      else printSummary(summary, passed);
      if (options.once === true) return summary.ok ? exitCodes.done : exitCodes.failed;
      await keepAlive(runtime, sandbox, passed);
      return exitCodes.done;
    } finally {
      if (!quiet) note(dim('stopping: work goes back to the queue, then Postgres stops…', err));
      await workers.stop(environment.shutdownGraceMs);
    }
  } finally {
    await web?.close();
    await runtime?.close();
    await sandbox?.close();
    await lock?.release();
  }
}

async function firstPass(
  runtime: Runtime,
  ids: readonly string[],
  quiet: boolean,
  stop: AbortSignal,
): Promise<RunView[]> {
  const passed: RunView[] = [];
  for (const connectionId of ids) {
    const runId = await runtime.jobs.askForRun({
      connectionId,
      trigger: 'demo',
      priority: 1,
      full: true,
      // the simulated data may be fewer than the last time
      allowDeletes: true,
    });
    const progress = !quiet && isTerminal() ? createProgress() : undefined;
    const end = Date.now() + PASS_TIMEOUT_MS;
    try {
      for (;;) {
        const run = await runView(runtime.db, runId);
        if (run === undefined || run.finishedAt !== null || stop.aborted || Date.now() > end) {
          if (run !== undefined) passed.push(run);
          break;
        }
        progress?.update(run);
        await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => {});
      }
    } finally {
      progress?.stop();
    }
  }
  return passed;
}

interface DemoSummary {
  readonly ok: boolean;
  readonly seconds: number;
  readonly url: string;
  readonly connections: readonly {
    readonly id: string;
    readonly provider: string;
    readonly state: string;
    readonly records: Readonly<Record<string, number>>;
    readonly tokenRequests: number;
    readonly webhooks: { readonly received: number; readonly processed: number };
  }[];
}

async function summarize(
  runtime: Runtime,
  sandbox: Sandbox,
  { passed, url, startedAt }: { passed: readonly RunView[]; url: string; startedAt: number },
): Promise<DemoSummary> {
  const counts = await countWebhooks(runtime, sandbox);
  const connections: DemoSummary['connections'][number][] = [];
  for (const run of passed) {
    const view = await connectionView(runtime.db, run.connection, storedSchedule);
    const { received = 0, processed = 0 } = counts.get(run.connection) ?? {};
    connections.push({
      id: run.connection,
      provider: view?.provider ?? '',
      state: view?.state ?? 'removed',
      records: view?.records ?? {},
      tokenRequests: run.tokenRequests,
      webhooks: { received, processed },
    });
  }
  return {
    ok: passed.every((run) => run.status === 'succeeded') && allProcessed(sandbox, counts),
    seconds: Math.round((Date.now() - startedAt) / 100) / 10,
    url,
    connections,
  };
}

function welcome(
  runtime: Runtime,
  web: WebServer,
  control: string | null,
  consents: readonly DemoConsent[],
): void {
  note('');
  note(`  ${bold('Sluice demo', err)}`);
  note(`  console   ${web.consoleUrl}`);
  note(`  password  ${runtime.secrets?.adminPassword ?? ''}`);
  note(`  data      ${runtime.environment.dataDir}`);
  if (control !== null) note(`  control   ${control}`);
  note('');
  for (const { connection, account } of consents)
    note(
      `  ${connection} was connected${account === null ? '' : ` as ${account}`}: by the link that \`sluice connect ${connection}\` prints,`,
    );
  if (consents.length > 0)
    note(`  which the demo opened itself. A person opens it in a browser and says yes at the provider.\n`);
}

function printSummary(summary: DemoSummary, passed: readonly RunView[]): void {
  for (const run of passed) {
    say(
      `${bold(run.connection)}  ${paintStatus(run.status)}  ${recordsRead(run)} records with ${run.requests} requests and ${run.tokenRequests} token`,
    );
    say(
      table(
        ['  STREAM', 'IN POSTGRES', 'ADDED', 'UPDATED', 'DELETED', 'UNCHANGED', 'PAGES'],
        run.streams.map((stream) => [
          `  ${stream.name}`,
          summary.connections.find(({ id }) => id === run.connection)?.records[stream.name] ?? 0,
          stream.added,
          stream.updated,
          stream.deleted,
          stream.unchanged,
          stream.pages,
        ]),
      ),
    );
    if (run.error !== null) err.write(formatError(run.error));
  }
  say();
  say(
    table(
      ['CONNECTION', 'STATE', 'RECORDS', 'REQUESTS', 'TOKENS', 'WEBHOOKS', 'APPLIED'],
      summary.connections.map(({ id, state, records, webhooks }) => {
        const run = passed.find(({ connection }) => connection === id);
        const count = Object.values(records).reduce((total, one) => total + one, 0);
        const { received, processed } = webhooks;
        return [
          id,
          paintStatus(state),
          count,
          run?.requests ?? 0,
          run?.tokenRequests ?? 0,
          received,
          processed,
        ];
      }),
    ),
  );
  say();
  say(`${summary.ok ? 'Done' : 'Not everything worked'} in ${summary.seconds} s.`);
}

/** Edits at the source and a line for every run that follows them, until Ctrl-C. */
async function keepAlive(runtime: Runtime, sandbox: Sandbox, passed: readonly RunView[]): Promise<void> {
  const [first] = passed;
  note('');
  note(
    'The simulated data change all the time now; each line is a scheduled run that followed, or webhooks that told of it.',
  );
  note(
    'A provider without webhooks, and records that they say nothing of, wait for the next run. Ctrl-C stops.',
  );
  note('Beside it, in another terminal:');
  note(dim(`  export SLUICE_DATA_DIR=${runtime.environment.dataDir}`, err));
  note(dim('  npx sluice connections', err));
  note(dim('  npx sluice events', err));
  note(
    dim(`  npx sluice records ${first?.connection ?? ''} ${first?.streams[0]?.name ?? ''} --limit 3`, err),
  );
  note('');
  const edits = setInterval(() => {
    editAll(sandbox);
    editTold(sandbox);
  }, EDIT_EVERY_MS);
  const shown = new Set((await listRuns(runtime.db, { limit: 200 })).map((run) => run.id));
  const told = new Set((await listEvents(runtime.db, { limit: 1000 })).map((event) => event.id));
  const lines = setInterval(() => {
    void printNewWebhooks(runtime, told).then(() => printNewRuns(runtime, shown));
  }, 1_000);
  await untilStopped();
  clearInterval(edits);
  clearInterval(lines);
}

async function printNewRuns(runtime: Runtime, shown: Set<string>): Promise<void> {
  const runs = await listRuns(runtime.db, { limit: 20 }).catch(() => []);
  for (const run of runs.filter(({ id, finishedAt }) => finishedAt !== null && !shown.has(id)).reverse()) {
    shown.add(run.id);
    const sum = (field: 'added' | 'updated' | 'deleted'): number =>
      run.streams.reduce((total, stream) => total + stream[field], 0);
    const time = (run.finishedAt ?? '').slice(11, 19);
    say(
      `${time}  ${run.connection}  ${paintStatus(run.status)}  +${sum('added')} ~${sum('updated')} -${sum('deleted')}  ${run.requests} requests, ${run.tokenRequests} token`,
    );
    if (run.error !== null) err.write(formatError(run.error));
  }
}
