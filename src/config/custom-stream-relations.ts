/** What the keys of streams that the user describes himself ask of each other. */
import { parameter } from './custom-stream.ts';
import { given } from './given.ts';
import { problemAt, type Path, type Problem } from './problem.ts';

type Raw = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** What other streams are named by a described one, as far as it can be read. */
export interface DescribedStream {
  readonly name?: string;
  readonly parent?: string;
  readonly restartsWith?: string;
}

/** The described streams of a body as it was written, whatever else is wrong with them. */
export function describedStreams(raw: unknown): DescribedStream[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((stream: unknown) =>
    isMap(stream)
      ? given({
          name: textOf(stream.name),
          parent: textOf(stream.parent),
          restartsWith: textOf(stream.restartsWith),
        })
      : {},
  );
}

/**
 * What the keys of described streams ask of each other. Read from the body as it was written, so that it is said
 * together with what is wrong with single keys.
 */
export function relationProblems(raw: unknown, base: Path): Problem[] {
  if (!Array.isArray(raw)) return [];
  const streams = raw as unknown[];
  const problems = streams.flatMap((stream, index) =>
    isMap(stream) ? problemsOf(stream, [...base, index]) : [],
  );
  const names = streams.map((stream) => (isMap(stream) ? textOf(stream.name) : undefined));
  names.forEach((name, index) => {
    if (name === undefined || names.indexOf(name) === index) return;
    const fix = 'Give each custom stream its own name.';
    problems.push(problemAt([...base, index, 'name'], 'is taken by another custom stream', fix));
  });
  return problems;
}

function problemsOf(stream: Raw, base: Path): Problem[] {
  const pages = isMap(stream.paging) ? stream.paging : {};
  return [
    ...placeholderProblems(stream, pages, base),
    ...detectionProblems(stream, pages, base),
    ...parameterProblems(stream, pages, base),
  ];
}

function placeholderProblems(stream: Raw, pages: Raw, base: Path): Problem[] {
  const at = textOf(stream.path);
  if (at === undefined) return [];
  const problems: Problem[] = [];
  const values = isMap(stream.query) ? Object.values(stream.query) : [];
  const placed = [at, ...values].some((value) => textOf(value)?.includes('{parent}'));
  if (placed !== (stream.parent !== undefined)) {
    const message = placed
      ? 'holds {parent}, but no `parent` is named'
      : "lacks {parent}, where the parent's id goes";
    const fix = 'Name the parent stream under `parent` and put {parent} into the path, or neither.';
    problems.push(problemAt([...base, 'path'], message, fix));
  }
  const steps = at.split('{sequence}').length - 1;
  const isFeed = pages.style === 'sequence';
  if (isFeed && steps !== 1) {
    const fix = 'Put {sequence} into the path once, where the number goes that changes are asked after.';
    problems.push(problemAt([...base, 'path'], 'does not hold {sequence} once', fix));
  } else if (!isFeed && steps > 0) {
    const fix = 'Choose paging of the style sequence, or remove {sequence}.';
    problems.push(problemAt([...base, 'path'], 'holds {sequence}, but has no sequence numbers', fix));
  }
  return problems;
}

function detectionProblems(stream: Raw, pages: Raw, base: Path): Problem[] {
  const problems: Problem[] = [];
  const detect = isMap(stream.changes) ? stream.changes.detect : (stream.changes ?? 'full');
  const isFeed = pages.style === 'sequence';
  if (isFeed && (detect === 'full' || detect === 'watermark')) {
    const message = `is ${detect}, but the list is paged by sequence numbers`;
    problems.push(problemAt([...base, 'changes'], message, 'Write `changes: sequence`.'));
  } else if (!isFeed && detect === 'sequence') {
    const fix = 'Write `paging: { style: sequence, … }` with its keys, or `changes: full`.';
    problems.push(problemAt([...base, 'changes'], 'is sequence, but the paging is not', fix));
  }
  // An array has no field beside its items: the walk would end behind its first page, and nothing would tell.
  const inBody = pages.style === 'next-link' ? 'at' : isFeed ? 'maximumAt' : undefined;
  if (inBody !== undefined && textOf(pages[inBody]) !== undefined && (stream.items ?? '') === '') {
    const message = `is needed: \`paging.${inBody}\` stands beside the list, so the answer is no list itself`;
    const fix = 'Write the dotted path of the array in the answer.';
    problems.push(problemAt([...base, 'items'], message, fix));
  }
  if (stream.restartsWith !== undefined && detect === 'full') {
    const message = 'says nothing for a stream that is read from the start every time';
    problems.push(problemAt([...base, 'restartsWith'], message, 'Remove it, or write `changes: sequence`.'));
  }
  return problems;
}

/** Query parameters as they end up in one URL: each has one meaning. */
function parameterProblems(stream: Raw, pages: Raw, base: Path): Problem[] {
  const problems: Problem[] = [];
  const detection = isMap(stream.changes) ? stream.changes : {};
  const since = isMap(detection.since) ? detection.since.param : undefined;
  const maps: readonly [Path, Raw][] = [
    [['query'], isMap(stream.query) ? stream.query : {}],
    [['changes', 'completeQuery'], isMap(detection.completeQuery) ? detection.completeQuery : {}],
  ];
  for (const [at, query] of maps) {
    for (const key of Object.keys(query)) {
      const checked = parameter.safeParse(key);
      if (checked.success) continue;
      const [issue] = checked.error.issues;
      const fix = 'Write the name alone; a value stands behind the colon.';
      const message = issue?.code === 'custom' ? issue.message : 'is empty';
      problems.push(problemAt([...base, ...at, key], message, fix));
    }
  }
  const isOffset = pages.style === 'offset';
  const moving = isOffset ? 'offsetParam' : pages.style === 'page' ? 'pageParam' : undefined;
  const movingName = moving === undefined ? undefined : (pages[moving] ?? (isOffset ? 'offset' : 'page'));
  const sizeName = pages.sizeParam ?? (moving === undefined ? undefined : 'limit');
  if (sizeName !== undefined && sizeName === movingName) {
    const fix = 'Name the parameter of the position and that of the page size.';
    problems.push(problemAt([...base, 'paging', 'sizeParam'], 'is the parameter of the position too', fix));
  }
  if (since !== undefined && (since === movingName || since === sizeName)) {
    const fix = 'Name the parameter that asks for what is newer than a moment.';
    problems.push(problemAt([...base, 'changes', 'since', 'param'], 'is a parameter of the paging', fix));
  }
  for (const [at, query] of maps) {
    const setters: readonly [unknown, string][] = [
      [movingName, 'the paging'],
      [sizeName, 'the paging'],
      [since, '`since`'],
    ];
    for (const [name, by] of setters) {
      if (typeof name !== 'string' || !Object.hasOwn(query, name)) continue;
      const fix = `Remove it here: ${by} sets this parameter.`;
      problems.push(problemAt([...base, ...at, name], `is set by ${by}`, fix));
    }
  }
  if (
    pages.pageSize !== undefined &&
    pages.sizeParam === undefined &&
    String(pages.style).startsWith('next-')
  ) {
    const fix = 'Name the parameter that sizes a page under `sizeParam`, or remove pageSize.';
    problems.push(problemAt([...base, 'paging', 'pageSize'], 'is asked for by no parameter', fix));
  }
  return problems;
}
