/** Reads one YAML or JSON document into plain values, with the line of everything and `${NAME}` filled in. */
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type Alias,
  type CST,
  type Document,
  type Node,
} from 'yaml';
import { interpolate } from './interpolate.ts';
import { problemAt, type Path, type Problem } from './problem.ts';

/** Far above any real file; a larger one is the wrong file. */
export const maxFileBytes = 1024 * 1024;
/** The composer calls itself for each level, so a file of a million brackets would end the process. */
const maxDepth = 32;
/** Values after aliases are followed: nine lines of nested aliases can mean a billion. */
const maxValues = 100_000;
/** The library looks through the whole document for each alias. */
const maxAliases = 100;

export interface ConfigDocument {
  /** undefined where the text could not be read at all */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The line of the nearest thing that is written down at or above this path, from 1. */
  readonly lineOf: (path: Path) => number | undefined;
  /** Paths whose value could not be filled in: what else is wrong there follows from that. */
  readonly unfilled: readonly Path[];
  /** The text without any value that came from a variable. */
  readonly withoutValues: (text: string, path: Path) => string;
}

/** Never throws: whatever is wrong is a problem with its line. */
export function readDocument(text: string, env: NodeJS.ProcessEnv): ConfigDocument {
  const reader = new Reader(env);
  const value = reader.read(text);
  return {
    value,
    problems: reader.problems,
    lineOf: (path) => reader.lineOf(path),
    unfilled: reader.unfilled,
    withoutValues: (message, path) => reader.withoutValues(message, path),
  };
}

