/** Parsers of option values; what they refuse is a usage error that names the fix. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../config/index.ts';
import { changeNumber } from '../sync/read-changes.ts';

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** Any number of digits: one beyond the newest change is no wrong usage but a cursor that is ahead. */
export function changeNumberArgument(text: string): number {
  if (/^\d+$/.test(text)) return changeNumber(text);
  throw new InvalidArgumentError('Write the number of a change, or 0.');
}

/** Milliseconds. */
export function durationArgument(text: string): number {
  const value = parseDuration(text);
  if (value === undefined || value === 0)
    throw new InvalidArgumentError('Write a duration such as 30s, 10m or 2h.');
  return value;
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
