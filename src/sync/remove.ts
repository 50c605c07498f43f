/** Removing a connection, and erasing what it brought when asked to. */
import type pg from 'pg';
import { removeConnection } from '../store/connections.ts';
import type { Db } from '../store/db.ts';
import { retireGrant } from '../store/grant-revocations.ts';
import { retireEndpoints } from '../store/webhook-removals.ts';

export interface Removed {
  /** records that were erased, or that stay */
  readonly records: number;
}

/**
 * Removes a connection and ends its open runs. With `purge` its records, changes, rejected records and the
 * timelines of its runs go too. The
 * rows that give out change numbers stay in any case: a connection made again under the same id goes on counting.
 * Returns undefined where there is no such connection.
 */
export async function removeConnectionFully(
  db: Db,
  id: string,
  options: { readonly purge: boolean },
): Promise<Removed | undefined> {
  return db.tx((client) => removeConnectionIn(client, id, options));
}

/** The same inside a transaction of the caller's. */
export async function removeConnectionIn(
  client: pg.PoolClient,
  id: string,
  options: { readonly purge: boolean },
): Promise<Removed | undefined> {
  // first: what is needed to revoke its grant and to remove its endpoints goes with the connection's row
  await retireGrant(client, id);
  await retireEndpoints(client, id);
  if (!(await removeConnection(client, id))) return undefined;
  if (!options.purge) {
    const kept = await client.query<{ count: number }>(
      `select count(*)::int as count from sluice.records where connection_id = $1`,
      [id],
    );
    return { records: kept.rows[0]?.count ?? 0 };
  }
  // The lease is taken away first, so that no worker writes a page between these deletes and the commit.
  await client.query(
    `update sluice.stream_leases set fence = fence + 1, run_id = null, owner = null, expires_at = now()
        where connection_id = $1`,
    [id],
  );
  const erased = await client.query(`delete from sluice.records where connection_id = $1`, [id]);
  await client.query(`delete from sluice.changes where connection_id = $1`, [id]);
  await client.query(`delete from sluice.webhook_events where connection_id = $1`, [id]);
  await client.query(`delete from sluice.rejected_records where connection_id = $1`, [id]);
  await client.query(
    `delete from sluice.run_timeline t using sluice.runs r where r.id = t.run_id and r.connection_id = $1`,
    [id],
  );
  await client.query(
    `update sluice.streams set cursor = null, first_seq = last_seq + 1 where connection_id = $1`,
    [id],
  );
  return { records: erased.rowCount ?? 0 };
}
