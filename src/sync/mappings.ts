/** A provider's organizations and locations beside the user's own ids for them. */
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Db } from '../store/db.ts';
import { listMappings, unknownExternals, writeMappings, type MappingRow } from '../store/mappings.ts';

const MAX_OWN_LENGTH = 200;
/** Fields under which providers name what they have; the first that is text counts. */
const NAME_FIELDS = ['name', 'title', 'label', 'displayName'] as const;

export interface MappingView {
  /** the provider's id */
  readonly external: string;
  /** the user's; null where there is none yet */
  readonly own: string | null;
  /** the stream that has it; null where none has it (any more) */
  readonly stream: string | null;
  /** as the provider names it, where the mirrored record tells */
  readonly name: string | null;
}

export interface MappingPage {
  readonly after?: string | undefined;
  readonly limit: number;
}

/**
 * What can be mapped and what is, sorted by external id, with the cursor of the next page.
 *
 * @throws SluiceError `request_invalid` where the provider has nothing to map
 */
export async function mappingsOf(
  db: Db,
  connection: ResolvedConnection,
  page: MappingPage,
): Promise<{ data: MappingView[]; next: string | null }> {
  const rows = await listMappings(db.pool, connection.id, mappableStreams(connection), {
    after: page.after,
    limit: page.limit + 1,
  });
  const data = rows.slice(0, page.limit).map(toView);
  return { data, next: rows.length > page.limit ? (data.at(-1)?.external ?? null) : null };
}

export interface MappingChange {
  readonly external: string;
  /** null takes the mapping away */
  readonly own: string | null;
}

/**
 * Sets mappings, all or none; `replace` takes away those that aren't named.
 *
 * @throws SluiceError `request_invalid` for ids that no mirrored record has (`details.unknown`), for one that is named twice, and for own
 *   ids that are empty, longer than 200 characters or hold control characters
 */
export async function setMappings(
  db: Db,
  connection: ResolvedConnection,
  changes: readonly MappingChange[],
  options: { readonly replace: boolean },
): Promise<void> {
  const streams = mappableStreams(connection);
  const externals = changes.map(({ external }) => external);
  const twice = externals.find((external, index) => externals.indexOf(external) !== index);
  if (twice !== undefined) throw invalid(`"${twice}" is named twice.`, 'Name each id once.');
  for (const { external, own } of changes) {
    if (own === null) continue;
    if (own.trim() === '' || own.length > MAX_OWN_LENGTH || /[\p{Cc}\p{Cs}]/u.test(own)) {
      throw invalid(
        `The own id for "${external}" is empty, too long, or holds control characters.`,
        `Write 1 to ${MAX_OWN_LENGTH} characters.`,
      );
    }
  }
  const set = changes.filter(({ own }) => own !== null).map(({ external }) => external);
  const unknown = await unknownExternals(db.pool, connection.id, streams, set);
  if (unknown.length > 0) {
    throw invalid(
      `No record of ${streams.join(' or ')} has the id ${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ', …' : ''}.`,
      `Sync ${connection.id} first, and see the known ids with \`sluice mappings ${connection.id}\`.`,
      { unknown },
    );
  }
  await writeMappings(db, connection.id, changes, options.replace);
}

function mappableStreams(connection: ResolvedConnection): readonly string[] {
  const { mappable = [], title } = connection.provider;
  if (mappable.length > 0) return mappable;
  throw invalid(
    `${title} has no organizations or locations that could be mapped.`,
    'Look at `sluice providers` for the providers that have.',
  );
}

function toView({ external, own, stream, data }: MappingRow): MappingView {
  return { external, own, stream, name: nameOf(data) };
}

/** What a record calls itself; null where none of the usual fields is text. */
export function nameOf(record: unknown): string | null {
  if (typeof record !== 'object' || record === null) return null;
  const fields = record as Readonly<Record<string, unknown>>;
  const name = NAME_FIELDS.map((field) => fields[field]).find((value) => typeof value === 'string');
  return typeof name === 'string' ? name : null;
}

function invalid(message: string, advice: string, details: { readonly unknown?: unknown } = {}): SluiceError {
  return new SluiceError('request_invalid', message, { advice, details });
}
