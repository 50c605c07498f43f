/**
 * The rules of a list that is sorted by update time, newest first: when a walk has met what it knows already, and up
 * to where it may say afterwards that everything is known.
 *
 * Rows that are updated during a walk move to the front, where it has been already: they are newer than the
 * watermark that it commits at its end, and the next walk meets them.
 */
import type { Watermark } from '../providers/contract.ts';
import type { ListPage } from './list-page.ts';
import type { Mark } from './marks.ts';
import { pageTimes } from './update-time.ts';

/** What one walk from the front of a list knows. Part of the checkpoint. */
export interface FrontWalk {
  /** `all`: to the list's end; `new`: to what is known; `again`: once more from the front after `all` */
  readonly step: 'all' | 'new' | 'again';
  /** milliseconds: what is older is known; null: nothing is, or the records carry no time */
  readonly floor: number | null;
  /** of records without a time: what counts as known */
  readonly settled: { readonly seq: number; readonly run: string } | null;
  /** newest update time, in milliseconds, of the first page */
  readonly front: number | null;
  /** newest update time that was seen and may become the watermark */
  readonly newest: number | null;
  /** false: `newest` was found before the walk, which lists in another order */
  readonly byTime: boolean;
  /** the most records that a page of this walk had */
  readonly largest: number;
  readonly pages: number;
}

export type Verdict = 'goes on' | 'ends' | 'when stored';

/** The walk after this page, and whether it ends with it: sometimes only the commit can tell. */
export function afterFrontPage(
  changes: Watermark,
  walk: FrontWalk,
  page: Pick<ListPage, 'items' | 'next'>,
): { readonly walk: FrontWalk; readonly verdict: Verdict } {
  const times = pageTimes(changes, page.items);
  const isFull = page.items.length > 0 && page.items.length >= walk.largest;
  const after: FrontWalk = {
    ...walk,
    front: walk.pages === 0 ? times.newest : walk.front,
    newest: walk.byTime ? newer(walk.newest, times.newest) : walk.newest,
    largest: Math.max(walk.largest, page.items.length),
    pages: walk.pages + 1,
  };
  if (page.next === undefined) return { walk: after, verdict: 'ends' };
  if (walk.step === 'all') return { walk: after, verdict: 'goes on' };
  if (changes.field === undefined) return { walk: after, verdict: isFull ? 'when stored' : 'goes on' };
  // A page that isn't in order says nothing of what follows.
  const known = walk.floor !== null && times.ordered && times.last !== null && times.last < walk.floor;
  return { walk: after, verdict: known ? 'ends' : 'goes on' };
}

/** The time above which everything is read again by the next walk. */
export function floorOf(mark: Mark | undefined, overlapMs: number): number | null {
  return mark !== undefined && 'watermark' in mark ? Date.parse(mark.watermark) - overlapMs : null;
}

export function newer(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
