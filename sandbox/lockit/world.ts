/**
 * The simulated LockitNetwork's truth: projects, their episodes, the scenes of each episode. Fields as in "LockitNetwork API
 * (1.0.1)", of which a part is known; ids without hyphens as in the guide about matching clips.
 */

import { Collection } from '../collection.ts';
import type { Fields } from '../collection.ts';
import type { Account } from '../consent-pages.ts';
import { uuids } from '../ids.ts';
import { createDraw, mix } from '../random.ts';
import { createSource, FIRST_EDIT } from '../source.ts';
import type { EditableSource } from '../source.ts';

export const RESOURCES = ['scenes', 'projects', 'episodes'] as const;
export type Resource = (typeof RESOURCES)[number];
/** Sizes of what the first account can read: episodes and scenes are those of premium projects. */
export type Counts = Partial<Record<Resource, number>>;

export interface LockitAccount extends Account {
  /** whether the account works on a project */
  readonly worksOn: (projectId: string) => boolean;
}

export interface LockitWorld {
  readonly source: EditableSource;
  readonly accounts: readonly LockitAccount[];
  readonly projects: Collection;
  episodes(projectId: string): Collection;
  scenes(projectId: string, episodeId: string): Collection;
}

// prettier-ignore
const TITLES = ['Nachtzug nach Görlitz', 'Tatort: Die Rückkehr', "The Smuggler's Wife", 'Ein Sommer in Łódź', 'Weißensee', 'Pilot'] as const;
const SETS = [
  'INT. KÜCHE',
  'EXT. HAFEN',
  'INT. COMMISSIONER’S OFFICE',
  'EXT. WALDWEG',
  'INT. ZUGABTEIL',
] as const;

const DAY = 86_400_000;
/** The unit of `created` is not stated; milliseconds here. */
const createdAt = (seed: number, index: number): number => FIRST_EDIT - DAY * (1 + (mix(seed, index) % 900));

/** Of four projects the last one is not premium: its episodes and scenes can't be read. */
const isPremium = (index: number): boolean => index % 4 !== 3;

export function sizes(records: number | Counts): Readonly<Record<Resource, number>> {
  const given: Counts = typeof records === 'number' ? { scenes: records } : records;
  const projects = given.projects ?? 4;
  const premium = Array.from({ length: projects }, (_none, index) => index).filter(isPremium).length;
  const all = { projects, episodes: premium * 3, scenes: 240, ...given };
  for (const [name, count] of Object.entries(all)) {
    if (!(RESOURCES as readonly string[]).includes(name))
      throw new Error(`the sandbox has no resource '${name}'`);
    if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
  }
  if (all.scenes > 0 && all.episodes === 0) throw new Error('scenes need an episode');
  if (all.episodes > 0 && projects === 0) throw new Error('episodes need a project');
  return all;
}

/** An equal share of `total` for each place, the first ones taking the rest. */
const share = (total: number, places: number, place: number): number =>
  places === 0 ? 0 : Math.floor(total / places) + (place < total % places ? 1 : 0);

