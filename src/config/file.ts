/** `sluice.yaml`: a file of connections, read as a whole, with every problem and its line. */
import { readFile, stat } from 'node:fs/promises';
import { parseConnection, type ConnectionInput, type ParsedConnection } from './connection.ts';
import { isWithin, maxFileBytes, readDocument } from './document.ts';
import { unknownKey } from './issues.ts';
import { byLine, configError, problemAt, type Path, type Problem } from './problem.ts';

export interface ParseFileOptions {
  /** shown before the line of each problem */
  readonly path: string;
  /** where `${NAME}` is looked up */
  readonly env: NodeJS.ProcessEnv;
  readonly checkEndpoint?: (url: string) => string | undefined;
}

export interface ConfigFile {
  readonly connections: readonly ConnectionInput[];
  /** sorted by line */
  readonly problems: readonly Problem[];
  readonly lineOf: (path: Path) => number | undefined;
}

/** A hook for what knows the providers: more problems of a connection that is well formed, as far as it is. */
export type CheckParsed = (parsed: ParsedConnection, base: Path) => readonly Problem[];

/**
 * Checks a file's form. `connections` holds those without problems; nothing of a file may be applied as long as
 * `problems` has an error.
 */
export function parseConfigFile(
  text: string,
  options: ParseFileOptions,
  check: CheckParsed = () => [],
): ConfigFile {
  const document = readDocument(text, options.env);
  const connections: ConnectionInput[] = [];
  const found: Problem[] = [];
  const entries = document.value === undefined ? undefined : connectionEntries(document.value, found);
  for (const [id, body] of Object.entries(entries ?? {})) {
    const base: Path = ['connections', id];
    const parsed = parseConnection(id, body, { ...options, base });
    found.push(...parsed.problems, ...check(parsed, base));
    if (parsed.connection !== undefined) connections.push(parsed.connection);
  }

  const fresh = found.filter(({ path = [] }) => !document.unfilled.some((above) => isWithin(path, above)));
  const located = fresh.map((problem) => {
    const path = problem.path ?? [];
    const line = document.lineOf(path);
    const shown = {
      ...problem,
      message: document.withoutValues(problem.message, path),
      fix: document.withoutValues(problem.fix, path),
    };
    return line === undefined ? shown : { ...shown, line };
  });
  const problems = byLine([...document.problems, ...located]);
  return { connections, problems, lineOf: document.lineOf };
}

function connectionEntries(value: unknown, problems: Problem[]): Record<string, unknown> | undefined {
  const example = 'Write `connections:` and below it one key for each connection.';
  if (!isPlainMap(value)) {
    problems.push(problemAt([], 'is not a map of keys', example));
    return undefined;
  }
  for (const key of Object.keys(value)) {
    if (key !== 'connections') problems.push(unknownKey([key], key, ['connections']));
  }
  const connections = value['connections'];
  if (connections === undefined) {
    // an unknown key has said so already
    if (problems.length === 0) problems.push(problemAt(['connections'], 'is missing', example));
  } else if (connections === null) {
    problems.push(problemAt(['connections'], 'is empty', 'Write `connections: {}` where none is meant.'));
  } else if (!isPlainMap(connections)) {
    problems.push(problemAt(['connections'], 'is not a map of keys', example));
  } else {
    return connections;
  }
  return undefined;
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The text of a file, at most 1 MiB of UTF-8; a byte order mark is dropped.
 *
 * @throws SluiceError `config_invalid`, naming the path
 */
export async function readConfigFile(path: string): Promise<string> {
  const refuse = (message: string, fix: string) =>
    configError([{ severity: 'error', where: path, message, fix }]);
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw refuse('is a folder', 'Name the file itself.');
    if (found.size > maxFileBytes) {
      throw refuse('is larger than 1 MiB', 'Check that this is the right file, or split it.');
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT')
      throw refuse('does not exist', 'Check the path; it counts from the current folder.');
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw refuse('is not UTF-8 text', 'Save the file as UTF-8.');
    if (code === 'EACCES' || code === 'EPERM') {
      throw refuse('cannot be read', 'Let the user that runs Sluice read it.');
    }
    throw error;
  }
}
