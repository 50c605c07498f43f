/**
 * One resource's records at a simulated provider. A record is made from its position when it is asked for, and only
 * edits are kept: 100,000 records cost no memory and no time at the start.
 */

import { mix } from './random.ts';

export interface Row {
  readonly id: string;
  readonly [field: string]: unknown;
}

export interface TableOptions {
  /** records at the start */
  readonly count: number;
  readonly seed: number;
  /** Makes the record at a position from nothing but the position. */
  readonly generate: (index: number, id: string) => Row;
}

/** Ids are ascending integers with gaps, as a database that has deleted some leaves them. */
const FIRST_ID = 101;
const STRIDE = 3;

export class Table {
  readonly #seed: number;
  readonly #generate: TableOptions['generate'];
  readonly #changed = new Map<number, Row>();
  readonly #removed = new Set<number>();
  /** positions ever used: an id is never given twice */
  #end: number;

  constructor(options: TableOptions) {
    this.#seed = options.seed;
    this.#generate = options.generate;
    this.#end = options.count;
  }

  /** Records that exist now. */
  get size(): number {
    return this.#end - this.#removed.size;
  }

  /** One more than the last position ever used. */
  get end(): number {
    return this.#end;
  }

  idAt(index: number): string {
    return String(FIRST_ID + index * STRIDE + (mix(this.#seed, index) % STRIDE));
  }

  /** The position of an id, also of a removed one; undefined for an id that was never given. */
  indexOf(id: string): number | undefined {
    if (!/^[1-9]\d{0,14}$/.test(id)) return undefined;
    const index = Math.floor((Number(id) - FIRST_ID) / STRIDE);
    return index >= 0 && index < this.#end && this.idAt(index) === id ? index : undefined;
  }

  /** The record at a position, or undefined when it is removed or beyond the end. The caller may keep and change it. */
  at(index: number): Row | undefined {
    if (index < 0 || index >= this.#end || this.#removed.has(index)) return undefined;
    const changed = this.#changed.get(index);
    return changed === undefined ? this.#generate(index, this.idAt(index)) : structuredClone(changed);
  }

  get(id: string): Row | undefined {
    const index = this.indexOf(id);
    return index === undefined ? undefined : this.at(index);
  }

  has(index: number): boolean {
    return index >= 0 && index < this.#end && !this.#removed.has(index);
  }

  /** Existing positions, ascending from `start`. */
  *forward(start = 0): Generator<number> {
    for (let index = Math.max(0, start); index < this.#end; index++) if (this.has(index)) yield index;
  }

  /** Existing positions, descending from `start`. */
  *backward(start = this.#end - 1): Generator<number> {
    for (let index = Math.min(start, this.#end - 1); index >= 0; index--) if (this.has(index)) yield index;
  }

  /** The first position whose id is greater than a number, existing or not. */
  positionAfter(id: number): number {
    const index = Math.max(0, Math.floor((id - FIRST_ID) / STRIDE));
    return Number(this.idAt(index)) > id ? index : index + 1;
  }

  /** Adds a record with the next id. `change` gets the record that the generator would make. */
  append(change: (row: Row) => Row): Row {
    const index = this.#end++;
    const row = change(this.#generate(index, this.idAt(index)));
    this.#changed.set(index, structuredClone(row));
    return row;
  }

  /** Replaces an existing record, or brings a removed one back. */
  put(index: number, row: Row): void {
    this.#removed.delete(index);
    this.#changed.set(index, structuredClone(row));
  }

  remove(index: number): void {
    this.#changed.delete(index);
    this.#removed.add(index);
  }
}
