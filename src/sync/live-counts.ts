/**
 * How many live records streams have, cheaply enough for a page that is loaded often: a count goes no further than
 * `COUNT_LIMIT`, and is kept for as long as the stream's newest change has the same number, since nothing can have
 * changed then. One that changes all the time is counted the more rarely the larger it is, whoever looks: a small one each
 * time, so that whoever deletes something sees it gone, and one of `COUNT_LIMIT` every few seconds.
 */
import type { Db } from '../store/db.ts';

/** A stream with more shows this number and a plus: counting on would take the longer the more there is. */
export const COUNT_LIMIT = 100_000;
/** Pause between two counts of a stream that keeps changing, for each record that the last one found. */
const PAUSE_PER_RECORD_MS = 5_000 / COUNT_LIMIT;

export interface LiveCounts {
  /** by stream; `COUNT_LIMIT + 1` for more than that */
  of(connectionId: string): Promise<Readonly<Record<string, number>>>;
  /** the same of several, by connection, in two statements */
  ofAll(connectionIds: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>>;
}

interface Counted {
  readonly seq: string;
  readonly at: number;
  readonly rows: number;
}

interface Stream {
  readonly connection_id: string;
  readonly stream: string;
  readonly last_seq: string;
}

/** `now` in epoch milliseconds. */
export function createLiveCounts(db: Pick<Db, 'pool'>, now: () => number): LiveCounts {
  const known = new Map<string, Counted>();
  const keyOf = ({ connection_id, stream }: Stream): string => `${connection_id}/${stream}`;

  const count = async (streams: readonly Stream[]): Promise<void> => {
    const result = await db.pool.query<Stream & { rows: number }>(
      `select asked.connection_id, asked.stream, asked.last_seq, live.rows
         from unnest($1::text[], $2::text[], $3::text[]) as asked (connection_id, stream, last_seq)
        cross join lateral (
          select count(*)::int as rows from (
            select 1 from sluice.records r
             where r.connection_id = asked.connection_id and r.stream = asked.stream and r.deleted_at is null
             limit $4) found) live`,
      [
        streams.map(({ connection_id }) => connection_id),
        streams.map(({ stream }) => stream),
        streams.map(({ last_seq }) => last_seq),
        COUNT_LIMIT + 1,
      ],
    );
    for (const row of result.rows) known.set(keyOf(row), { seq: row.last_seq, at: now(), rows: row.rows });
  };

  const ofAll: LiveCounts['ofAll'] = async (connectionIds) => {
    const { rows: streams } = await db.pool.query<Stream>(
      `select connection_id, stream, last_seq::text from sluice.streams
        where connection_id = any($1) and last_seq > 0 order by connection_id, stream`,
      [connectionIds],
    );
    const stale = streams.filter((stream) => {
      const before = known.get(keyOf(stream));
      return (
        before === undefined ||
        (before.seq !== stream.last_seq && now() - before.at >= before.rows * PAUSE_PER_RECORD_MS)
      );
    });
    if (stale.length > 0) await count(stale);
    const counts = new Map<string, Record<string, number>>();
    for (const stream of streams) {
      const own = counts.get(stream.connection_id) ?? {};
      own[stream.stream] = known.get(keyOf(stream))?.rows ?? 0;
      counts.set(stream.connection_id, own);
    }
    return counts;
  };
  return { ofAll, of: async (id) => (await ofAll([id])).get(id) ?? {} };
}
