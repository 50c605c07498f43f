/** How commands speak: results to standard output, everything else to standard error, colours on a terminal only. */
import { once } from 'node:events';
import pc from 'picocolors';

export const out: NodeJS.WriteStream = process.stdout;
export const err: NodeJS.WriteStream = process.stderr;

/** True where a person reads: progress and colours are welcome. */
export function isTerminal(stream: NodeJS.WriteStream = err): boolean {
  // undefined on a file or a pipe, whatever its type says
  return Boolean(stream.isTTY);
}

/** Each stream for itself: one may be a terminal while the other goes into a file. */
const colourful = (stream: NodeJS.WriteStream): boolean =>
  isTerminal(stream) && (process.env.NO_COLOR ?? '') === '';
const colours = pc.createColors(colourful(out));
const errColours = pc.createColors(colourful(err));

/** Colour never stands alone: each status is also a word. */
export function paintStatus(status: string): string {
  switch (status) {
    case 'succeeded':
    case 'active':
    case 'ok':
    case 'cached':
    case 'processed':
    case 'sent':
      return colours.green(status);
    case 'received':
    case 'queued':
    case 'running':
    case 'waiting':
    case 'none':
    case 'unknown':
    case 'ignored':
      return colours.cyan(status);
    case 'partial':
    case 'held':
    case 'paused':
    case 'cooling':
    case 'narrowed':
      return colours.yellow(status);
    default:
      return colours.red(status);
  }
}

/** For standard output, unless `stream` says otherwise. */
export const bold = (text: string, stream = out): string => on(stream).bold(text);
export const dim = (text: string, stream = out): string => on(stream).dim(text);
export const red = (text: string, stream = out): string => on(stream).red(text);

function on(stream: NodeJS.WriteStream): typeof colours {
  return stream === err ? errColours : colours;
}

export function say(line = ''): void {
  out.write(`${line}\n`);
}

/** A remark for a person; never part of a result. */
export function note(line: string): void {
  err.write(`${line}\n`);
}

/** The one JSON document of a command that was asked for JSON. */
export function sayJson(value: unknown): void {
  out.write(`${JSON.stringify(value)}\n`);
}

const readerGone = new AbortController();

/** Call once: a reader that has seen enough (`| head`) closes the pipe, and that is no failure of ours. */
export function tolerateClosedPipes(): void {
  for (const stream of [out, err]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (stream === out) readerGone.abort();
    });
  }
}

/**
 * Writes and waits where the reader is slower, so that a stream of any length stays in constant memory. Returns
 * false where the reader has gone: the command ends in order then, and leaves nothing running.
 */
export async function write(text: string): Promise<boolean> {
  const { signal } = readerGone;
  if (!signal.aborted && !out.write(text)) await once(out, 'drain', { signal }).catch(() => {});
  return !signal.aborted;
}

/** Columns as wide as their content; numbers to the right. Colour codes don't count. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header.map((title) => bold(title)), ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => visible(row[column] ?? ''))));
  const numeric = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) => {
          const pad = ' '.repeat((widths[column] ?? 0) - visible(cell));
          return numeric[column] === true ? pad + cell : cell + pad;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function visible(text: string): number {
  // eslint-disable-next-line no-control-regex -- that is what a colour code is made of
  return text.replace(/\u001b\[\d+m/g, '').length;
}

/** `3 s ago`, `2 h ago`; `-` for never. */
export function ago(at: string | null, now: number): string {
  if (at === null) return '-';
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} d ago`;
}
