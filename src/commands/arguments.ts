/** Parsers of option values; what they refuse is a usage error that names the fix. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../config/index.ts';

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
    }
    return value;
  };
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
