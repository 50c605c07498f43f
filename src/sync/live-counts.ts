/**
 * How many live records streams have, cheaply enough for a page that is loaded often: a count goes no further than
 * `COUNT_LIMIT`, and is kept for as long as the stream's newest change has the same number, since nothing can have
 * changed then. One that changes all the time is counted every few seconds, whoever looks.
 */
import type { Db } from '../store/db.ts';

/** A stream with more shows this number and a plus: counting on would take the longer the more there is. */
export const COUNT_LIMIT = 100_000;
const COUNTED_EVERY_MS = 5_000;

export interface LiveCounts {
  /** by stream; `COUNT_LIMIT + 1` for more than that */
  of(connectionId: string): Promise<Readonly<Record<string, number>>>;
}

interface Counted {
  readonly seq: string;
  readonly at: number;
  readonly rows: number;
}

/** `now` in epoch milliseconds. */
export function createLiveCounts(db: Pick<Db, 'pool'>, now: () => number): LiveCounts {
  const known = new Map<string, Counted>();
  const count = async (connectionId: string, stream: string, seq: string): Promise<number> => {
    const key = `${connectionId}/${stream}`;
    const before = known.get(key);
    if (before !== undefined && (before.seq === seq || now() - before.at < COUNTED_EVERY_MS))
      return before.rows;
    const result = await db.pool.query<{ rows: number }>(
      `select count(*)::int as rows from (
         select 1 from sluice.records where connection_id = $1 and stream = $2 and deleted_at is null limit $3) live`,
      [connectionId, stream, COUNT_LIMIT + 1],
    );
    const rows = result.rows[0]?.rows ?? 0;
    known.set(key, { seq, at: now(), rows });
    return rows;
  };
  return {
    async of(connectionId) {
      const streams = await db.pool.query<{ stream: string; last_seq: string }>(
        `select stream, last_seq from sluice.streams where connection_id = $1 and last_seq > 0 order by stream`,
        [connectionId],
      );
      const counts: Record<string, number> = {};
      for (const { stream, last_seq } of streams.rows)
        counts[stream] = await count(connectionId, stream, last_seq);
      return counts;
    },
  };
}
