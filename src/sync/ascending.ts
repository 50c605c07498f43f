/**
 * The rules of a list that is sorted by update time, oldest first, and can be asked for from a moment on. A row that
 * is updated during the walk moves to its end and is met there. What stood behind it moves up by one, so that the
 * next page of the same list would miss a row: the walk asks anew instead, from the newest time it has stored.
 */
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition, Watermark } from '../providers/contract.ts';
import type { ListPage } from './list-page.ts';
import { firstPage } from './paging.ts';
import { pageTimes, resolutionMs, writeTime } from './update-time.ts';
import { newer } from './newest-first.ts';

export type Ascending = Extract<Watermark, { order: 'ascending' }>;

/** What a walk in ascending order knows. Part of the checkpoint. */
export interface SinceWalk {
  /** milliseconds that the request being made asks from; null: from the beginning */
  readonly since: number | null;
  readonly newest: number | null;
  /** false after a page that was out of order: the watermark then moves only when the walk is complete */
  readonly ordered: boolean;
}

/** The URL that lists what was updated since; null: everything. */
export function sincePage(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  changes: Ascending,
  partition: string,
  since: number | null,
): string {
  const url = new URL(firstPage(connection, stream, partition));
  if (since === null) return url.href;
  const { param, format, prefix = '' } = changes.since;
  url.searchParams.set(param, prefix + writeTime(Math.max(0, since), format ?? changes.format ?? 'iso'));
  return url.href;
}

/** The walk after this page, and where it goes on; `next` is undefined at the end of the list. */
export function afterSincePage(
  changes: Ascending,
  walk: SinceWalk,
  page: Pick<ListPage, 'items' | 'next'>,
): { readonly walk: SinceWalk; readonly next: 'since' | 'link' | undefined } {
  const times = pageTimes(changes, page.items);
  const ordered = walk.ordered && times.ordered;
  const after: SinceWalk = { since: walk.since, newest: newer(walk.newest, times.newest), ordered };
  if (page.next === undefined) return { walk: after, next: undefined };
  // One step earlier, since nobody says whether the moment itself is counted in.
  const anchor =
    times.newest === null
      ? null
      : times.newest - resolutionMs(changes.since.format ?? changes.format ?? 'iso');
  const moves = anchor !== null && (walk.since === null || anchor > walk.since);
  // More records of one moment than a page holds: only the list's own next page leads on.
  if (!ordered || !moves) return { walk: after, next: 'link' };
  return { walk: { ...after, since: anchor }, next: 'since' };
}