export function createLockitWorld(seed: number, records: number | Counts): LockitWorld {
  const counts = sizes(records);
  const premiumBefore = (end: number): number =>
    Array.from({ length: end }, (_none, index) => index).filter(isPremium).length;
  const premium = premiumBefore(counts.projects);
  const projectIds = uuids('plain', seed, 1);
  const projects = new Collection({
    // the last one is the second account's alone
    count: counts.projects + 1,
    ids: projectIds,
    generate: (index) => ({
      uuid: projectIds.at(index),
      name: `${TITLES[index % TITLES.length]}${index < TITLES.length ? '' : ` ${index}`}`,
      isSeries: index % 2 === 0,
      isPremium: isPremium(index),
      productionCompany: index % 3 === 0 ? 'Bergfilm GmbH & Co. KG' : 'Northern Lights Ltd',
      created: createdAt(seed, index),
    }),
  });
  const other = projectIds.at(counts.projects);
  const accounts: readonly LockitAccount[] = [
    {
      id: 'lockit-user-1',
      name: 'Hanna Vogt',
      email: 'hanna@lockit.example',
      worksOn: (id) => id !== other,
    },
    {
      id: 'lockit-user-2',
      name: 'Piotr Zając',
      email: 'piotr@lockit.example',
      worksOn: (id) => id === other,
    },
  ];

  const episodeCount = (place: number): number => {
    if (place > counts.projects) return 0;
    const isCounted = place < counts.projects && isPremium(place);
    return isCounted ? share(counts.episodes, premium, premiumBefore(place)) : 2;
  };
  const opened = new Map<string, Collection>();
  const once = (key: string, make: () => Collection): Collection => {
    const known = opened.get(key) ?? make();
    opened.set(key, known);
    return known;
  };
  const episodes = (projectId: string): Collection =>
    once(projectId, () => {
      const place = projects.indexOf(projectId) as number;
      return makeEpisodes(mix(seed, 2, place), projectId, episodeCount(place));
    });
  const scenes = (projectId: string, episodeId: string): Collection =>
    once(`${projectId}/${episodeId}`, () => {
      const place = projects.indexOf(projectId) as number;
      const own = episodes(projectId);
      const index = own.indexOf(episodeId) as number;
      let count = index < own.initial ? 5 : 0;
      if (count > 0 && place < counts.projects && isPremium(place)) {
        // numbered through all projects, so that exact sizes come out exactly
        let before = index;
        for (let earlier = 0; earlier < place; earlier++)
          if (isPremium(earlier)) before += episodeCount(earlier);
        count = share(counts.scenes, counts.episodes, before);
      }
      return makeScenes(mix(seed, 3, place, index), episodeId, count);
    });
  /** ids of the projects whose episodes the first account can read */
  const readable = (): string[] =>
    Array.from(projects.forward(), (index) => projects.at(index) as Fields)
      .filter((project) => project['isPremium'] === true && project['uuid'] !== other)
      .map((project) => String(project['uuid']));

  const source = createSource({
    resources: RESOURCES,
    seed,
    hidden: { resource: 'projects', isHidden: (id) => id === other },
    collections(resource) {
      if (resource === 'projects') return [projects];
      if (resource === 'episodes') return readable().map(episodes);
      return readable().flatMap((id) => {
        const own = episodes(id);
        return Array.from(own.forward(), (index) => scenes(id, own.idAt(index)));
      });
    },
    stamp: (_resource, fields, at, isNew) =>
      isNew && 'created' in fields ? { ...fields, created: Date.parse(at) } : fields,
    revise(resource, _fields, edits) {
      if (resource === 'projects') return { productionCompany: `Bergfilm ${edits}` };
      if (resource === 'episodes') return { scheduledRunningTime: 100_000 + edits };
      return { comment: `Revision ${edits}` };
    },
  });
  return { source, accounts, projects, episodes, scenes };
}

function makeEpisodes(seed: number, projectId: string, count: number): Collection {
  const ids = uuids('plain', seed, 1);
  return new Collection({
    count,
    ids,
    owner: projectId,
    generate: (index) => ({
      uuid: ids.at(index),
      episodeNumber: index + 1,
      episodeName: `Folge ${index + 1}`,
      // the unit is not stated
      scheduledRunningTime: 2400 + (mix(seed, 2, index) % 3000),
      created: createdAt(seed, index),
    }),
  });
}

function makeScenes(seed: number, episodeId: string, count: number): Collection {
  const ids = uuids('plain', seed, 1);
  return new Collection({
    count,
    ids,
    owner: episodeId,
    generate(index) {
      const draw = createDraw(seed, 2, index);
      const isPart = index > 0 && draw.chance(0.1);
      return {
        uuid: ids.at(index),
        episode: episodeId,
        number: index + 1,
        additional: isPart ? 'A' : '',
        content: draw.pick([
          'They argue about the letter.',
          'Verfolgung über die Dächer.',
          '“Nothing happened.”',
        ]),
        comment: '',
        dayNight: draw.pick(['DAY', 'NIGHT', 'DUSK']),
        inOut: draw.pick(['INT', 'EXT']),
        sets: Array.from({ length: 1 + draw.int(2) }, () => draw.pick(SETS)),
        motherScene: isPart ? ids.at(index - 1) : null,
      };
    },
  });
}
