/** Text that Postgres can hold: neither U+0000 nor half of a surrogate pair, both of which JSON and YAML can write. */
import { problemAt, type Path, type Problem } from './problem.ts';

/** What no text of a connection can mean; `\p{Cs}` under `u` is a surrogate without its partner. */
const UNSTORABLE = /\0|\p{Cs}/u;

/** One problem for each key and value that can't be stored. Values are not repeated. */
export function unstorableProblems(value: unknown, path: Path): Problem[] {
  if (typeof value === 'string') return UNSTORABLE.test(value) ? [problem(path)] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => unstorableProblems(item, [...path, index]));
  return Object.entries(value).flatMap(([key, inner]) =>
    UNSTORABLE.test(key) ? [problem(path)] : unstorableProblems(inner, [...path, key]),
  );
}

function problem(path: Path): Problem {
  return problemAt(
    path,
    'holds the character U+0000 or half of a surrogate pair, which Postgres cannot store',
    'Write the text without it.',
  );
}
