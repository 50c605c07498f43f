/** What every command that works on the database begins and ends with. */
import {
  formatProblems,
  loadEnvironment,
  suggest,
  type EmbeddedSecrets,
  type Environment,
  type Role,
} from '../config/index.ts';
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { isTerminal, note } from './io.ts';

/** Says what should be put right, but not with each of many commands: there `sluice doctor` says it. */
export function readEnvironment(role: Role): Environment {
  const environment = loadEnvironment(process.env, { role, cwd: process.cwd(), terminal: isTerminal() });
  const oneShot = role === 'command' || role === 'offline';
  if (environment.warnings.length > 0 && !oneShot) note(formatProblems(environment.warnings));
  return environment;
}

/**
 * One-shot commands log only what nobody foresaw, unless LOG_LEVEL says otherwise: an error of the catalogue stands in
 * the command's own result, and its stack trace helps nobody in front of a terminal.
 */
export function commandLogger(environment: Environment): Logger {
  const { logFormat: format, logLevel } = environment;
  if ((process.env.LOG_LEVEL ?? '') !== '') return createLogger({ level: logLevel, format });
  return createLogger({
    level: 'error',
    format,
    omit: (error) => error instanceof SluiceError && error.code !== 'internal',
  });
}

/** Opens a runtime for one command and closes it whatever happens. */
export async function withRuntime<T>(
  options: { readonly workers?: boolean },
  work: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  const environment = readEnvironment('command');
  const { openRuntime } = await import('../runtime.ts');
  const runtime = await openRuntime(environment, {
    logger: commandLogger(environment),
    workers: options.workers ?? false,
    ...(isTerminal() ? { onProgress: (step: string) => note(step) } : {}),
  });
  try {
    announceSecrets(runtime.secrets);
    return await work(runtime);
  } finally {
    await runtime.close();
  }
}

/**
 * Shows the console's password of embedded mode in the one process that has just made it, whichever command that
 * is; and warns of secrets that others may read.
 */
export function announceSecrets(secrets: EmbeddedSecrets | undefined): void {
  if (secrets === undefined) return;
  if (secrets.created.includes('adminPassword'))
    note(`Password of the console: ${secrets.adminPassword}   (shown this once; kept in ${secrets.file})`);
  if (secrets.warnings.length > 0) note(formatProblems(secrets.warnings));
}

/** @throws SluiceError `not_found`, with the nearest name where one is near */
export function notFound(what: string, name: string, known: readonly string[], list: string): SluiceError {
  const near = suggest(name, known);
  const guess = near === undefined ? '' : `; did you mean ${near}?`;
  return new SluiceError('not_found', `There is no ${what} ${name}${guess}`.replace(/([^?])$/, '$1.'), {
    advice: `List what there is with \`${list}\`.`,
  });
}
