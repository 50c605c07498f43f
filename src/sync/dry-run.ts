/**
 * What a run would do, shown by one page of each stream: fetched, validated, compared with the mirror. Nothing is
 * written, and the token goes when it is over.
 */
import { randomUUID } from 'node:crypto';
import type { TokenService } from '../auth/contract.ts';
import { reportOf, type ErrorReport } from '../errors.ts';
import { needsToken, noRequests, tokenSubject, type Outbound } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { Db } from '../store/db.ts';
import { streamStates, usableCursor, type StreamState } from './cursors.ts';
import type { Deletion } from './delete-records.ts';
import type { ListPage } from './list-page.ts';
import { firstPage, nextPage } from './paging.ts';
import { firstPageOf, hasList, nextPartition } from './partitions.ts';
import { findRefused } from './refused-records.ts';
import { readsOn } from './run.ts';
import { maximumPage, numberOf, readAnswer, sequenceNumber, sequencePage } from './sequence.ts';
import { splitTombstones } from './tombstones.ts';
import { updateTime, watermarkOf } from './update-time.ts';
import { idOf, itemsOf, validatePage, type RejectedRecord } from './validate-page.ts';
import { previewWalk } from './watermark-partition.ts';
import { compareVersions } from './versions.ts';
import { differs, type IncomingRecord } from './writer.ts';

/** Refused records that are shown with their reasons; the others are counted. */
const SHOWN_REASONS = 3;

export interface DryRunContext {
  readonly db: Db;
  readonly tokens: TokenService;
  readonly outbound: Outbound;
  readonly now: () => number;
}

export interface DryRunStream {
  readonly name: string;
  /** on the page, tombstones included */
  readonly records: number;
  /** what a run would do with them */
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly rejected: number;
  /** the first of the rejected ones */
  readonly rejections: readonly { readonly id: string | null; readonly reason: string }[];
  /** whether the list goes on after this page; null where no page was read */
  readonly more: boolean | null;
  /** of a stream that is listed once per parent: the record whose list was read */
  readonly parent?: string;
  /** why nothing was read, where that is no failure */
  readonly note: string | null;
  readonly error: ErrorReport | null;
}

interface Page {
  readonly items: readonly unknown[];
  readonly gone: readonly Deletion[];
  readonly more: boolean;
}

type ListAnswer = Pick<ListPage, 'items' | 'next'>;

interface Look extends DryRunContext {
  readonly connection: ResolvedConnection;
  readonly flow: string;
  /** as they stand; of streams that a run would read from the start there is none */
  readonly states: ReadonlyMap<string, StreamState>;
  /** first pages of parents whose mirror is empty, by stream */
  readonly parents: Map<string, Promise<ParentPage | undefined>>;
}

/** One of a stream's lists: whose it is (empty without a parent), and where it begins. */
interface Place {
  readonly parent: string;
  readonly url: string;
}

interface ParentPage {
  readonly place: Place;
  readonly items: readonly unknown[];
}

/** Looks at these streams one after the other. A failure of one is reported with it; the others are read all the same. */
export async function dryRun(
  context: DryRunContext,
  connection: ResolvedConnection,
  options: { readonly streams: readonly string[]; readonly full: boolean },
): Promise<DryRunStream[]> {
  const flow = randomUUID();
  const states = await streamStates(context.db, connection.id);
  const goesOn = connection.streams.filter(
    (stream) => !options.full && readsOn(connection, stream, states.get(stream.name), context.now()),
  );
  const names = new Set(goesOn.map(({ name }) => name));
  const look: Look = {
    ...context,
    connection,
    flow,
    states: new Map([...states].filter(([name]) => names.has(name))),
    parents: new Map(),
  };
  try {
    // A person waits for the truth: a failure that the fleet remembers is not it.
    const refused = needsToken(connection)
      ? await context.tokens.get(tokenSubject(connection), { flow, ignoreFailures: true }).then(
          () => undefined,
          (error: unknown) => reportOf(error),
        )
      : undefined;
    const seen: DryRunStream[] = [];
    for (const stream of connection.streams) {
      if (!options.streams.includes(stream.name)) continue;
      if (refused !== undefined) seen.push({ ...nothing(stream), error: refused });
      else
        seen.push(
          await lookAt(look, stream).catch((error: unknown) => ({
            ...nothing(stream),
            error: reportOf(error),
          })),
        );
    }
    return seen;
  } finally {
    await context.tokens.endFlow(flow);
  }
}

function nothing({ name }: StreamDefinition): DryRunStream {
  const counts = { records: 0, added: 0, updated: 0, deleted: 0, unchanged: 0, rejected: 0 };
  return { name, ...counts, rejections: [], more: null, note: null, error: null };
}

async function lookAt(look: Look, stream: StreamDefinition): Promise<DryRunStream> {
  const place = await placeOf(look, stream);
  if (place === undefined) {
    return {
      ...nothing(stream),
      note: `${stream.name} is listed once per record of ${stream.parent ?? ''}, and there is none.`,
    };
  }
  const { parent } = place;
  const { items, gone, more } = await fetchPage(look, stream, place);
  const { records, rejected } = validatePage(stream, items, parent);
  const refused = await findRefused(look.db, records);
  const kept = records.filter((record) => !refused.some(({ id }) => id === record.id));
  const bad: readonly RejectedRecord[] = [...rejected, ...refused];
  return {
    name: stream.name,
    records: items.length + gone.length,
    ...(await compare(look, stream, kept, gone)),
    rejected: bad.length,
    rejections: bad.slice(0, SHOWN_REASONS).map(({ id, reason }) => ({ id, reason })),
    more,
    ...(parent === '' ? {} : { parent }),
    note: null,
    error: null,
  };
}

