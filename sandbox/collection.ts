/**
 * One list of a simulated provider's records, such as the customers of one organization. A record is made from its
 * position when it is asked for, and only edits are kept. The list also knows the order of its edits, for providers that
 * sort by the last update.
 */

import type { Ids } from './ids.ts';

export type Fields = Record<string, unknown>;

export interface CollectionOptions {
  /** records at the start */
  readonly count: number;
  readonly ids: Ids;
  /** Makes the record at a position from nothing but the position. */
  readonly generate: (index: number) => Fields;
  /** id of the record that this list belongs to; empty where there is none */
  readonly owner?: string;
}

/** A place in the order of updates: after the record of this edit, or of this position where it was never edited. */
export interface UpdateMark {
  readonly edit: number;
  readonly index: number;
}

export class Collection {
  readonly owner: string;
  /** records at the start */
  readonly initial: number;
  readonly #ids: Ids;
  readonly #generate: CollectionOptions['generate'];
  readonly #changed = new Map<number, Fields>();
  readonly #removed = new Set<number>();
  /** number of the last edit by position, the latest one last */
  readonly #edits = new Map<number, number>();
  /** positions ever used: an id is never given twice */
  #end: number;

  constructor(options: CollectionOptions) {
    this.owner = options.owner ?? '';
    this.initial = options.count;
    this.#ids = options.ids;
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
    return this.#ids.at(index);
  }

  /** The position of an id, also of a removed one; undefined for an id that was never given. */
  indexOf(id: string): number | undefined {
    const index = this.#ids.indexOf(id);
    return index !== undefined && index >= 0 && index < this.#end ? index : undefined;
  }

  has(index: number): boolean {
    return index >= 0 && index < this.#end && !this.#removed.has(index);
  }

  /** The record at a position, or undefined when it is removed or beyond the end. The caller may keep and change it. */
  at(index: number): Fields | undefined {
    if (!this.has(index)) return undefined;
    const changed = this.#changed.get(index);
    return changed === undefined ? this.#generate(index) : structuredClone(changed);
  }

  get(id: string): Fields | undefined {
    const index = this.indexOf(id);
    return index === undefined ? undefined : this.at(index);
  }

  /** What the position held at the start, or would have held. */
  original(index: number): Fields {
    return this.#generate(index);
  }

  /** Existing positions, ascending from `start`. */
  *forward(start = 0): Generator<number> {
    for (let index = Math.max(0, start); index < this.#end; index++) if (this.has(index)) yield index;
  }

  /** Existing positions, descending from `start`. */
  *backward(start = this.#end - 1): Generator<number> {
    for (let index = Math.min(start, this.#end - 1); index >= 0; index--) if (this.has(index)) yield index;
  }

  /** Existing positions, the one edited last first, those never edited last and from the end. */
  *latestFirst(after?: UpdateMark): Generator<UpdateMark> {
    const isBefore = (edit: number): boolean => after === undefined || edit < after.edit;
    for (const [index, edit] of Array.from(this.#edits).toReversed()) {
      if (isBefore(edit) && this.has(index)) yield { edit, index };
    }
    for (const index of this.backward(after?.edit === 0 ? after.index - 1 : undefined)) {
      if (!this.#edits.has(index)) yield { edit: 0, index };
    }
  }

  /** Takes a further position at the end. */
  append(fields: Fields, edit: number): number {
    const index = this.#end++;
    this.put(index, fields, edit);
    return index;
  }

  /** Replaces an existing record, or brings a removed one back, as edit number `edit`, which only ever grows. */
  put(index: number, fields: Fields, edit: number): void {
    this.#removed.delete(index);
    this.#changed.set(index, structuredClone(fields));
    this.#edits.delete(index);
    this.#edits.set(index, edit);
  }

  remove(index: number): void {
    this.#changed.delete(index);
    this.#edits.delete(index);
    this.#removed.add(index);
  }
}
