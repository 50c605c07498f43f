import { describe, expect, it } from 'vitest';
import { replay, type FeedChange, type MirrorRecord } from './chaos/replay.ts';

const added = (seq: number, recordId = 'a'): FeedChange => ({ seq, op: 'added', recordId, previous: null });
const updated = (seq: number, previous: unknown, recordId = 'a'): FeedChange => ({
  seq,
  op: 'updated',
  recordId,
  previous,
});
const record = (seq: number, data: unknown, deleted = false): MirrorRecord => ({
  recordId: 'a',
  seq,
  data,
  deleted,
});

describe('the replay of a change feed', () => {
  it('finds nothing in a feed that leads to its mirror', () => {
    const changes: FeedChange[] = [
      added(1),
      updated(2, { n: 1 }),
      { seq: 3, op: 'deleted', recordId: 'a', previous: { n: 2 } },
      added(4),
    ];
    expect(replay(changes, [record(4, { n: 3 })], 4)).toEqual({ lost: [], doubled: [] });
  });

  it.each<[string, FeedChange[], MirrorRecord[], number]>([
    ['a hole in the numbers', [added(1), updated(3, { n: 1 })], [record(3, { n: 2 })], 3],
    ['an end before the last number', [added(1)], [record(1, { n: 1 })], 2],
    ['a record without a change', [], [record(1, { n: 1 })], 0],
    ['a change without a record', [added(1)], [], 1],
    ['an update of what was not there', [updated(1, { n: 1 })], [record(1, { n: 2 })], 1],
    ['a record that is deleted in the mirror alone', [added(1)], [record(1, { n: 1 }, true)], 1],
    ['a record whose last change is another', [added(1), updated(2, { n: 1 })], [record(1, { n: 2 })], 2],
  ])('calls %s lost', (_what, changes, records, lastSeq) => {
    const found = replay(changes, records, lastSeq);
    expect(found.lost).toHaveLength(1);
    expect(found.doubled).toEqual([]);
  });

  it.each<[string, FeedChange[], MirrorRecord[], number]>([
    ['a record that was added twice', [added(1), added(2)], [record(2, { n: 1 })], 2],
    ['an update that changed nothing', [added(1), updated(2, { n: 1 })], [record(2, { n: 1 })], 2],
    ['a number that was given twice', [added(1), updated(1, { n: 1 })], [record(1, { n: 2 })], 1],
  ])('calls %s doubled', (_what, changes, records, lastSeq) => {
    const found = replay(changes, records, lastSeq);
    expect(found.doubled).toHaveLength(1);
    expect(found.lost).toEqual([]);
  });
});
