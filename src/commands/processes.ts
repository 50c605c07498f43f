/**
 * `sluice start`, `web`, `worker`: the processes that stay. The web app is loaded by them alone: every other command
 * answers sooner without it.
 */
import type { Environment, Role } from '../config/index.ts';
import type { Runtime } from '../runtime.ts';
import { createLogger } from '../telemetry/logger.ts';
import { applyTo, printPlan, readConnections } from './apply.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import { isTerminal, note } from './io.ts';
import { announceSecrets, readEnvironment } from './session.ts';
import { stopSignal, untilStopped } from './signals.ts';

interface ProcessKind {
  readonly role: Extract<Role, 'start' | 'web' | 'worker'>;
  readonly description: string;
  readonly web: boolean;
  readonly workers: boolean;
  readonly example: string;
}

const kinds: readonly ProcessKind[] = [
  {
    role: 'start',
    description: 'web and worker in one process, with its own Postgres unless DATABASE_URL is set',
    web: true,
    workers: true,
    example: 'npm start',
  },
  {
    role: 'web',
    description: 'console, health, metrics, Bull Board; any number of them',
    web: true,
    workers: false,
    example: 'DATABASE_URL=postgres://… sluice web',
  },
  {
    role: 'worker',
    description: 'runs schedules and sync jobs; any number of them',
    web: false,
    workers: true,
    example: 'SLUICE_WORKER_PORT=3001 sluice worker',
  },
];

export const addProcesses: AddCommand = (program, { action }) => {
  for (const kind of kinds) {
    program
      .command(kind.role)
      .description(kind.description)
      .addHelpText('after', help([kind.example], ['done', 'failed', 'usage']))
      .action(action(() => runProcess(kind)));
  }
};

async function runProcess(kind: ProcessKind): Promise<ExitCode> {
  const environment = readEnvironment(kind.role);
  const stop = stopSignal();
  const logger = createLogger({ level: environment.logLevel, format: environment.logFormat });
  // the stack trace of a crash belongs into the log; what is printed besides has none
  process.on('uncaughtExceptionMonitor', (error) => logger.fatal({ err: error }, 'crashed'));
  const lock = kind.role === 'start' ? await lockFolder(environment) : undefined;
  try {
    const { openRuntime } = await import('../runtime.ts');
    const runtime = await openRuntime(environment, {
      logger,
      workers: kind.workers,
      onProgress: (step) => logger.info(step),
    });
    try {
      announceSecrets(runtime.secrets);
      if (stop.aborted) return exitCodes.done;
      await serveUntilStopped(kind, runtime);
      return exitCodes.done;
    } finally {
      await runtime.close();
      logger.info('stopped');
    }
  } finally {
    await lock?.release();
  }
}

async function serveUntilStopped(kind: ProcessKind, runtime: Runtime): Promise<void> {
  const { environment, logger } = runtime;
  if (kind.role === 'start' && environment.configFile !== undefined) {
    const connections = await readConnections(environment, environment.configFile);
    printPlan(await applyTo(runtime, connections, { prune: false, dryRun: false }), false, note);
  }
  const { serveProbes, serveWeb } = await import('./serve.ts');
  const web = kind.web ? await serveWeb(runtime, { tryNextPorts: false }) : await serveProbes(runtime);
  const workers = kind.workers ? await runtime.startWorkers({ schedules: true }) : undefined;
  logger.info({ role: kind.role, url: web?.url }, 'ready');
  if (kind.web && isTerminal()) welcome(runtime, web?.url ?? '');
  await untilStopped();
  logger.info({ graceMs: environment.shutdownGraceMs }, 'stopping: giving work back');
  await Promise.all([workers?.stop(environment.shutdownGraceMs), web?.close()]);
}

/** What a person needs first; shown where a person reads. */
function welcome(runtime: Runtime, url: string): void {
  const { secrets } = runtime;
  note('');
  note(`  console   ${url}`);
  if (secrets !== undefined) note(`  password  in ${secrets.file}`);
  note('  stop      Ctrl-C');
  note('');
}

/** Two `start` or `demo` on one data folder would each believe the folder theirs. */
export async function lockFolder(
  environment: Environment,
): Promise<{ release(): Promise<void> } | undefined> {
  if (environment.mode !== 'embedded') return undefined;
  const { acquireFolderLock } = await import('../store/embedded/index.ts');
  return acquireFolderLock(environment.dataDir, 'process', `sluice ${environment.role}`);
}
