/**
 * Waiting for changes. All that wait in a process share one look at the database: it asks for the newest numbers of
 * their streams, twice a second, and only while somebody waits. So a thousand readers hold no connection, and a pooler
 * in between does no harm. LISTEN and NOTIFY were turned down: every commit of a page would take the one lock of the
 * server's notification queue, and LISTEN doesn't pass through a pooler.
 */
import type { Db } from '../store/db.ts';
import type { StreamKey } from './writer.ts';

const EVERY_MS = 500;

export interface ChangeWatch {
  /**
   * Resolves when the stream has a change after that number, after `ms` milliseconds, when `signal` is aborted, or
   * when the watch is closed; whoever waited looks for itself which it was. Never rejects.
   */
  wait(key: StreamKey, after: number, ms: number, signal?: AbortSignal): Promise<void>;
  /** how many wait now */
  waiting(): number;
  /** Ends all waiting, and what is asked for later doesn't wait. */
  close(): void;
}

interface Waiter extends StreamKey {
  readonly after: number;
  readonly wake: () => void;
}

export interface ChangeWatchOptions {
  readonly onTrouble: (error: unknown) => void;
  /** milliseconds between two looks [500] */
  readonly everyMs?: number;
}

export function createChangeWatch(db: Pick<Db, 'pool'>, options: ChangeWatchOptions): ChangeWatch {
  const waiters = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const look = async (): Promise<void> => {
    try {
      const newest = await newestNumbers(db, [...waiters]);
      for (const waiter of waiters) if ((newest.get(nameOf(waiter)) ?? 0) > waiter.after) waiter.wake();
    } catch (error) {
      // they go on waiting; when their time is over they meet the trouble themselves
      options.onTrouble(error);
    }
    timer = undefined;
    schedule();
  };
  const schedule = (): void => {
    if (waiters.size === 0 || timer !== undefined) return;
    timer = setTimeout(() => void look(), options.everyMs ?? EVERY_MS);
  };

  return {
    wait(key, after, ms, signal) {
      if (closed || signal?.aborted === true || ms <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = (): void => {
          waiters.delete(waiter);
          clearTimeout(over);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const waiter: Waiter = { ...key, after, wake };
        const over = setTimeout(wake, ms);
        signal?.addEventListener('abort', wake, { once: true });
        waiters.add(waiter);
        schedule();
      });
    },
    waiting: () => waiters.size,
    close() {
      closed = true;
      clearTimeout(timer);
      for (const waiter of waiters) waiter.wake();
    },
  };
}

async function newestNumbers(db: Pick<Db, 'pool'>, keys: readonly StreamKey[]): Promise<Map<string, number>> {
  const distinct = [...new Map(keys.map((key) => [nameOf(key), key])).values()];
  const result = await db.pool.query<{ connection_id: string; stream: string; last_seq: string }>(
    `select s.connection_id, s.stream, s.last_seq from unnest($1::text[], $2::text[]) as k (connection_id, stream)
       join sluice.streams s on s.connection_id = k.connection_id and s.stream = k.stream`,
    [distinct.map((key) => key.connectionId), distinct.map((key) => key.stream)],
  );
  return new Map(
    result.rows.map((row) => [
      nameOf({ connectionId: row.connection_id, stream: row.stream }),
      Number(row.last_seq),
    ]),
  );
}

function nameOf({ connectionId, stream }: StreamKey): string {
  return `${connectionId}/${stream}`;
}
