/** One page of a list, asked for and taken apart as far as its paging style says. */
import { SluiceError } from '../errors.ts';
import type { RequestEntry } from '../store/run-timeline.ts';
import type { SyncContext } from './context.ts';
import { nextPage } from './paging.ts';
import type { WalkInput } from './pass.ts';
import { itemsOf } from './validate-page.ts';
import { currentSeq, type Writer } from './writer.ts';

export interface ListPage {
  readonly url: string;
  /** URL of the page after this one; undefined at the end */
  readonly next: string | undefined;
  readonly items: readonly unknown[];
  /** the stream's number before the request */
  readonly baseSeq: number;
  readonly request: RequestEntry | undefined;
}

/** `base`: the stream's number, where the caller knows it to be the newest as this is called. */
export async function fetchListPage(
  context: SyncContext,
  { connection, stream, counts, signal, job }: WalkInput,
  writer: Writer,
  url: string,
  base?: number,
): Promise<ListPage> {
  signal.throwIfAborted();
  const baseSeq = base ?? (await currentSeq(context.db.pool, writer));
  const answer = await context.outbound.getJson({ connection, flow: job.runId, url, stream, counts, signal });
  const items = itemsOf(stream, answer.body);
  const next = nextPage(connection, stream, {
    url,
    headers: answer.headers,
    body: answer.body,
    itemCount: items.length,
  });
  return { url, next, items, baseSeq, request: answer.request };
}

/** The provider knows the parent no more, although the mirror still does: its deletion is held, or just happened. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof SluiceError) || error.code !== 'provider_refused') return false;
  return error.details.status === 404 || error.details.status === 410;
}
