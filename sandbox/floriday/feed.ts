/**
 * One resource's records in the order of their sequence numbers. Each create, change and delete gives the record the next
 * number, so that it stands in the feed once, at its newest place. Records of the start are made from their position when
 * they are read; only edits are kept.
 */

import { mix } from '../random.ts';

export type Fields = Record<string, unknown>;

/** What a position of the start holds: `hidden` ones are counted by a page but, for now, not shown to this organization. */
export type SlotKind = 'live' | 'hidden' | 'deleted';

/**
 * Where hidden and deleted records stand among `live` others: of 32 positions one is hidden and one deleted, one run of
 * hidden positions is a tenth of all, and the last position is hidden: what makes short, empty and last empty pages.
 */
export interface Layout {
  readonly total: number;
  readonly block: { readonly start: number; readonly end: number };
  kind(slot: number): SlotKind;
}

export function createLayout(
  live: number,
  has: { readonly hidden: boolean; readonly deleted: boolean },
): Layout {
  const hiddenAt = has.hidden ? 15 : -1;
  const deletedAt = has.deleted ? 31 : -1;
  const isLive = (place: number): boolean => place % 32 !== hiddenAt && place % 32 !== deletedAt;
  const perGroup = 32 - Number(has.hidden) - Number(has.deleted);
  let end = Math.floor(live / perGroup) * 32;
  for (let left = live % perGroup; left > 0; end++) if (isLive(end)) left--;
  const isPlain = !has.hidden || live === 0;
  const length = isPlain ? 0 : Math.ceil(live / 10);
  const start = Math.ceil(end / 2);
  return {
    total: end + length + (isPlain ? 0 : 1),
    block: { start, end: start + length },
    kind(slot) {
      if (slot >= start && slot < start + length) return 'hidden';
      const place = slot < start ? slot : slot - length;
      if (place >= end) return isPlain ? 'live' : 'hidden';
      if (isLive(place)) return 'live';
      return place % 32 === hiddenAt ? 'hidden' : 'deleted';
    },
  };
}

export interface FeedOptions {
  readonly seed: number;
  readonly layout: Layout;
  /** the number before the first one */
  readonly base: number;
  /** Makes the record at a position of the start. */
  readonly generate: (slot: number) => Fields;
}

/** Numbers have gaps: the records of other organizations have numbers too. */
const STRIDE = 3;

export class Feed {
  readonly layout: Layout;
  readonly #seed: number;
  readonly #generate: (slot: number) => Fields;
  readonly #changed = new Map<number, Fields>();
  readonly #isDeleted = new Map<number, boolean>();
  /** newest number of each position that has been edited, and all edits in order (those that are outdated too) */
  readonly #numbers = new Map<number, number>();
  #log: { readonly number: number; readonly slot: number }[] = [];
  #base: number;
  /** one more than the last position ever used */
  #end: number;
  #maximum: number;

  constructor(options: FeedOptions) {
    this.layout = options.layout;
    this.#seed = options.seed;
    this.#generate = options.generate;
    this.#base = options.base;
    this.#end = options.layout.total;
    this.#maximum = this.#end === 0 ? 0 : this.#first(this.#end - 1);
  }

  get end(): number {
    return this.#end;
  }

  /** The highest number of all, of records that are not shown too; 0 when there is none. */
  get maximum(): number {
    return this.#maximum;
  }

  #first(slot: number): number {
    return this.#base + 1 + slot * STRIDE + (mix(this.#seed, slot) % STRIDE);
  }

  numberOf(slot: number): number {
    return this.#numbers.get(slot) ?? this.#first(slot);
  }

  isDeleted(slot: number): boolean {
    return this.#isDeleted.get(slot) ?? (slot < this.layout.total && this.layout.kind(slot) === 'deleted');
  }

  /** The record at a position with its number. The caller may keep and change it. */
  at(slot: number): Fields {
    const changed = this.#changed.get(slot);
    const fields = changed === undefined ? this.#generate(slot) : structuredClone(changed);
    fields['sequenceNumber'] = this.numberOf(slot);
    return fields;
  }

  /** Up to `limit` positions with the lowest numbers above `after`, in the order of their numbers. */
  after(after: number, limit: number): number[] {
    const slots: number[] = [];
    const { total } = this.layout;
    const start = Math.min(total, Math.max(0, Math.floor((after - this.#base) / STRIDE) - 1));
    for (let slot = start; slot < total && slots.length < limit; slot++) {
      if (!this.#numbers.has(slot) && this.#first(slot) > after) slots.push(slot);
    }
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#log[middle]?.number ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    for (let place = low; place < this.#log.length && slots.length < limit; place++) {
      const entry = this.#log[place];
      if (entry !== undefined && this.#numbers.get(entry.slot) === entry.number) slots.push(entry.slot);
    }
    return slots;
  }

  /** Takes the next position for a new record. */
  append(fields: Fields): number {
    const slot = this.#end++;
    this.put(slot, fields, false);
    return slot;
  }

  /** Writes a record and gives it the next number. */
  put(slot: number, fields: Fields, isDeleted: boolean): void {
    this.#changed.set(slot, structuredClone(fields));
    this.#isDeleted.set(slot, isDeleted);
    this.touch(slot);
  }

  /** Gives a record the next number, and nothing else. */
  touch(slot: number): void {
    const number = this.#maximum + 1 + (mix(this.#seed, slot, this.#maximum) % STRIDE);
    this.#maximum = number;
    this.#numbers.set(slot, number);
    this.#log.push({ number, slot });
    if (this.#log.length > 2 * this.#numbers.size + 1000) {
      this.#log = this.#log.filter((entry) => this.#numbers.get(entry.slot) === entry.number);
    }
  }

  /** Numbers all records anew from 1, in the order in which they stand. */
  restart(): void {
    const order = this.#log.filter((entry) => this.#numbers.get(entry.slot) === entry.number);
    this.#base = 0;
    this.#maximum = this.layout.total === 0 ? 0 : this.#first(this.layout.total - 1);
    this.#log = [];
    for (const { slot } of order) this.touch(slot);
  }
}