/** The list of a parent that the mirror has, else of the first one that its own list names; undefined where there is none. */
async function placeOf(look: Look, stream: StreamDefinition): Promise<Place | undefined> {
  const { db, connection } = look;
  if (stream.parent === undefined) return { parent: '', url: firstPage(connection, stream) };
  let parent = await nextPartition(db, connection, stream, '');
  if (parent === undefined) return unmirroredPlace(look, stream);
  while (parent !== undefined) {
    const url = await firstPageOf(db, connection, stream, parent);
    if (url !== null) return { parent, url };
    parent = await nextPartition(db, connection, stream, parent);
  }
  return undefined;
}

async function unmirroredPlace(look: Look, stream: StreamDefinition): Promise<Place | undefined> {
  const above = look.connection.streams.find(({ name }) => name === stream.parent);
  if (above === undefined) return undefined;
  const page = look.parents.get(above.name) ?? parentPage(look, above);
  look.parents.set(above.name, page);
  const found = await page;
  for (const item of found?.items ?? []) {
    const parent = idOf(above, item, found?.place.parent);
    const isOpen = stream.onlyParents?.stream !== above.name || hasList(stream, item);
    if (parent !== undefined && isOpen)
      return { parent, url: firstPage(look.connection, stream, parent, found?.place.parent) };
  }
  return undefined;
}

async function parentPage(look: Look, stream: StreamDefinition): Promise<ParentPage | undefined> {
  const place = await placeOf(look, stream);
  if (place === undefined) return undefined;
  const { items } = await fetchPage(look, stream, place);
  return { place, items };
}

/** The page that a run would read next. */
async function fetchPage(look: Look, stream: StreamDefinition, { parent, url }: Place): Promise<Page> {
  const { connection } = look;
  if (stream.changes.detect === 'watermark') return fetchWatermarkPage(look, stream, parent);
  if (stream.changes.detect === 'full') {
    const { items, next } = await fetchList(look, stream, url);
    const { live, gone } = splitTombstones(stream, items, () => 0, parent);
    return { items: live, gone, more: next !== undefined };
  }
  const cursor = usableCursor(connection, stream, look.states.get(stream.name)?.cursor);
  const after = (parent === '' ? cursor?.sequence : cursor?.partitions?.[parent]) ?? 0;
  const maximum = maximumPage(connection, stream);
  const until =
    maximum === undefined
      ? undefined
      : sequenceNumber((await get(look, stream, maximum)).body, `the answer of ${new URL(maximum).pathname}`);
  const { body } = await get(look, stream, sequencePage(connection, stream, after, parent));
  const { items, next } = readAnswer(stream, body, after);
  const { live, gone } = splitTombstones(stream, items, (item) => numberOf(stream, item), parent);
  return { items: live, gone, more: next > after && (until === undefined || next < until) };
}

/** The first page of what a run would read; it goes on where that page doesn't reach what is known. */
async function fetchWatermarkPage(look: Look, stream: StreamDefinition, parent: string): Promise<Page> {
  const { connection, states } = look;
  const changes = watermarkOf(stream);
  const { url, ends } = previewWalk(connection, stream, states.get(stream.name)?.cursor, parent);
  const page = await fetchList(look, stream, url);
  const { live, gone } = splitTombstones(
    stream,
    page.items,
    (item) => updateTime(changes, item) ?? 0,
    parent,
  );
  return { items: live, gone, more: !ends(page) };
}

async function fetchList(look: Look, stream: StreamDefinition, url: string): Promise<ListAnswer> {
  const { body, headers } = await get(look, stream, url);
  const items = itemsOf(stream, body);
  return { items, next: nextPage(look.connection, stream, { url, headers, body, itemCount: items.length }) };
}

function get(look: Look, stream: StreamDefinition, url: string): ReturnType<Outbound['getJson']> {
  const counts = noRequests();
  return look.outbound.getJson({ connection: look.connection, flow: look.flow, stream, url, counts });
}

async function compare(
  { db, connection }: Look,
  stream: StreamDefinition,
  records: readonly IncomingRecord[],
  gone: readonly Deletion[],
): Promise<Pick<DryRunStream, 'added' | 'updated' | 'deleted' | 'unchanged'>> {
  // a page may name a record twice: the last one counts
  const byId = new Map(records.map((record) => [record.id, record]));
  const found = await db.pool.query<{
    record_id: string;
    hash: string;
    version: string | null;
    deleted: boolean;
  }>(
    `select record_id, encode(hash, 'hex') as hash, version, deleted_at is not null as deleted from sluice.records
      where connection_id = $1 and stream = $2 and record_id = any($3::text[])`,
    [connection.id, stream.name, [...byId.keys(), ...gone.map(({ id }) => id)]],
  );
  const stored = new Map(found.rows.map((row) => [row.record_id, row]));
  const counts = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  for (const record of byId.values()) {
    const before = stored.get(record.id);
    if (before === undefined) counts.added += 1;
    else if (!differs(record, before)) counts.unchanged += 1;
    else if (before.deleted) counts.added += 1;
    else counts.updated += 1;
  }
  for (const { id, version } of gone) {
    const before = stored.get(id);
    const older = (compareVersions(version, before?.version ?? null) ?? 0) < 0;
    if (before?.deleted === false && !older) counts.deleted += 1;
    else counts.unchanged += 1;
  }
  return counts;
}

/** True for what a person has to mend; the rest is a failure of now. */
export function needsPerson({ error }: DryRunStream): boolean {
  return error !== null && (error.kind === 'auth' || error.kind === 'config');
}
