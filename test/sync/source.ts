/**
 * A source of a test's own, which keeps what a provider would keep, lists it in the ways that providers do, and says
 * what happened to it as events. Its time moves only with its edits, and not with each of them.
 */
import { z } from 'zod';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { canonical } from '../../src/sync/canonical.ts';
import type { EventWrite } from '../../src/sync/event-writer.ts';
import { tinyStream, type TinyAnswer } from '../support/tiny-provider.ts';

export interface SourceRecord {
  readonly id: string;
  readonly value: number;
  readonly updatedAt: string;
}

export interface SourceEvent {
  readonly id: string;
  /** null: deleted */
  readonly record: SourceRecord | null;
  readonly at: string;
}

export interface Edit {
  readonly kind: 'add' | 'update' | 'touch' | 'delete';
  /** which of the records, counted round */
  readonly pick: number;
  /** milliseconds that go by before it */
  readonly after: number;
}

/** How the source answers a list. */
export interface Listing {
  /** in the order of ids, or of update times */
  readonly sort: 'id' | 'newest' | 'oldest';
  /** where the next page begins: at a count of records, or behind the last record that was given */
  readonly next: 'count' | 'key';
  readonly size: number;
  /** records as the client sees them carry no update time */
  readonly timeless?: boolean;
  /** moments given in `since` are counted in */
  readonly inclusive?: boolean;
}

const START = Date.parse('2026-01-01T00:00:00Z');

export class Source {
  private now = START;
  private made = 0;
  readonly records = new Map<string, SourceRecord>();
  readonly events: SourceEvent[] = [];

  edit({ kind, pick, after }: Edit): void {
    this.now += after;
    const at = new Date(this.now).toISOString();
    const ids = [...this.records.keys()].sort();
    const id = kind === 'add' ? this.newId(pick) : ids[pick % Math.max(1, ids.length)];
    if (id === undefined) return;
    if (kind === 'delete') {
      this.records.delete(id);
      this.events.push({ id, record: null, at });
      return;
    }
    const before = this.records.get(id);
    const value = kind === 'touch' && before !== undefined ? before.value : (this.made += 1);
    const record = { id, value, updatedAt: at };
    this.records.set(id, record);
    this.events.push({ id, record, at });
  }

  /** Ids come back, and stand in no order of time. */
  private newId(pick: number): string {
    for (let n = pick % 17; ; n += 1) if (!this.records.has(`r${n}`)) return `r${n}`;
  }

  shown(record: SourceRecord, { timeless }: Pick<Listing, 'timeless'>): object {
    return timeless === true ? { id: record.id, value: record.value } : record;
  }

  page(url: URL, listing: Listing): TinyAnswer {
    const since = url.searchParams.get('since');
    const sort = url.searchParams.get('sort') === 'id' ? 'id' : listing.sort;
    const all = [...this.records.values()]
      .filter(
        ({ updatedAt: at }) => since === null || at > since || (listing.inclusive === true && at === since),
      )
      .sort((a, b) => compare(keyOf(a, sort), keyOf(b, sort)));
    if (sort === 'newest') all.reverse();
    const size = Number(url.searchParams.get('limit') ?? listing.size);
    const page = Number(url.searchParams.get('page') ?? 1);
    const after = url.searchParams.get('after');
    const rest =
      after === null
        ? all.slice(Number(url.searchParams.get('offset') ?? (page - 1) * size))
        : all.filter((record) =>
            sort === 'newest'
              ? compare(keyOf(record, sort), after) < 0
              : compare(keyOf(record, sort), after) > 0,
          );
    const items = rest.slice(0, size);
    const last = items.at(-1);
    const body = { items: items.map((record) => this.shown(record, listing)) };
    if (rest.length <= size || last === undefined) return { body: { ...body, next: null } };
    const next = new URL(url.pathname + url.search, 'http://source');
    if (listing.next === 'key') next.searchParams.set('after', keyOf(last, sort));
    else next.searchParams.set('offset', String(Number(url.searchParams.get('offset') ?? 0) + items.length));
    const link = next.pathname + next.search;
    return { body: { ...body, next: link }, headers: { 'x-next': link } };
  }
}

function keyOf(record: SourceRecord, sort: Listing['sort']): string {
  return sort === 'id' ? record.id : `${record.updatedAt}/${record.id}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What an event writes into the mirror. */
export function writeOf(stream: string, event: SourceEvent, listing: Pick<Listing, 'timeless'>): EventWrite {
  const { id, record, at } = event;
  if (record === null) return { stream, records: [], deletions: [{ id, version: at }], baseSeq: null };
  const shown = listing.timeless === true ? { id, value: record.value } : record;
  return {
    stream,
    records: [{ id, ...canonical(shown), version: at, partition: '' }],
    deletions: [],
    baseSeq: null,
  };
}

/** The stream that lists such a source. */
export function sourceStream(name: string, more: Partial<StreamDefinition>): StreamDefinition {
  return tinyStream(name, {
    paging: { style: 'next-link', at: 'next' },
    schema: z.looseObject({ id: z.string(), value: z.int() }),
    ...more,
  });
}
