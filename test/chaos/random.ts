/** Random numbers that a seed repeats: the same blows in the same order, though never at the same microsecond. */

export interface Random {
  /** from 0 up to `below` */
  int(below: number): number;
  between(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
  shuffle<T>(list: readonly T[]): T[];
}

/** mulberry32, public domain (Tommy Ettinger) */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    between: (least, most) => least + next() * (most - least),
    pick(from) {
      if (from.length === 0) throw new Error('nothing to pick from');
      return from[int(from.length)] as (typeof from)[number];
    },
    shuffle(list) {
      const shuffled = list.slice();
      for (let at = shuffled.length - 1; at > 0; at -= 1) {
        const other = int(at + 1);
        [shuffled[at], shuffled[other]] = [
          shuffled[other] as (typeof list)[number],
          shuffled[at] as (typeof list)[number],
        ];
      }
      return shuffled;
    },
  };
}
