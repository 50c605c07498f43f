/** Streams whose records didn't fit the last time, and still don't as far as anybody knows. */
import type { Db } from '../store/db.ts';

/** Ended runs of a connection that are looked through for the last one of a stream. */
const RUNS = 50;
/**
 * How long a rejection counts where a run reads changes alone, in milliseconds: later runs reject nothing, since they
 * don't read that record again.
 */
export const REMEMBERED_MS = 86_400_000;

export interface RejectedStream {
  readonly connectionId: string;
  readonly stream: string;
  /** records that the run rejected; 0 where it ended before it could count them */
  readonly records: number;
  /** of the newest */
  readonly reason: string;
  readonly rejectedAt: Date;
  /** the run failed for it: so many were rejected that it didn't go on */
  readonly gaveUp: boolean;
}

/**
 * Those whose last run rejected records, and those read by changes that rejected some within a day;
 * what was rejected last comes first. A stream costs a look at an index, one that has rejected records a few more: how
 * many they are doesn't matter.
 */
export async function rejectedStreams(
  db: Pick<Db, 'pool'>,
  now: number,
  limit: number,
): Promise<RejectedStream[]> {
  const found = await db.pool.query<{
    connection_id: string;
    stream: string;
    records: number;
    reason: string;
    rejected_at: Date;
    gave_up: boolean;
  }>(
    `-- a run that is open counts too: what it rejects again must not be gone from the list meanwhile
     select s.connection_id, s.stream, coalesce(own.rejected, 0) as records, newest.reason, newest.rejected_at,
            coalesce(own.error ->> 'code' = 'records_rejected', false) as gave_up
       from sluice.streams s
       join sluice.connections c on c.id = s.connection_id
       cross join lateral (select j.id, j.run_id, j.reason, j.rejected_at from sluice.rejected_records j
                            where j.connection_id = s.connection_id and j.stream = s.stream
                            -- as the index has it
                            order by j.id desc nulls last limit 1) newest
       left join lateral (select r.id, rs.mode
                       from (select id, created_at from sluice.runs
                              where connection_id = s.connection_id and finished_at is not null
                              order by created_at desc, id desc limit ${RUNS}) r
                       join sluice.run_streams rs on rs.run_id = r.id and rs.stream = s.stream
                      order by r.created_at desc, r.id desc limit 1) last on true
       left join sluice.run_streams own on own.run_id = newest.run_id and own.stream = s.stream
       left join sluice.runs run on run.id = newest.run_id
      where newest.run_id = last.id or (run.id is not null and run.finished_at is null)
            or (last.mode = 'incremental' and newest.rejected_at > $1)
      order by newest.id desc limit $2`,
    [new Date(now - REMEMBERED_MS), limit],
  );
  return found.rows.map((row) => ({
    connectionId: row.connection_id,
    stream: row.stream,
    records: row.records,
    reason: row.reason,
    rejectedAt: row.rejected_at,
    gaveUp: row.gave_up,
  }));
}
