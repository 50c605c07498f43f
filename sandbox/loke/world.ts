/** The simulated LOKE's truth: its organizations, who has installed the add-on, and the lists of each organization. */

import { Collection } from '../collection.ts';
import type { Fields } from '../collection.ts';
import { ulids, uuids } from '../ids.ts';
import { mix } from '../random.ts';
import { createSource, FIRST_EDIT } from '../source.ts';
import type { EditableSource } from '../source.ts';
import { instant, makeCustomer, makeLocation, makeOrganization, makePayment } from './data.ts';
import type { OrganizationData } from './data.ts';

export const RESOURCES = ['customers', 'organizations', 'locations', 'payments'] as const;
export type Resource = (typeof RESOURCES)[number];
/** What one organization has. */
export type Nested = Exclude<Resource, 'organizations'>;

/** Sizes over all organizations that have the add-on. */
export type Counts = Partial<Record<Resource, number>>;

export interface LokeWorld {
  readonly source: EditableSource;
  readonly organizations: Collection;
  /** ids of the organizations that have the add-on */
  readonly installed: Set<string>;
  list(resource: Nested, organizationId: string): Collection;
}

export function isNested(name: string): name is Nested {
  return name !== 'organizations' && (RESOURCES as readonly string[]).includes(name);
}

/** Organizations beyond those with the add-on: they exist, and none of their data is seen before they install it. */
export const UNINSTALLED = 2;
const UNINSTALLED_SIZE = 20;

export function sizes(records: number | Counts): Readonly<Record<Resource, number>> {
  const given: Counts = typeof records === 'number' ? { customers: records } : records;
  const organizations = given.organizations ?? 3;
  const customers = given.customers ?? 400;
  const all = {
    organizations,
    customers,
    locations: organizations * 2,
    payments: customers * 2,
    ...given,
  };
  for (const [name, count] of Object.entries(all)) {
    if (!(RESOURCES as readonly string[]).includes(name))
      throw new Error(`the sandbox has no resource '${name}'`);
    if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
  }
  return all;
}

/** An equal share of `total` for each place, the first ones taking the rest. */
const share = (total: number, places: number, place: number): number =>
  Math.floor(total / places) + (place < total % places ? 1 : 0);

export function createLokeWorld(seed: number, records: number | Counts): LokeWorld {
  const counts = sizes(records);
  const organizationIds = ulids(seed, 1);
  const organizations = new Collection({
    count: counts.organizations + UNINSTALLED,
    ids: organizationIds,
    generate: (index) => makeOrganization(seed, index, organizationIds.at(index)),
  });
  const installed = new Set<string>();
  for (let place = 0; place < counts.organizations; place++) installed.add(organizationIds.at(place));

  const lists = new Map<string, Readonly<Record<Nested, Collection>>>();
  const open = (organizationId: string): Readonly<Record<Nested, Collection>> => {
    const known = lists.get(organizationId);
    if (known !== undefined) return known;
    const place = organizations.indexOf(organizationId) as number;
    const isFirst = place < counts.organizations;
    const count = (resource: Nested): number => {
      if (place >= organizations.initial) return 0;
      return isFirst ? share(counts[resource], counts.organizations, place) : UNINSTALLED_SIZE;
    };
    const ids = {
      locations: ulids(seed, 2, place),
      customers: ulids(seed, 3, place),
      payments: uuids('hyphens', mix(seed, 4, place)),
    };
    const data: OrganizationData = {
      seed,
      place,
      locations: count('locations'),
      customers: count('customers'),
      locationId: (index) => ids.locations.at(index),
      customerId: (index) => ids.customers.at(index),
    };
    const list = (resource: Nested, generate: (index: number) => Fields): Collection =>
      new Collection({ count: count(resource), ids: ids[resource], generate, owner: organizationId });
    const made = {
      locations: list('locations', (index) => makeLocation(data, index)),
      customers: list('customers', (index) => makeCustomer(data, index)),
      payments: list('payments', (index) => makePayment(data, index, ids.payments.at(index))),
    };
    lists.set(organizationId, made);
    return made;
  };
  const visible = (): string[] =>
    Array.from(organizations.forward(), (index) => organizations.idAt(index)).filter((id) =>
      installed.has(id),
    );

  const source = createSource({
    resources: RESOURCES,
    seed,
    hidden: { resource: 'organizations', isHidden: (id) => !installed.has(id) },
    // whoever adds an organization wants to see it
    onNew: (resource, id) => {
      if (resource === 'organizations') installed.add(id);
    },
    collections: (resource) =>
      isNested(resource) ? visible().map((id) => open(id)[resource]) : [organizations],
    stamp(resource, fields, at, isNew) {
      const time = instant(Date.parse(at));
      if (resource === 'organizations') return isNew ? { ...fields, created: time } : fields;
      const created = isNew && 'createdAt' in fields ? { createdAt: time } : {};
      return { ...fields, ...created, ...('updatedAt' in fields ? { updatedAt: time } : {}) };
    },
    revise(resource, fields, edits) {
      if (resource === 'organizations') return { name: `Group nº ${edits}` };
      if (resource === 'locations') return { name: `Venue nº ${edits}` };
      if (resource === 'customers') return { phoneNumber: `+614${String(10_000_000 + edits)}` };
      const isRefunded = fields['state'] !== 'REFUNDED';
      return {
        state: isRefunded ? 'REFUNDED' : 'COMPLETED',
        refundedAt: isRefunded ? instant(FIRST_EDIT + edits * 1000) : null,
        tipAmount: edits,
      };
    },
  });
  return {
    source,
    organizations,
    installed,
    list: (resource, organizationId) => open(organizationId)[resource],
  };
}
