/** Exit codes, and how a command that failed says so. */
import { SluiceError, reportOf, type ErrorReport } from '../errors.ts';
import { err, red, sayJson } from './io.ts';

export const exitCodes = {
  done: 0,
  /** the work failed */
  failed: 1,
  /** wrong usage or configuration */
  usage: 2,
  notFound: 3,
  /** needs a person: reconnect, attention, held deletes */
  person: 4,
} as const;

export type ExitName = keyof typeof exitCodes;
export type ExitCode = (typeof exitCodes)[ExitName];

/** As the help and the documentation say it. */
export const exitMeanings: Readonly<Record<ExitName, string>> = {
  done: 'done',
  failed: 'the work failed',
  usage: 'wrong usage or configuration',
  notFound: 'not found',
  person: 'needs a person (reconnect, attention, held deletes)',
};

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof SluiceError)) return exitCodes.failed;
  if (error.code === 'not_found') return exitCodes.notFound;
  if (error.kind === 'auth') return exitCodes.person;
  return error.kind === 'config' ? exitCodes.usage : exitCodes.failed;
}

/**
 * Prints an error: for a program as one JSON document, for a person as two lines. A stack trace is shown only to
 * those who set LOG_LEVEL=debug, and only for what is no error of the catalogue.
 */
export function printError(error: unknown, json: boolean): void {
  const report = shownReport(error);
  if (json) {
    const problems = error instanceof SluiceError ? error.details.problems : undefined;
    sayJson({ error: { ...report, ...(problems === undefined ? {} : { problems }) } });
    return;
  }
  err.write(formatError(report));
}

/** The report of what isn't ours: its stack trace is worth a look, so the advice says how to see it. */
function shownReport(error: unknown): ErrorReport {
  if (error instanceof SluiceError) return error.report();
  const level = process.env.LOG_LEVEL;
  if ((level === 'debug' || level === 'trace') && error instanceof Error && error.stack !== undefined)
    err.write(`${error.stack}\n`);
  return { ...reportOf(error), advice: INTERNAL_ADVICE };
}

const INTERNAL_ADVICE =
  'Try again; if it comes back, run the command with LOG_LEVEL=debug and report the stack trace that it shows.';

export function formatError(report: ErrorReport): string {
  return `${red(`error ${report.code}:`, err)} ${report.message}\n  fix: ${report.advice}\n`;
}
