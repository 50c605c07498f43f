/** The simulated CoLoop's truth: organizations with their members and projects, and the memberships of each project. */

import { Collection } from '../collection.ts';
import type { Fields } from '../collection.ts';
import type { Account } from '../consent-pages.ts';
import { prefixed, uuids } from '../ids.ts';
import type { Ids } from '../ids.ts';
import { createDraw, mix } from '../random.ts';
import { createSource } from '../source.ts';
import type { EditableSource } from '../source.ts';

export const RESOURCES = ['projects', 'organizations', 'members', 'memberships'] as const;
export type Resource = (typeof RESOURCES)[number];
/** Sizes over the organizations of the first account; members include that account itself. */
export type Counts = Partial<Record<Resource, number>>;

export interface CoLoopAccount extends Account {
  /** ids of the organizations that the account is a member of */
  readonly organizations: () => readonly string[];
}

export interface CoLoopWorld {
  readonly source: EditableSource;
  readonly accounts: readonly CoLoopAccount[];
  readonly organizations: Collection;
  members(organizationId: string): Collection;
  projects(organizationId: string): Collection;
  memberships(organizationId: string, projectId: string): Collection;
}

const ORGANIZATION_ROLES = ['admin', 'basic_member', 'elevated_member', 'analyst', 'champion'] as const;
const PROJECT_ROLES = [
  'admin',
  'editor',
  'analyst',
  'viewer',
  'guest_editor',
  'guest_analyst',
  'guest_viewer',
  'client_analyst',
] as const;
// prettier-ignore
const TOPICS = ['Breakfast habits', 'Onboarding interviews', "Gen Z & banking", 'Concept test: packaging', 'Hautpflege – Tagebuchstudie', 'Loyalty drivers', '東京 shoppers', 'Café diaries'] as const;
// prettier-ignore
const NAMES = ['amara', 'ben', 'chiara', 'dev', 'elin', 'farid', 'greta', 'hugo', 'ines', 'jonas', 'kemi', 'lucia'] as const;

/** The first record was made at this moment, and each later one half an hour after the one before. */
const FIRST_RECORD = Date.UTC(2024, 0, 8, 9);
const STEP = 1_800_000;
/** Nothing that was there from the start is younger than the first edit. */
const PERIOD = 20_000;

function stamps(seed: number, kind: number, index: number): { createdAt: string; updatedAt: string } {
  const draw = createDraw(seed, kind, index, 7);
  const created = FIRST_RECORD + (index % PERIOD) * STEP;
  const iso = (time: number): string => new Date(time).toISOString();
  return { createdAt: iso(created), updatedAt: iso(created + (draw.chance(0.5) ? draw.int(STEP) : 0)) };
}

export function sizes(records: number | Counts): Readonly<Record<Resource, number>> {
  const given: Counts = typeof records === 'number' ? { projects: records } : records;
  const projects = given.projects ?? 40;
  const organizations = given.organizations ?? 2;
  const all = {
    projects,
    organizations,
    members: organizations * 4 + Math.ceil(projects / 10),
    memberships: projects * 3,
    ...given,
  };
  for (const [name, count] of Object.entries(all)) {
    if (!(RESOURCES as readonly string[]).includes(name))
      throw new Error(`the sandbox has no resource '${name}'`);
    if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
  }
  if (all.members < organizations) throw new Error('every organization has at least one member');
  return all;
}

/** An equal share of `total` for each place, the first ones taking the rest. */
const share = (total: number, places: number, place: number): number =>
  places === 0 ? 0 : Math.floor(total / places) + (place < total % places ? 1 : 0);

/** Ids of which the first one is given. */
function startingWith(first: string, others: Ids): Ids {
  return {
    at: (index) => (index === 0 ? first : others.at(index)),
    indexOf: (id) => (id === first ? 0 : others.indexOf(id)),
  };
}

interface Organization {
  readonly members: Collection;
  readonly projects: Collection;
  readonly memberships: Map<string, Collection>;
}

