/** The truth of one organization at the simulated Floriday: its feeds, its partners, and the edits that tests make. */

import type { EditCounts, EditResult, Source } from '../contract.ts';
import { createDraw, mix } from '../random.ts';
import type { Row } from '../table.ts';
import { Feed } from './feed.ts';
import type { Fields } from './feed.ts';
import type { Api } from './models.ts';
import { createNetwork } from './network.ts';
import type { Shown } from './network.ts';
import { keyEntity, marked } from './records.ts';
import { RESOURCES } from './resources.ts';
import type { Resource } from './resources.ts';
import { sizes } from './sizes.ts';
import type { Counts } from './sizes.ts';
import { editedAt, hashText, indexOfUuid } from './world.ts';

export interface Page {
  readonly maximumSequenceNumber: number;
  readonly results: Fields[];
}

export interface NewPartner {
  readonly organizationId: string;
  /** records that have become visible, by resource; their numbers are the old ones */
  readonly shown: Readonly<Record<string, number>>;
}

export interface FloridayData {
  readonly source: Source;
  /** id of the organization */
  readonly organizationId: string;
  /**
   * The `limit` records after a number, less those that the organization doesn't get to see.
   */
  page(resource: Resource, after: number, limit: number, options: PageOptions): Page;
  maximum(resource: Resource): number;
  /** Connects the next partner that has records already. */
  connectPartner(): NewPartner;
  /** Numbers the custom synchronisation anew. */
  restartCustomSync(): void;
}

export interface PageOptions extends Shown {
  /** whether a record passes the filters of the request */
  readonly matches: (fields: Fields) => boolean;
}

/** What a client gets that switches no post filter on or off. */
const byDefault = (resource: Resource): Shown => ({
  unselected: false,
  allPartners: resource.parameters.some(({ name }) => name === 'postFilterConnections'),
});

const CUSTOM = 'supply-lines/custom';
const CREATED = ['creationDateTime', 'createdDateTime', 'added'];
const MODIFIED = ['lastModifiedDateTime', 'lastModified'];
/** Fields that an edit changes, the first that a record has; of the others it changes time and number only. */
const REVISED = [
  'tradeItemName',
  'description',
  'title',
  'numberOfPieces',
  'commercialName',
  'name',
  'remark',
];

function revise(row: Fields, edits: number): Fields {
  const field = REVISED.find((one) => one in row);
  const text = `Herzien ${edits}`;
  const values: Fields = { tradeItemName: { nl: text }, numberOfPieces: 1 + (edits % 9999) };
  return field === undefined ? {} : { [field]: values[field] ?? text };
}

