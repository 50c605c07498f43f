/** Replays the change feed of a stream and compares the result with its mirror. */
import { isDeepStrictEqual } from 'node:util';

export interface FeedChange {
  readonly seq: number;
  readonly op: string;
  readonly recordId: string;
  /** the body before an update or delete */
  readonly previous: unknown;
}

export interface MirrorRecord {
  readonly recordId: string;
  readonly data: unknown;
  /** number of the change that wrote it last */
  readonly seq: number;
  readonly deleted: boolean;
}

export interface ReplayFindings {
  readonly lost: string[];
  readonly doubled: string[];
}

/**
 * What is wrong with a feed from its first change on. `changes` come in the order of their numbers; `lastSeq` is the
 * number that the stream gave last. Each body is what the next change of the record calls the previous one, or what the
 * mirror holds.
 */
export function replay(
  changes: readonly FeedChange[],
  records: readonly MirrorRecord[],
  lastSeq: number,
): ReplayFindings {
  const found: ReplayFindings = { lost: [], doubled: [] };
  let expected = 1;
  const histories = new Map<string, FeedChange[]>();
  for (const change of changes) {
    if (change.seq < expected) found.doubled.push(`number ${change.seq} was given twice`);
    else if (change.seq > expected)
      found.lost.push(`no change has the numbers from ${expected} to ${change.seq - 1}`);
    expected = change.seq + 1;
    const history = histories.get(change.recordId);
    if (history === undefined) histories.set(change.recordId, [change]);
    else history.push(change);
  }
  if (expected !== lastSeq + 1) found.lost.push(`the feed ends at ${expected - 1}, the stream at ${lastSeq}`);
  const mirror = new Map(records.map((record) => [record.recordId, record]));
  for (const record of records)
    if (!histories.has(record.recordId)) found.lost.push(`${record.recordId} is in no change`);
  for (const [id, history] of histories) replayOne(id, history, mirror.get(id), found);
  return found;
}

function replayOne(
  id: string,
  history: readonly FeedChange[],
  record: MirrorRecord | undefined,
  found: ReplayFindings,
): void {
  let live = false;
  for (const [at, { seq, op, previous }] of history.entries()) {
    const next = history[at + 1];
    if (op === 'added' && live) found.doubled.push(`${id} was added twice, last by change ${seq}`);
    if (op !== 'added' && !live) found.lost.push(`${id} was ${op} by change ${seq} and not there`);
    const after = next === undefined ? record?.data : next.previous;
    if (op === 'updated' && isDeepStrictEqual(previous, after))
      found.doubled.push(`${id} was updated to what it was by change ${seq}`);
    live = op !== 'deleted';
  }
  const last = history.at(-1);
  if (record === undefined) found.lost.push(`${id} has changes and no record`);
  else if (record.deleted === live)
    found.lost.push(`${id} is ${live ? 'deleted' : 'live'} in the mirror alone`);
  else if (record.seq !== last?.seq)
    found.lost.push(`${id} was written by change ${record.seq}, but its last one is ${last?.seq}`);
}
