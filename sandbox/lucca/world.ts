/** What the generators of the simulated Lucca share: the sizes of the world, references, and dates. */

import { createDraw } from '../random.ts';
import type { Draw } from '../random.ts';
import { definitions } from './resources.ts';
import type { Resource } from './resources.ts';

export interface Reference {
  readonly id: string;
  readonly type: string;
  readonly url: string;
}

export interface World {
  readonly seed: number;
  /** records at the start: references go to these only */
  readonly counts: Readonly<Record<Resource, number>>;
  /** base of every `url`, without a trailing slash */
  readonly base: string;
  idAt(resource: Resource, index: number): string;
}

export function ref(world: World, resource: Resource, index: number): Reference | null {
  if (index < 0 || index >= world.counts[resource]) return null;
  return reference(world, definitions[resource].type, resource, world.idAt(resource, index));
}

export function reference(world: World, type: string, resource: string, id: string): Reference {
  return { id, type, url: `${world.base}/${resource}/${id}` };
}

/** Spreads `few` positions evenly over `many`; `unspread` is the way back, undefined where none lands. */
export const spread = (position: number, few: number, many: number): number =>
  Math.floor((position * many) / few);
export function unspread(target: number, few: number, many: number): number | undefined {
  if (few <= 0 || many <= 0) return undefined;
  const position = Math.ceil((target * few) / many);
  return position < few && spread(position, few, many) === target ? position : undefined;
}

const DAY = 86_400_000;
const EPOCH = Date.UTC(2012, 0, 2);
export const day = (offset: number): string => new Date(EPOCH + offset * DAY).toISOString().slice(0, 10);
const instant = (draw: Draw, offset: number): string =>
  new Date(EPOCH + offset * DAY + draw.int(DAY)).toISOString();

/** `createdAt` and `lastUpdatedAt`, the latter not before the former and never after the first edit. */
export function stamps(
  world: World,
  salt: number,
  index: number,
): { createdAt: string; lastUpdatedAt: string } {
  const draw = createDraw(world.seed, salt, index, 7);
  const created = draw.int(4000);
  const createdAt = instant(draw, created);
  return {
    createdAt,
    lastUpdatedAt: draw.chance(0.5) ? createdAt : instant(draw, created + 1 + draw.int(800)),
  };
}