export function createFloridayData(options: {
  readonly api: Api;
  readonly seed: number;
  readonly records: number | Counts;
  /** told of each edit, with the id of the record */
  readonly onEdit?: (resource: string, id: string, change: 'created' | 'updated' | 'deleted') => void;
}): FloridayData {
  const { api, seed } = options;
  const resources = RESOURCES[api];
  const network = createNetwork({ api, seed, counts: sizes(api, options.records) });
  const { world, organizationId } = network;
  const feeds = new Map<string, Feed>();
  for (const resource of resources.values()) {
    const own = mix(seed, hashText(resource.name));
    const base = resource.name === CUSTOM ? 0 : 400_000_000 + (own % 100_000_000);
    feeds.set(
      resource.name,
      new Feed({
        seed: own,
        layout: network.layout(resource),
        base,
        generate: (slot) => network.generate(resource, slot),
      }),
    );
  }

  let edits = 0;
  const live = new Map<string, number>();
  const named = (name: string): { readonly resource: Resource; readonly feed: Feed } => {
    const resource = resources.get(name);
    if (resource === undefined) throw new Error(`the sandbox has no resource '${name}'`);
    return { resource, feed: feeds.get(name) as Feed };
  };
  const idOf = (resource: Resource, fields: Fields): string =>
    resource.key.map((field) => String(fields[field])).join(':');
  /** A record with its id, which is for the contract only: not enumerable, so that it is in no comparison and no JSON. */
  const rowOf = (resource: Resource, fields: Fields): Row =>
    Object.defineProperty(fields, 'id', { value: idOf(resource, fields), enumerable: false }) as Row;
  const isLive = (resource: Resource, feed: Feed, slot: number): boolean =>
    slot < feed.end && !feed.isDeleted(slot) && network.isVisible(resource, slot, byDefault(resource));
  function* liveSlots(resource: Resource, feed: Feed): Generator<number> {
    for (let slot = 0; slot < feed.end; slot++) if (isLive(resource, feed, slot)) yield slot;
  }
  const slotOf = (resource: Resource, feed: Feed, id: string): number | undefined => {
    const keyId = id.split(':')[0] ?? '';
    const slot =
      resource.name === 'connections'
        ? Array.from({ length: feed.end }, (_, at) => at).find((at) => idOf(resource, feed.at(at)) === id)
        : indexOfUuid(seed, keyEntity(resource), keyId);
    if (slot === undefined || slot >= feed.end) return undefined;
    return idOf(resource, feed.at(slot)) === id ? slot : undefined;
  };
  const liveSlotOf = (name: string, id: string): number => {
    const { resource, feed } = named(name);
    const slot = slotOf(resource, feed, id);
    if (slot === undefined || !isLive(resource, feed, slot))
      throw new Error(`no ${name} record has the id '${id}'`);
    return slot;
  };
  const stamped = (fields: Fields, isNew: boolean): Fields => {
    const time = editedAt(edits++);
    const names = [...MODIFIED, ...(isNew ? CREATED : [])].filter((name) => name in fields);
    return { ...fields, ...Object.fromEntries(names.map((name) => [name, time])) };
  };
  const counted = (name: string, change = 0): number => {
    const { resource, feed } = named(name);
    const before = live.get(name) ?? Array.from(liveSlots(resource, feed)).length - change;
    live.set(name, before + change);
    return before + change;
  };

  const source: Source = {
    resources: [...resources.keys()],
    count: (name) => counted(name),
    list(name) {
      const { resource, feed } = named(name);
      const rows = Array.from(liveSlots(resource, feed), (slot) => rowOf(resource, feed.at(slot)));
      return rows.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },
    get(name, id) {
      const { resource, feed } = named(name);
      const slot = slotOf(resource, feed, id);
      return slot !== undefined && isLive(resource, feed, slot) ? rowOf(resource, feed.at(slot)) : undefined;
    },
    insert(name, fields = {}) {
      const { resource, feed } = named(name);
      const { id: given, ...rest } = fields;
      const id = given === undefined ? undefined : (given as string);
      let slot = feed.end;
      if (id !== undefined) {
        slot = slotOf(resource, feed, id) ?? -1;
        if (slot < 0 || !feed.isDeleted(slot)) throw new Error(`'${id}' is no removed record of ${name}`);
      }
      const made =
        id === undefined ? network.generate(resource, slot) : marked(world, resource, feed.at(slot), false);
      const row = { ...stamped(made, true), ...rest };
      if (id === undefined) feed.append(row);
      else feed.put(slot, row, false);
      counted(name, 1);
      if (name === 'connections') show(String(row[resource.key[0] ?? '']));
      const added = rowOf(resource, feed.at(slot));
      options.onEdit?.(name, added.id, 'created');
      return added;
    },
    update(name, id, fields) {
      const slot = liveSlotOf(name, id);
      const { resource, feed } = named(name);
      feed.put(slot, { ...stamped(feed.at(slot), false), ...fields }, false);
      options.onEdit?.(name, id, 'updated');
      return rowOf(resource, feed.at(slot));
    },
    remove(name, id) {
      const { resource, feed } = named(name);
      if (resource.mark === undefined)
        throw new Error(`Floriday deletes no ${name}: their model has no mark for it`);
      const slot = liveSlotOf(name, id);
      feed.put(slot, marked(world, resource, stamped(feed.at(slot), false), true), true);
      counted(name, -1);
      options.onEdit?.(name, id, 'deleted');
    },
    edit,
    resize(name, count) {
      const { resource, feed } = named(name);
      if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
      while (counted(name) < count) source.insert(name);
      const surplus = counted(name) - count;
      const last = Array.from(liveSlots(resource, feed)).slice(-surplus);
      for (const slot of surplus === 0 ? [] : last) source.remove(name, idOf(resource, feed.at(slot)));
    },
  };

  function edit(wanted: EditCounts): EditResult {
    const { creates = 0, updates = 0, deletes = 0, resource: name = 'trade-items' } = wanted;
    const { resource, feed } = named(name);
    if (updates + deletes > counted(name)) {
      throw new Error(
        `${name} holds ${counted(name)} records, too few for ${updates + deletes} updates and deletes`,
      );
    }
    const draw = createDraw(seed, 31, edits);
    const touched = new Set<number>();
    const end = feed.end;
    const choose = (): string => {
      let slot = draw.int(end);
      while (touched.has(slot) || !isLive(resource, feed, slot)) slot = (slot + 1) % end;
      touched.add(slot);
      return idOf(resource, feed.at(slot));
    };
    const updated = Array.from({ length: updates }, choose);
    const deleted = Array.from({ length: deletes }, choose);
    for (const id of updated) {
      const row = feed.at(slotOf(resource, feed, id) ?? 0);
      source.update(name, id, revise(row, edits));
    }
    for (const id of deleted) source.remove(name, id);
    const created = Array.from({ length: creates }, () => source.insert(name).id);
    return { resource: name, created, updated, deleted };
  }

  /** Shows the records of a partner that was waiting; they keep their numbers. */
  function show(partner: string): void {
    if (!network.connect(partner)) return;
    live.clear();
    // the custom synchronisation tells new connections as changes
    const resource = resources.get(CUSTOM);
    if (resource === undefined) return;
    const { feed } = named(CUSTOM);
    for (let slot = 0; slot < feed.layout.total; slot++) {
      if (network.ownerOf(resource, slot) === partner) feed.touch(slot);
    }
  }

  return {
    source,
    organizationId,
    page(resource, after, limit, pageOptions) {
      const feed = feeds.get(resource.name) as Feed;
      const slots = feed.after(after, limit);
      const last = slots.at(-1);
      return {
        maximumSequenceNumber: last === undefined ? after : feed.numberOf(last),
        results: slots
          .filter((slot) => network.isVisible(resource, slot, pageOptions))
          .map((slot) => feed.at(slot))
          .filter(pageOptions.matches),
      };
    },
    maximum: (resource) => (feeds.get(resource.name) as Feed).maximum,
    connectPartner() {
      const next = network.waiting()[0];
      if (next === undefined) throw new Error('every partner that has records is connected');
      const key = resources.get('connections')?.key[0] ?? '';
      const before = Object.fromEntries([...resources.keys()].map((name) => [name, counted(name)]));
      source.insert('connections', { [key]: next });
      const now = Object.entries(before).map(([name, count]) => [name, counted(name) - count] as const);
      return {
        organizationId: next,
        shown: Object.fromEntries(now.filter(([name, count]) => count > 0 && name !== 'connections')),
      };
    },
    restartCustomSync: () => feeds.get(CUSTOM)?.restart(),
  };
}
