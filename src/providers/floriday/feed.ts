/**
 * How a feed of Floriday is described, and the stream that it makes. All feeds work alike: what changed after a
 * sequence number, deletions included, with the highest number that the answer covers; a companion path tells how
 * far the feed goes.
 */
import { z } from 'zod';
import type { Rate, StreamDefinition, Tombstone } from '../contract.ts';

/** Documented fields by type, names separated by white space. Values of enumerations are text: more may be added. */
type Fields = Readonly<Partial<Record<keyof typeof kinds, string>>>;

export interface Feed {
  readonly name: string;
  /** `{sequence}` stands for the number after which records come */
  readonly path: string;
  /** path of the companion; one feed has none */
  readonly maximum?: string;
  /** name of the size parameter, which differs from feed to feed */
  readonly size: 'limit' | 'limitResult';
  /** most records that one answer gives; default 1000 */
  readonly most?: number;
  /** of the feed and of its companion, which for a few feeds asks for another one */
  readonly scopes: readonly string[];
  /** of the feed, where it differs from the general rate */
  readonly rate?: Rate;
  readonly id: string | readonly string[];
  /** the id is not, or not only, a UUID */
  readonly plainId?: boolean;
  readonly version?: string;
  readonly tombstones?: readonly Tombstone[];
  readonly parent?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly always?: boolean;
  readonly optional?: boolean;
  readonly fields: Fields;
}

const kinds = {
  text: z.string().nullish(),
  flag: z.boolean().nullish(),
  whole: z.int().nullish(),
  number: z.number().nullish(),
  // said, not checked: a moment that can't be read is no reason to turn a record away
  instant: z.string().meta({ format: 'date-time' }).nullish(),
  date: z.string().meta({ format: 'date' }).nullish(),
  list: z.array(z.unknown()).nullish(),
  object: z.looseObject({}).nullish(),
};

/** The feed that tells of partners. A new one brings data whose numbers may be far below those already read. */
const PARTNERS = 'connections';

/** `api` names the API in the title, since both have feeds of the same name. */
export function streamOf(feed: Feed, api: string): StreamDefinition {
  const { name, path, maximum, size, most, fields: _fields, plainId: _plainId, parent, ...same } = feed;
  return {
    ...same,
    name,
    title: `${titleOf(name)} (${api} API)`,
    path,
    ...(parent === undefined ? {} : { parent }),
    items: 'results',
    paging: {
      style: 'sequence',
      sizeParam: size,
      pageSize: most ?? 1000,
      maximumAt: 'maximumSequenceNumber',
      numberAt: 'sequenceNumber',
      ...(maximum === undefined ? {} : { currentMaximumPath: maximum }),
    },
    changes: { detect: 'sequence' },
    // A feed that is read once per partner begins with 0 for a new one anyway.
    ...(name === PARTNERS || parent !== undefined ? {} : { restartsWith: PARTNERS }),
    schema: schemaOf(feed),
    evidence: 'documented',
  };
}

function titleOf(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll('-', ' ')}`;
}

/**
 * Ids and the sequence number are required; a documented field may be absent or null, but has no other type. UUIDs
 * are checked in ids alone: a damaged one would leave a record in the mirror that nothing ever deletes.
 */
function schemaOf({ id, plainId, fields }: Feed): z.ZodType {
  const shape: Record<string, z.ZodType> = {};
  for (const [kind, names] of Object.entries(fields)) {
    for (const name of names.split(/\s+/)) shape[name] = kinds[kind as keyof typeof kinds];
  }
  for (const name of typeof id === 'string' ? [id] : id) {
    shape[name] = plainId === true ? z.union([z.string().min(1), z.int()]) : z.guid();
  }
  shape.sequenceNumber = z.int().nonnegative();
  return z.looseObject(shape);
}
