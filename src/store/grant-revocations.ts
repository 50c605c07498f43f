/** Refresh tokens that wait for being revoked at their provider. */
import type pg from 'pg';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

export interface RevocationRow {
  readonly id: string;
  readonly connection_id: string;
  readonly provider: string;
  readonly config: unknown;
  readonly credentials: string;
  readonly refresh_token: string;
  readonly attempts: number;
}

/**
 * Queues the refresh token of a connection that is being removed, with what its revocation needs, and drops the grant.
 * Not where another connection stands on the consent of the same account for the same application: servers may revoke
 * all tokens of that pair together (RFC 7009 section 2.1).
 */
export async function retireGrant(client: Queryable, connectionId: string): Promise<void> {
  await client.query(
    `insert into sluice.grant_revocations (id, connection_id, provider, config, credentials, refresh_token)
     select gen_random_uuid()::text, c.id, c.provider, c.config, c.credentials, g.refresh_token
       from sluice.grants g join sluice.connections c on c.id = g.connection_id
      where g.connection_id = $1 and g.refresh_token is not null
        and not exists (select 1 from sluice.grants o
                         where o.connection_id <> $1 and o.client_id = g.client_id
                           and o.account_id is not distinct from g.account_id)`,
    [connectionId],
  );
  for (const table of ['grants', 'grant_refreshes', 'connect_tickets', 'connect_flows', 'mappings']) {
    await client.query(`delete from sluice.${table} where connection_id = $1`, [connectionId]);
  }
}

/** Takes what is due; each is left alone by others for `holdSeconds`, and comes again unless it is dropped. */
export async function claimRevocations(
  db: Queryable,
  limit: number,
  holdSeconds: number,
): Promise<RevocationRow[]> {
  const taken = await db.query<RevocationRow>(
    `update sluice.grant_revocations r
        set attempts = r.attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
       from (select id from sluice.grant_revocations where next_attempt_at <= now()
              order by next_attempt_at limit $1 for update skip locked) due
      where r.id = due.id returning r.*`,
    [limit, holdSeconds],
  );
  return taken.rows;
}

export async function dropRevocation(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from sluice.grant_revocations where id = $1`, [id]);
}

export async function postponeRevocation(db: Queryable, id: string, seconds: number): Promise<void> {
  await db.query(
    `update sluice.grant_revocations set next_attempt_at = now() + make_interval(secs => $2) where id = $1`,
    [id, seconds],
  );
}
