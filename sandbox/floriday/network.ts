/** Who sees what at the simulated Floriday: an organization, its partners, and the records that wait for a connection. */

import { mix } from '../random.ts';
import { createLayout } from './feed.ts';
import type { Fields, Layout } from './feed.ts';
import type { Api } from './models.ts';
import { keyEntity, makeRecord, marked } from './records.ts';
import { RESOURCES } from './resources.ts';
import type { Resource } from './resources.ts';
import { WAITING_PARTNERS } from './sizes.ts';
import type { Counts } from './sizes.ts';
import { partnerIds, uuidOf } from './world.ts';
import type { World } from './world.ts';

/** What post filters let through. */
export interface Shown {
  /** whether records outside the selected assortment are shown too */
  readonly unselected: boolean;
  /** whether records of all partners are shown */
  readonly allPartners: boolean;
}

export interface Network {
  readonly world: World;
  readonly organizationId: string;
  layout(resource: Resource): Layout;
  /** The record at a position, without its number. */
  generate(resource: Resource, slot: number): Fields;
  isVisible(resource: Resource, slot: number, shown: Shown): boolean;
  /** The partner whose connection a hidden record waits for, or waited; undefined for all other records. */
  ownerOf(resource: Resource, slot: number): string | undefined;
  /** Ids of the partners that wait, in the order in which they are to be connected. */
  waiting(): string[];
  /** False for a partner that isn't waiting. */
  connect(partner: string): boolean;
}

export function createNetwork(options: {
  readonly api: Api;
  readonly seed: number;
  readonly counts: Counts;
}): Network {
  const { api, seed, counts } = options;
  const layouts = new Map<string, Layout>();
  /** the resource that an entity's ids are those of */
  const homes = new Map<string, string>();
  for (const resource of RESOURCES[api].values()) {
    // connections are the organization's own, and each shows
    const hidden = resource.name !== 'connections';
    const deleted = hidden && resource.mark !== undefined;
    layouts.set(resource.name, createLayout(counts[resource.name] ?? 0, { hidden, deleted }));
    const entity = keyEntity(resource);
    const known = homes.get(entity);
    if (known === undefined || resource.name.length < known.length) homes.set(entity, resource.name);
  }
  homes.set('organization', 'organizations');
  const layout = (resource: Resource): Layout => layouts.get(resource.name) as Layout;
  const organizationId = uuidOf(seed, 'organization', 0);
  const world: World = {
    api,
    seed,
    own: organizationId,
    layout: (entity) => layouts.get(homes.get(entity) ?? ''),
  };
  const connected = counts['connections'] ?? 0;
  const partners = partnerIds(seed, layouts.get('organizations') as Layout, connected + WAITING_PARTNERS);
  const waiting = new Set(partners.slice(connected));

  const isHidden = (resource: Resource, slot: number): boolean =>
    slot < layout(resource).total && layout(resource).kind(slot) === 'hidden';
  const ownerOf = (resource: Resource, slot: number): string | undefined => {
    if (!resource.isOfPartners || !isHidden(resource, slot)) return undefined;
    const { start, end } = layout(resource).block;
    const isInBlock = slot >= start && slot < end;
    // one in so many belongs to nobody: those are the records outside the selected assortment
    return partners[connected + (isInBlock ? 0 : mix(seed, slot, 5) % (WAITING_PARTNERS + 1))];
  };
  return {
    world,
    organizationId,
    layout,
    ownerOf,
    generate(resource, slot) {
      const keyId =
        resource.name === 'connections'
          ? (partners[slot] ?? uuidOf(seed, 'organization', 1_000_000 + slot))
          : uuidOf(seed, keyEntity(resource), slot);
      const usual = partners[mix(seed, slot, 6) % Math.max(1, connected)] ?? organizationId;
      const partner = ownerOf(resource, slot) ?? usual;
      const made = makeRecord(world, resource, slot, { keyId, partner });
      const isDeleted = slot < layout(resource).total && layout(resource).kind(slot) === 'deleted';
      return isDeleted ? marked(world, resource, made, true) : made;
    },
    isVisible(resource, slot, { unselected, allPartners }) {
      if (!isHidden(resource, slot)) return true;
      const owner = ownerOf(resource, slot);
      if (owner === undefined) return resource.isOfPartners && unselected;
      return allPartners || !waiting.has(owner);
    },
    waiting: () => [...waiting],
    connect: (partner) => waiting.delete(partner),
  };
}
