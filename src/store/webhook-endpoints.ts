/** The endpoints that we registered at providers, with their encrypted secrets. */
import type { ErrorReport } from '../errors.ts';
import type { Db } from './db.ts';

export type EndpointState = 'active' | 'suspended' | 'inactive' | 'missing' | 'unknown';

export interface EndpointRow {
  readonly connection_id: string;
  readonly place: string;
  readonly reference: string | null;
  readonly url: string;
  readonly secrets: string;
  readonly state: EndpointState;
  readonly registered_at: Date;
  readonly checked_at: Date | null;
  readonly error: ErrorReport | null;
}

/** The row identity that an endpoint's secrets are bound to in the vault. */
export function endpointIdentity(connectionId: string, place: string): string {
  return endpointIdentityOf(`${connectionId}:${place}`);
}

/** The same from `<connection>:<place>`. A connection's id holds no colon. */
export function endpointIdentityOf(key: string): string {
  return `webhook:${key}`;
}

export async function endpointsOf(db: Db, connectionId: string): Promise<EndpointRow[]> {
  const result = await db.pool.query<EndpointRow>(
    `select * from sluice.webhook_endpoints where connection_id = $1 order by place`,
    [connectionId],
  );
  return result.rows;
}

export async function allEndpoints(db: Db): Promise<EndpointRow[]> {
  const result = await db.pool.query<EndpointRow>(
    `select * from sluice.webhook_endpoints order by connection_id, place`,
  );
  return result.rows;
}

/** States in which an endpoint brings nothing any more and a person has to do something about it. */
const DOWN: readonly EndpointState[] = ['suspended', 'inactive', 'missing'];

export function isDown(state: EndpointState): boolean {
  return DOWN.includes(state);
}

export interface DownEndpoints {
  readonly connectionId: string;
  /** of these `down` bring nothing */
  readonly endpoints: number;
  readonly down: number;
  /** of the one that is down and comes first */
  readonly state: EndpointState;
  readonly place: string;
}

/** Connections with endpoints that are down, as the last look at their providers has shown; one scan of a small table. */
export async function downEndpoints(db: Pick<Db, 'pool'>, limit: number): Promise<DownEndpoints[]> {
  const found = await db.pool.query<{
    connection_id: string;
    endpoints: number;
    down: number;
    state: EndpointState;
    place: string;
  }>(
    `select connection_id, count(*)::int as endpoints, count(*) filter (where state = any($1))::int as down,
            (array_agg(state order by place) filter (where state = any($1)))[1] as state,
            min(place) filter (where state = any($1)) as place
       from sluice.webhook_endpoints
      group by connection_id having bool_or(state = any($1))
      order by connection_id limit $2`,
    [DOWN, limit],
  );
  return found.rows.map(({ connection_id, ...row }) => ({ connectionId: connection_id, ...row }));
}

/** What is wrong with one of a connection's endpoints, if anything. */
export async function endpointTrouble(db: Db, connectionId: string): Promise<ErrorReport | undefined> {
  const found = await db.pool.query<{ error: ErrorReport }>(
    `select error from sluice.webhook_endpoints
      where connection_id = $1 and error is not null order by place limit 1`,
    [connectionId],
  );
  return found.rows[0]?.error;
}

/** Connections that are still there and have endpoints. */
export async function connectionsWithEndpoints(db: Db): Promise<string[]> {
  const result = await db.pool.query<{ id: string }>(
    `select distinct c.id from sluice.connections c join sluice.webhook_endpoints e on e.connection_id = c.id order by 1`,
  );
  return result.rows.map(({ id }) => id);
}

export type EndpointWrite = Pick<
  EndpointRow,
  'connection_id' | 'place' | 'url' | 'secrets' | 'reference' | 'state'
>;

export async function writeEndpoint(db: Db, endpoint: EndpointWrite): Promise<void> {
  await db.pool.query(
    `insert into sluice.webhook_endpoints (connection_id, place, reference, url, secrets, state)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (connection_id, place) do update
        set reference = excluded.reference, url = excluded.url, secrets = excluded.secrets, state = excluded.state,
            registered_at = now(), checked_at = null, error = null`,
    [
      endpoint.connection_id,
      endpoint.place,
      endpoint.reference,
      endpoint.url,
      endpoint.secrets,
      endpoint.state,
    ],
  );
}

export async function noteEndpointState(
  db: Db,
  key: Pick<EndpointRow, 'connection_id' | 'place'>,
  state: EndpointState,
  error: ErrorReport | null,
): Promise<void> {
  await db.pool.query(
    `update sluice.webhook_endpoints set state = $3, error = $4, checked_at = now()
      where connection_id = $1 and place = $2`,
    [key.connection_id, key.place, state, error === null ? null : JSON.stringify(error)],
  );
}

export async function forgetEndpoint(
  db: Db,
  key: Pick<EndpointRow, 'connection_id' | 'place'>,
): Promise<void> {
  await db.pool.query(`delete from sluice.webhook_endpoints where connection_id = $1 and place = $2`, [
    key.connection_id,
    key.place,
  ]);
}

/** Of one connection and one task at a time: two registrations at once would each make an endpoint. */
export function registrationTask(connectionId: string): string {
  return `webhook endpoints of ${connectionId}`;
}