class Reader {
  readonly problems: Problem[] = [];
  readonly unfilled: Path[] = [];
  private readonly env: NodeJS.ProcessEnv;
  private readonly lines = new Map<string, number>();
  private readonly filled: { path: Path; name: string; value: string }[] = [];
  private readonly counter = new LineCounter();
  private values = 0;
  private aliases = 0;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  read(text: string): unknown {
    if (Buffer.byteLength(text) > maxFileBytes) {
      return this.refuse(1, 'is larger than 1 MiB', 'Check that this is the right file, or split it.');
    }
    if (text.includes('\0')) {
      return this.refuse(1, 'is not UTF-8 text', 'Save the file as UTF-8.');
    }
    const tokens = [...new Parser(this.counter.addNewLine).parse(text)];
    const deep = tokens.find((token) => depthOf(token) > maxDepth);
    if (deep !== undefined) {
      const message = `is nested deeper than ${maxDepth} levels`;
      return this.refuse(this.lineAt(deep.offset), message, 'Check for brackets that are never closed.');
    }
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, version: '1.2', schema: 'core' });
    const documents = [...composer.compose(tokens, true, text.length)];
    const [first, second] = documents;
    if (second !== undefined) {
      const line = this.lineAt(second.range[0]);
      return this.refuse(line, 'holds more than one document', 'Remove the `---` line and what follows it.');
    }
    if (first === undefined || this.reportSyntax(first) || first.contents === null) {
      if (this.problems.length === 0)
        this.refuse(1, 'is empty', 'Write `connections:` and what belongs below it.');
      return undefined;
    }
    return this.convert(first.contents, [], first, new Set());
  }

  lineOf(path: Path): number | undefined {
    for (let length = path.length; length >= 0; length -= 1) {
      const line = this.lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  }

  withoutValues(text: string, path: Path): string {
    let result = text;
    for (const { path: at, name, value } of this.filled) {
      // a short value elsewhere in a message is a word of that message
      const here = isWithin(path, at);
      if (here || value.length >= 4) result = result.replaceAll(value, `\${${name}}`);
    }
    return result;
  }

  private lineAt(offset: number): number {
    return this.counter.linePos(offset).line;
  }

  private refuse(line: number, message: string, fix: string): undefined {
    this.problems.push({ severity: 'error', where: 'the file', path: [], line, message, fix });
    return undefined;
  }

  private problem(path: Path, line: number, message: string, fix: string): void {
    this.problems.push({ ...problemAt(path, message, fix), line });
  }

  /** True where the document can't be used. The parser's messages name characters, never values. */
  private reportSyntax(document: Document.Parsed): boolean {
    const reported = new Set<number>();
    for (const found of [...document.errors, ...document.warnings]) {
      const line = this.lineAt(found.pos[0]);
      // one slip makes several errors on its line; the first names it best
      if (reported.has(line)) continue;
      reported.add(line);
      if (found.code === 'TAG_RESOLVE_FAILED') {
        this.refuse(line, 'has a YAML tag', tagFix);
      } else if (found.code === 'TAB_AS_INDENT') {
        this.refuse(line, 'is indented by a tab', 'Indent with spaces.');
      } else {
        const reason = found.code.toLowerCase().replaceAll('_', ' ');
        this.refuse(line, `is not YAML: ${reason}`, syntaxFixes[found.code] ?? syntaxFix);
      }
    }
    return this.problems.length > 0;
  }

  private convert(node: Node | null, path: Path, document: Document, above: ReadonlySet<Node>): unknown {
    this.values += 1;
    if (this.values > maxValues) {
      if (this.values === maxValues + 1) {
        this.refuse(this.lineOf(path) ?? 1, `holds more than ${maxValues} values`, 'Write aliases out.');
      }
      return undefined;
    }
    if (node === null) return null;
    if (isAlias(node)) return this.convertAlias(node, path, document, above);
    this.mark(path, node);
    if (node.tag !== undefined) {
      this.problem(path, this.startOf(node), 'has a YAML tag', tagFix);
      this.unfilled.push(path);
      return undefined;
    }
    if (isScalar(node)) {
      return typeof node.value === 'string' ? this.fill(node.value, path, this.startOf(node)) : node.value;
    }
    const within = new Set(above).add(node);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.convert(item as Node, [...path, index], document, within));
    }
    return isMap(node) ? this.convertMap(node, path, document, within) : undefined;
  }

  private convertMap(
    node: { readonly items: readonly { key: unknown; value: unknown }[] },
    path: Path,
    document: Document,
    within: ReadonlySet<Node>,
  ): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const seen = new Map<string, number>();
    for (const pair of node.items) {
      const keyNode = pair.key as Node;
      const line = this.startOf(keyNode);
      if (!isScalar(keyNode)) {
        this.problem(path, line, 'has a key that is not plain text', 'Write a plain word before the colon.');
        continue;
      }
      // as written: an id such as 2024 or true is text here
      const key = keyNode.source ?? String(keyNode.value);
      const at = [...path, key];
      const before = seen.get(key);
      if (before !== undefined) {
        this.problem(
          at,
          line,
          `is written twice, on lines ${before} and ${line}`,
          'Remove or rename one of them.',
        );
        continue;
      }
      seen.set(key, line);
      this.lines.set(JSON.stringify(at), line);
      const value = this.convert(pair.value as Node | null, at, document, within);
      // not by assignment, which would take `__proto__` for something else
      Object.defineProperty(result, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return result;
  }

  private convertAlias(node: Alias, path: Path, document: Document, above: ReadonlySet<Node>): unknown {
    this.aliases += 1;
    const refuse = (message: string, fix: string) => {
      this.problem(path, this.startOf(node), message, fix);
      this.unfilled.push(path);
      return undefined;
    };
    const inFull = 'Write the values out.';
    if (this.aliases > maxAliases) return refuse(`is one of more than ${maxAliases} aliases`, inFull);
    const target = node.resolve(document);
    if (target === undefined) {
      return refuse('is an alias of an anchor that is not there', 'Put text that begins with * in quotes.');
    }
    if (above.has(target)) return refuse('is an alias of something that it is part of', inFull);
    return this.convert(target, path, document, above);
  }

  private fill(text: string, path: Path, line: number): string {
    const result = interpolate(text, this.env);
    for (const { name, value } of result.used) this.filled.push({ path, name, value });
    for (const name of result.missing) {
      this.problem(
        path,
        line,
        `needs the variable ${name}, which is ${this.env[name] === '' ? 'empty' : 'not set'}`,
        `Set ${name} in the environment.`,
      );
    }
    if (result.malformed) {
      const fix = 'Write ${NAME} for a variable, or $${ for the characters themselves.';
      this.problem(path, line, 'holds a ${…} that names no variable', fix);
    }
    if (result.missing.length > 0 || result.malformed) this.unfilled.push(path);
    return result.text;
  }

  private startOf(node: Node): number {
    return this.lineAt(node.range?.[0] ?? 0);
  }

  /** The key's line stays where there is one; items of lists have none. */
  private mark(path: Path, node: Node): void {
    const key = JSON.stringify(path);
    if (!this.lines.has(key)) this.lines.set(key, this.startOf(node));
  }
}

const tagFix = 'Remove the word that begins with `!`; put the value in quotes if it is text.';

const syntaxFix = 'Look at this line and the one above: indentation, quotes and brackets.';

const syntaxFixes: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'Put a value that holds a colon in quotes.',
  BAD_SCALAR_START: 'Put the value in quotes.',
  MISSING_CHAR: 'Close the quote or bracket.',
  UNEXPECTED_TOKEN: 'Put a value that holds brackets, such as "${NAME}", in quotes.',
};

/** How deep the collections of a token are nested; a loop, because the depth is what is in doubt. */
function depthOf(token: CST.Token): number {
  let deepest = 0;
  const open: { token: CST.Token; depth: number }[] = [{ token, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    deepest = Math.max(deepest, next.depth);
    if ('items' in next.token) {
      for (const item of next.token.items) {
        if (item.key) open.push({ token: item.key, depth: next.depth + 1 });
        if (item.value) open.push({ token: item.value, depth: next.depth + 1 });
      }
    } else if (next.token.type === 'document' && next.token.value) {
      open.push({ token: next.token.value, depth: next.depth });
    }
  }
  return deepest;
}

/** True where `path` is `above` or lies below it. */
export function isWithin(path: Path, above: Path): boolean {
  return above.every((step, index) => path[index] === step);
}
