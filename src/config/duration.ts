/** Durations as users write them: `200ms`, `2s`, `15m`, `1h`, `7d`. */
import type { Checked } from './problem.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Ten years: longer is a slip of the pen, and timers overflow long before it. */
const longest = 3650 * units.d;

export const durationHelp = 'a whole number with a unit, such as 200ms, 2s, 15m, 1h or 7d';

/** Milliseconds, or undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Number(match[1]) * units[match[2] as keyof typeof units];
  return milliseconds <= longest ? milliseconds : undefined;
}

/** A duration between two others, in milliseconds; `least` and `most` as text, for the message. */
export function checkDuration(value: unknown, least: string, most: string): Checked<number> {
  const fix = `Write ${durationHelp}; between ${least} and ${most}.`;
  const milliseconds = typeof value === 'string' ? parseDuration(value) : undefined;
  if (milliseconds === undefined) {
    return { message: typeof value === 'number' ? 'has no unit' : 'is not a duration', fix };
  }
  if (milliseconds < (parseDuration(least) ?? 0)) return { message: `is shorter than ${least}`, fix };
  if (milliseconds > (parseDuration(most) ?? longest)) return { message: `is longer than ${most}`, fix };
  return { value: milliseconds };
}

/** The same the other way: in the largest unit that holds it whole. */
export function writeDuration(milliseconds: number): string {
  const fitting = (Object.entries(units) as [string, number][]).filter(
    ([, length]) => milliseconds >= length && milliseconds % length === 0,
  );
  const [name, length] = fitting.at(-1) ?? ['ms', 1];
  return `${milliseconds / length}${name}`;
}
