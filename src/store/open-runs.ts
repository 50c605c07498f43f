/** Ends the open runs of a connection at once, for whoever knows that nobody works on them or that they are void. */
import type pg from 'pg';

/** Cancels the active and the queued run with their streams; what they committed stays. */
export async function cancelOpenRuns(client: pg.PoolClient, connectionId: string): Promise<void> {
  // The run before its streams, as everybody locks them.
  await client.query(
    `select 1 from sluice.runs where connection_id = $1 and slot is not null order by id for no key update`,
    [connectionId],
  );
  const open = `(select id from sluice.runs where connection_id = $1 and slot is not null)`;
  await client.query(
    `update sluice.run_streams
        set status = 'cancelled', finished_at = now(), wait_until = null, wait_reason = null
      where status in ('pending', 'queued', 'running', 'waiting') and run_id in ${open}`,
    [connectionId],
  );
  await client.query(`delete from sluice.seen_keys where run_id in ${open}`, [connectionId]);
  await client.query(
    `update sluice.runs set status = 'cancelled', slot = null, finished_at = now(), cancel_requested = true
      where connection_id = $1 and slot is not null`,
    [connectionId],
  );
}
