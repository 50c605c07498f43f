/**
 * Commits in groups: what arrives while a commit is under way shares the next one, so that a busy intake costs few
 * transactions and an idle one loses no time. Each message is answered after its own commit and within a fixed time,
 * whatever the database does.
 */
import { SluiceError } from '../errors.ts';

export interface GroupCommitOptions<T> {
  /** Commits all of them or none; resolves to the result of each. */
  readonly commit: (items: readonly T[]) => Promise<readonly boolean[]>;
  readonly sizeOf: (item: T) => number;
  readonly onError: (error: unknown, items: number) => void;
  /** commits under way at once [2] */
  readonly parallel?: number;
  /** milliseconds until an item is given up [1,800] */
  readonly timeoutMs?: number;
}

export interface GroupCommit<T> {
  /**
   * Resolves when the item is committed, to what `commit` said of it.
   *
   * @throws SluiceError `webhooks_not_stored` (transient) within the time; it may be committed all the same
   */
  add(item: T): Promise<boolean>;
  /** Waits for the commits that are under way. */
  close(): Promise<void>;
}

/** Of one group. Larger ones gain nothing and keep the first of them waiting. */
const GROUP_ITEMS = 200;
const GROUP_BYTES = 4 * 1024 * 1024;
/** What may wait in memory; beyond it the answer is immediate, since it would come too late anyway. */
const WAITING_ITEMS = 5_000;
const WAITING_BYTES = 64 * 1024 * 1024;

interface Waiting<T> {
  readonly item: T;
  readonly size: number;
  settled: boolean;
  readonly resolve: (stored: boolean) => void;
  readonly reject: (error: SluiceError) => void;
}

export function createGroupCommit<T>(options: GroupCommitOptions<T>): GroupCommit<T> {
  const parallel = options.parallel ?? 2;
  const timeoutMs = options.timeoutMs ?? 1_800;
  let waiting: Waiting<T>[] = [];
  let waitingBytes = 0;
  const underWay = new Set<Promise<void>>();

  const take = (): Waiting<T>[] => {
    const group: Waiting<T>[] = [];
    let bytes = 0;
    let taken = 0;
    for (const one of waiting) {
      if (group.length > 0 && (group.length >= GROUP_ITEMS || bytes + one.size > GROUP_BYTES)) break;
      taken += 1;
      waitingBytes -= one.size;
      // whoever has been told to come again will do so
      if (one.settled) continue;
      group.push(one);
      bytes += one.size;
    }
    waiting = waiting.slice(taken);
    return group;
  };

  const next = (): void => {
    while (underWay.size < parallel && waiting.length > 0) {
      const group = take();
      if (group.length === 0) continue;
      const done = commitGroup(group).finally(() => {
        underWay.delete(done);
        next();
      });
      underWay.add(done);
    }
  };

  async function commitGroup(group: readonly Waiting<T>[]): Promise<void> {
    try {
      const results = await options.commit(group.map(({ item }) => item));
      group.forEach((one, index) => one.resolve(results[index] === true));
    } catch (error) {
      options.onError(error, group.length);
      if (group.length === 1) {
        group[0]?.reject(notStored(error));
        return;
      }
      // One of them may be at fault: each gets a chance of its own, while there is time.
      for (const one of group) if (!one.settled) await commitGroup([one]);
    }
  }

  return {
    add(item) {
      const size = options.sizeOf(item);
      if (waiting.length >= WAITING_ITEMS || waitingBytes + size > WAITING_BYTES)
        return Promise.reject(notStored(new Error('too many messages wait to be stored')));
      return new Promise<boolean>((resolve, reject) => {
        const settle = (): boolean => {
          if (one.settled) return false;
          one.settled = true;
          clearTimeout(timer);
          return true;
        };
        const one: Waiting<T> = {
          item,
          size,
          settled: false,
          resolve: (stored) => void (settle() && resolve(stored)),
          reject: (error) => void (settle() && reject(error)),
        };
        const timer = setTimeout(
          () => one.reject(notStored(new Error(`no commit within ${timeoutMs} ms`))),
          timeoutMs,
        );
        waiting.push(one);
        waitingBytes += size;
        next();
      });
    },
    async close() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

function notStored(cause: unknown): SluiceError {
  return new SluiceError('webhooks_not_stored', 'The message could not be stored now; send it again.', {
    cause,
  });
}
