/** Endpoints that wait for being removed at their provider, since their connection is gone. */
import type pg from 'pg';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

export interface RemovalRow {
  readonly id: string;
  readonly connection_id: string;
  readonly provider: string;
  readonly config: unknown;
  readonly place: string;
  readonly reference: string | null;
  readonly url: string;
  readonly credentials: string;
  readonly secrets: string;
  readonly attempts: number;
}

/** Queues the endpoints of a connection that is being removed, with what their removal needs, and forgets them here. */
export async function retireEndpoints(client: Queryable, connectionId: string): Promise<void> {
  await client.query(
    `insert into sluice.webhook_removals
       (id, connection_id, provider, config, place, reference, url, credentials, secrets)
     select gen_random_uuid()::text, c.id, c.provider, c.config, e.place, e.reference, e.url, c.credentials, e.secrets
       from sluice.webhook_endpoints e join sluice.connections c on c.id = e.connection_id
      where e.connection_id = $1`,
    [connectionId],
  );
  await client.query(`delete from sluice.webhook_endpoints where connection_id = $1`, [connectionId]);
}

/** Takes what is due; each is left alone by others for `holdSeconds`, and comes again unless it is dropped. */
export async function claimRemovals(
  db: Queryable,
  limit: number,
  holdSeconds: number,
): Promise<RemovalRow[]> {
  const taken = await db.query<RemovalRow>(
    `update sluice.webhook_removals r
        set attempts = r.attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
       from (select id from sluice.webhook_removals where next_attempt_at <= now()
              order by next_attempt_at limit $1 for update skip locked) due
      where r.id = due.id returning r.*`,
    [limit, holdSeconds],
  );
  return taken.rows;
}

export async function dropRemoval(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from sluice.webhook_removals where id = $1`, [id]);
}

export async function postponeRemoval(db: Queryable, id: string, seconds: number): Promise<void> {
  await db.query(
    `update sluice.webhook_removals set next_attempt_at = now() + make_interval(secs => $2) where id = $1`,
    [id, seconds],
  );
}
