/** Refresh tokens that wait for being revoked at their provider. */
import type pg from 'pg';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

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
