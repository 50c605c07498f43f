/**
 * Versions of a record: update times or counters, as the provider writes them. Two of one stream are compared only
 * where they are of the same kind; others say nothing about each other, and neither do texts that are no time.
 */

/**
 * Negative where `a` is strictly older than `b`, positive where it is newer, 0 where both are equal. Undefined where
 * that can't be told.
 */
export function compareVersions(a: string | null, b: string | null): number | undefined {
  if (a === null || b === null) return undefined;
  if (a === b) return 0;
  const [left, right] = [parse(a), parse(b)];
  if (left?.kind !== right?.kind || left === undefined || right === undefined) return undefined;
  return order(left.whole, right.whole) || order(left.fraction, right.fraction);
}

interface Parsed {
  readonly kind: 'number' | 'time';
  readonly whole: bigint | number;
  /** what stands behind the point, or behind the milliseconds: as text, since it can be longer than a number is exact */
  readonly fraction: string;
}

const NUMBER = /^(-?\d+)(?:\.(\d+))?$/;
const BEYOND_MILLISECONDS = /\.\d{3}(\d+)/;

function parse(version: string): Parsed | undefined {
  const number = NUMBER.exec(version);
  if (number !== null) {
    const [, whole = '0', fraction = ''] = number;
    // Negative fractions grow the other way; no provider counts so.
    return { kind: 'number', whole: BigInt(whole), fraction: fraction.replace(/0+$/, '') };
  }
  const at = Date.parse(version);
  if (Number.isNaN(at)) return undefined;
  const finer = BEYOND_MILLISECONDS.exec(version)?.[1] ?? '';
  return { kind: 'time', whole: at, fraction: finer.replace(/0+$/, '') };
}

function order<T extends bigint | number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
