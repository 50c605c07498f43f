/** Deterministic pseudo-random numbers: the same seed gives the same data on every machine. */

/** Mixes integers into one unsigned 32-bit integer (the finaliser of MurmurHash3). */
export function mix(...parts: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) {
    hash = Math.imul(hash ^ (part | 0), 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}

/** A sequence of draws. */
export interface Draw {
  /** the next number in [0, 1) */
  next(): number;
  /** the next integer in [0, limit); 0 when the limit is 0 */
  int(limit: number): number;
  /** the next element of a list that isn't empty */
  pick<T>(list: readonly T[]): T;
  /** true with the probability given, 0 to 1 */
  chance(probability: number): boolean;
}

/** Draws that depend on the parts alone (mulberry32), so that record number n can be made without the n before it. */
export function createDraw(...parts: readonly number[]): Draw {
  let state = mix(...parts);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    int,
    pick: (list) => list[int(list.length)] as (typeof list)[number],
    chance: (probability) => next() < probability,
  };
}

/** A text of random decimal digits. */
export function digits(draw: Draw, count: number): string {
  let text = '';
  for (let at = 0; at < count; at++) text += String(draw.int(10));
  return text;
}
