/** Buckets of the rate limiter in Postgres: one row a key, moved in one statement by the database's clock. */
import type pg from 'pg';

export interface StoredBucket {
  readonly key: string;
  readonly intervalMs: number;
  readonly toleranceMs: number;
}

/** The database's clock, in epoch milliseconds. */
const NOW = `extract(epoch from clock_timestamp())::float8 * 1000`;

/**
 * Takes a turn; see `LimiterStore`. The row is written only where the turn is near enough, so callers that are sent
 * away don't push the schedule further out.
 */
export async function takeTurn(pool: pg.Pool, bucket: StoredBucket, maxWaitMs: number): Promise<number> {
  const taken = await pool.query<{ wait: number }>(
    `with clock as (select ${NOW} as at)
     insert into sluice.rate_limits as l (key, due)
     select $1, clock.at + $2::float8 from clock
     on conflict (key) do update
        set due = greatest(l.due, (select at from clock)) + $2::float8
      where greatest(l.due, (select at from clock)) - $3::float8 - (select at from clock) <= $4::float8
     returning greatest(0, due - $2::float8 - $3::float8 - (select at from clock)) as wait`,
    [bucket.key, bucket.intervalMs, bucket.toleranceMs, maxWaitMs],
  );
  const turn = taken.rows[0];
  if (turn !== undefined) return turn.wait;
  // Sent away. A statement of its own, since the first one may not see the row that somebody made meanwhile.
  const { rows } = await pool.query<{ wait: number }>(
    `select due - $2::float8 - ${NOW} as wait from sluice.rate_limits where key = $1`,
    [bucket.key, bucket.toleranceMs],
  );
  return Math.max(rows[0]?.wait ?? 0, maxWaitMs + 1);
}

export async function blockTurns(pool: pg.Pool, bucket: StoredBucket, delayMs: number): Promise<void> {
  await pool.query(
    `insert into sluice.rate_limits as l (key, due)
     values ($1, ${NOW} + $2::float8)
     on conflict (key) do update set due = greatest(l.due, excluded.due)`,
    [bucket.key, delayMs + bucket.toleranceMs],
  );
}

/** Removes buckets whose moment has passed: an absent row means the same. Returns how many. */
export async function sweepTurns(pool: pg.Pool): Promise<number> {
  const result = await pool.query(`delete from sluice.rate_limits where due < ${NOW}`);
  return result.rowCount ?? 0;
}
