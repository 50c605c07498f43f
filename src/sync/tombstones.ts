/** Divides a page into records and the marks of records that are gone. */
import type { StreamDefinition } from '../providers/contract.ts';
import type { Deletion } from './delete-records.ts';
import { fieldAt } from './field.ts';
import { idOf, versionOf } from './validate-page.ts';

export interface SplitPage {
  readonly live: readonly unknown[];
  readonly gone: readonly Deletion[];
}

/**
 * A tombstone needs an id and nothing else. Where a page names a record twice, the one that `rank` puts higher
 * counts, or else the later one. `parent` as in `idOf`.
 */
export function splitTombstones(
  stream: StreamDefinition,
  items: readonly unknown[],
  rank: (item: unknown) => number,
  parent = '',
): SplitPage {
  const newest = new Map<string, unknown>();
  const live: unknown[] = [];
  for (const item of items) {
    const id = idOf(stream, item, parent);
    if (id === undefined) live.push(item);
    else if (!newest.has(id) || rank(newest.get(id)) <= rank(item)) newest.set(id, item);
  }
  const gone: Deletion[] = [];
  for (const [id, item] of newest) {
    if (isTombstone(stream, item)) gone.push({ id, version: versionOf(stream, item) });
    else live.push(item);
  }
  return { live, gone: gone.sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

function isTombstone(stream: StreamDefinition, item: unknown): boolean {
  return (stream.tombstones ?? []).some(({ field, values }) => {
    const value = fieldAt(item, field);
    return (typeof value === 'string' || typeof value === 'boolean') && values.includes(value);
  });
}