export function createCoLoopWorld(seed: number, records: number | Counts): CoLoopWorld {
  const counts = sizes(records);
  const people = prefixed('user_', seed, 9);
  const organizationIds = prefixed('org_', seed, 1);
  const organizations = new Collection({
    // the last one is the second account's alone
    count: counts.organizations + 1,
    ids: organizationIds,
    generate: (index) => ({
      id: organizationIds.at(index),
      name: `Insight Lab ${index + 1}`,
      ...stamps(seed, 1, index),
      role: ORGANIZATION_ROLES[index % ORGANIZATION_ROLES.length],
    }),
  });
  const other = organizationIds.at(counts.organizations);
  const live = (): string[] => Array.from(organizations.forward(), (index) => organizations.idAt(index));
  const mine = (): string[] => live().filter((id) => id !== other);
  const accounts: readonly CoLoopAccount[] = [
    { id: people.at(0), name: 'Rosa Lindqvist', email: 'rosa@coloop.example', organizations: mine },
    {
      id: people.at(1),
      name: 'Theo Adeyemi',
      email: 'theo@coloop.example',
      organizations: () => live().filter((id) => id === other),
    },
  ];

  const opened = new Map<string, Organization>();
  const open = (organizationId: string): Organization => {
    const known = opened.get(organizationId);
    if (known !== undefined) return known;
    const place = organizations.indexOf(organizationId) as number;
    const made = makeOrganization({
      seed,
      place,
      organizationId,
      owner: accounts[organizationId === other ? 1 : 0] as Account,
      members: countOf('members', place),
      projects: countOf('projects', place),
    });
    opened.set(organizationId, made);
    return made;
  };
  function countOf(resource: 'members' | 'projects', place: number): number {
    if (place < counts.organizations) return share(counts[resource], counts.organizations, place);
    // whoever makes an organization is its member
    return place >= organizations.initial ? (resource === 'members' ? 1 : 0) : 3;
  }
  const membershipsOf = (organizationId: string, projectId: string): Collection => {
    const organization = open(organizationId);
    const known = organization.memberships.get(projectId);
    if (known !== undefined) return known;
    const index = organization.projects.indexOf(projectId) as number;
    let count = 1;
    if (index < organization.projects.initial) {
      // numbered through all organizations, so that exact sizes come out exactly
      const place = organizations.indexOf(organizationId) as number;
      let before = index;
      for (let earlier = 0; earlier < place; earlier++) before += countOf('projects', earlier);
      count = place < counts.organizations ? share(counts.memberships, counts.projects, before) : 2;
    }
    const made = makeMemberships(seed, projectId, count, organization.members);
    organization.memberships.set(projectId, made);
    return made;
  };

  const source = createSource({
    resources: RESOURCES,
    seed,
    hidden: { resource: 'organizations', isHidden: (id) => id === other },
    collections(resource) {
      if (resource === 'organizations') return [organizations];
      if (resource !== 'memberships')
        return mine().map((id) => open(id)[resource === 'members' ? 'members' : 'projects']);
      return mine().flatMap((id) => {
        const { projects } = open(id);
        return Array.from(projects.forward(), (index) => membershipsOf(id, projects.idAt(index)));
      });
    },
    stamp: (_resource, fields, at, isNew) => ({
      ...fields,
      ...(isNew ? { createdAt: at } : {}),
      ...('updatedAt' in fields ? { updatedAt: at } : {}),
    }),
    revise(resource, fields, edits) {
      if (resource === 'organizations') return { name: `Insight Lab nº ${edits}` };
      if (resource === 'members') return { email: `member.${edits}@coloop.example` };
      if (resource === 'projects') return { description: `Wave ${edits}` };
      const role = PROJECT_ROLES.indexOf(fields['role'] as (typeof PROJECT_ROLES)[number]);
      return { role: PROJECT_ROLES[(role + 1) % PROJECT_ROLES.length] };
    },
  });
  return {
    source,
    accounts,
    organizations,
    members: (id) => open(id).members,
    projects: (id) => open(id).projects,
    memberships: membershipsOf,
  };
}

function makeOrganization(given: {
  seed: number;
  place: number;
  organizationId: string;
  owner: Account;
  members: number;
  projects: number;
}): Organization {
  const { seed, place, organizationId, owner } = given;
  const memberIds = startingWith(owner.id, prefixed('user_', seed, 2, place));
  const projectIds = uuids('hyphens', mix(seed, 3, place));
  const members = new Collection({
    count: given.members,
    ids: memberIds,
    owner: organizationId,
    generate: (index) => ({
      id: memberIds.at(index),
      // the account is the same person in each of its organizations
      ...(index === 0 ? stamps(seed, 9, 0) : stamps(mix(seed, 2, place), 2, index)),
      email:
        index === 0
          ? owner.email
          : `${NAMES[index % NAMES.length]}.${place + 1}.${index}@research-agency.example`,
    }),
  });
  const projects = new Collection({
    count: given.projects,
    ids: projectIds,
    owner: organizationId,
    generate: (index) => ({
      id: projectIds.at(index),
      name: `${TOPICS[index % TOPICS.length]} ${index + 1}`,
      description: index % 4 === 0 ? '' : `Study no. ${place + 1}-${index + 1}`,
      ...stamps(mix(seed, 3, place), 3, index),
      ownerId: memberIds.at(mix(seed, 4, place, index) % Math.max(1, given.members)),
      organizationId,
    }),
  });
  return { members, projects, memberships: new Map() };
}

/** The first memberships are those of members of the organization, the others those of guests, who are none. */
function makeMemberships(seed: number, projectId: string, count: number, members: Collection): Collection {
  const salt = mix(seed, ...Array.from(projectId, (letter) => letter.charCodeAt(0)));
  const guests = prefixed('user_', salt, 5);
  const people = members.initial;
  const insiders = Math.min(count, people);
  const start = salt % Math.max(1, people);
  const userAt = (index: number): string =>
    index < insiders ? members.idAt((start + index) % people) : guests.at(index);
  const prefix = `${projectId}:`;
  const ids: Ids = {
    at: (index) => `${prefix}${userAt(index)}`,
    indexOf(id) {
      if (!id.startsWith(prefix)) return undefined;
      const user = id.slice(prefix.length);
      const member = members.indexOf(user);
      const index =
        member === undefined
          ? guests.indexOf(user)
          : people === 0
            ? undefined
            : (member - start + people) % people;
      return index !== undefined && userAt(index) === user ? index : undefined;
    },
  };
  return new Collection({
    count,
    ids,
    owner: projectId,
    generate(index): Fields {
      const userId = userAt(index);
      const member = index < insiders ? members.original((start + index) % people) : undefined;
      const roles = index < insiders ? PROJECT_ROLES.slice(0, 4) : PROJECT_ROLES.slice(4);
      return {
        projectId,
        createdAt: stamps(salt, 6, index).createdAt,
        userId,
        role: roles[mix(salt, 8, index) % roles.length],
        user: { email: member?.['email'] ?? `guest.${index}@client.example`, id: userId },
      };
    },
  });
}
