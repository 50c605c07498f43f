/** What the records of one simulated organization share: its seed, its sizes, its own id, its partners, and the clock. */

import { mix } from '../random.ts';
import type { Layout } from './feed.ts';
import type { Api } from './models.ts';

/** The first record was made at this moment, and each later position some minutes after the one before. */
const FIRST_RECORD = Date.UTC(2026, 0, 5, 6);
/** The first edit happens at this moment of Floriday's own clock, and each later one a second after the one before. */
const FIRST_EDIT = Date.UTC(2026, 8, 1, 6);
const MINUTE = 60_000;

export interface World {
  readonly api: Api;
  readonly seed: number;
  /** id of the organization that the API key belongs to */
  readonly own: string;
  /** positions of an entity's records (`tradeItem`, `batch`); undefined for what has no resource of its own */
  layout(entity: string): Layout | undefined;
}

const hashes = new Map<string, number>();

/** A number for a name; names are few, and each is hashed once. */
export function hashText(text: string): number {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) + at;
  hash = mix(hash);
  hashes.set(text, hash);
  return hash;
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
/** Odd, so that the product has a way back modulo 2^32. */
const FACTOR = 0x9e3779b1;
const INVERSE = 0x0e8b2f51;

/** The id of an entity at a position: a version 4 UUID to look at, which holds the position in its last eight digits. */
export function uuidOf(seed: number, entity: string, index: number): string {
  const kind = hashText(entity);
  const first = hex(mix(seed, kind, index));
  const second = hex(mix(seed, kind, index, 1));
  const third = hex(mix(seed, kind, index, 2));
  const last = hex(Math.imul(index ^ mix(seed, kind), FACTOR) >>> 0);
  return `${first}-${second.slice(0, 4)}-4${second.slice(5)}-a${third.slice(1, 4)}-${third.slice(4)}${last}`;
}

/** The position in an id of this entity; undefined for any other text. */
export function indexOfUuid(seed: number, entity: string, uuid: string): number | undefined {
  const last = /[\da-f]{8}$/.exec(uuid)?.[0];
  if (last === undefined) return undefined;
  const index = (Math.imul(Number.parseInt(last, 16), INVERSE) ^ mix(seed, hashText(entity))) >>> 0;
  return uuidOf(seed, entity, index) === uuid ? index : undefined;
}

/** The entity that a field's id stands for: `despatchWarehouseId` is a warehouse, every organization an organization. */
export function entityOf(field: string): string {
  const name = field.replace(/Ids?$/, '');
  if (/organization$/i.test(name)) return 'organization';
  if (/warehouse$/i.test(name)) return 'warehouse';
  if (name === 'parent') return 'tradeItem';
  return name;
}

/** The nearest position at or before `index` that holds a live record, or `index` itself. */
export function liveSlot(layout: Layout, index: number): number {
  const { start, end } = layout.block;
  for (let slot = index >= start && index < end ? start - 1 : index; slot >= 0; slot--) {
    if (layout.kind(slot) === 'live') return slot;
  }
  return index;
}

/** Ids of the first partners. They are organizations like others; the first organization of all is the account's own. */
export function partnerIds(seed: number, organizations: Layout, count: number): string[] {
  const ids: string[] = [];
  for (let slot = 1; ids.length < count; slot++) {
    if (slot >= organizations.total || organizations.kind(slot) === 'live') {
      ids.push(uuidOf(seed, 'organization', slot));
    }
  }
  return ids;
}

export const createdAt = (slot: number): number => FIRST_RECORD + slot * 7 * MINUTE;
export const editedAt = (edits: number): string => new Date(FIRST_EDIT + edits * 1000).toISOString();
