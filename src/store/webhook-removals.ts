/** Endpoints that wait for being removed at their provider, since their connection is gone. */
import type pg from 'pg';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

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
