/** A problem of the configuration: where it stands, what is wrong, and the fix. Never holds a secret. */
import { SluiceError } from '../errors.ts';

/** Steps from the root of a document: keys of maps, indexes of lists. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** only errors stop a start or an apply */
  readonly severity: 'error' | 'warning';
  /** a variable's name, or a path as `connections.acme.settings.host` */
  readonly where: string;
  /** the same as steps, for problems of a document */
  readonly path?: Path;
  /** in the file, from 1 */
  readonly line?: number;
  readonly message: string;
  /** one sentence, in the imperative */
  readonly fix: string;
}

/** What a rule says of one value: the parsed value, or what is wrong with it. */
export type Checked<T> = { readonly value: T } | { readonly message: string; readonly fix: string };

/** `['connections', 'a', 'streams', 0]` -> `connections.a.streams[0]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += (text === '' ? '' : '.') + (/^[\w-]+$/.test(step) ? step : JSON.stringify(step));
  }
  return text === '' ? '(top level)' : text;
}

/** A problem at a place in a document. */
export function problemAt(
  path: Path,
  message: string,
  fix: string,
  severity: Problem['severity'] = 'error',
): Problem {
  return { severity, where: pathText(path), path, message, fix };
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** Sorted by line; problems without a line come first, and equal lines keep their order. */
export function byLine(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/**
 * Two lines of text a problem: `sluice.yaml:12  connections.acme.settings.host: is missing`, then the fix.
 * `file` stands before each, with the line where it is known.
 */
export function formatProblems(problems: readonly Problem[], file?: string): string {
  return byLine(problems)
    .map((problem) => {
      const place =
        file === undefined ? '' : `${file}${problem.line === undefined ? '' : `:${problem.line}`}  `;
      const mark = problem.severity === 'warning' ? 'warning: ' : '';
      return `${place}${mark}${problem.where}: ${problem.message}\n    fix: ${problem.fix}`;
    })
    .join('\n');
}

/** One error for all problems: its message lists them, `details.problems` holds them. */
export function configError(problems: readonly Problem[], file?: string, cause?: unknown): SluiceError {
  const count = problems.length === 1 ? 'One problem' : `${problems.length} problems`;
  return new SluiceError(
    'config_invalid',
    `${count} in the configuration\n${formatProblems(problems, file)}`,
    {
      details: { problems },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
