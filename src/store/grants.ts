/** Grants of persons as rows: the refresh token with its version, and the intents to spend it. */
import type pg from 'pg';
import type { StoredSetup } from './setups.ts';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

export interface GrantRow {
  readonly connection_id: string;
  readonly epoch: string;
  /** a bigint, as the driver gives it */
  readonly version: string;
  readonly refresh_token: string | null;
  readonly client_id: string;
  readonly scopes: readonly string[];
  readonly account_id: string | null;
  readonly account_label: string | null;
  readonly obtained_at: Date;
  readonly last_used_at: Date | null;
  readonly last_refreshed_at: Date | null;
  readonly expires_at: Date | null;
  readonly refused_at: Date | null;
  readonly refused_code: string | null;
  readonly refused_reason: string | null;
  readonly setup: StoredSetup | null;
}

/** The identity to which a refresh token's ciphertext is bound in the vault. */
export function grantIdentity(connectionId: string): string {
  return `grant:${connectionId}`;
}

export async function findGrant(db: Queryable, connectionId: string): Promise<GrantRow | undefined> {
  const found = await db.query<GrantRow>(`select * from sluice.grants where connection_id = $1`, [
    connectionId,
  ]);
  return found.rows[0];
}

export interface LockedGrant extends GrantRow {
  /** it was refused, or found in doubt, after this transaction had begun to wait for it */
  readonly refused_meanwhile: boolean;
}

/** Takes the row for a refresh. Not `for update`, which would keep the intent's writer waiting for ever. */
export async function lockGrant(client: Queryable, connectionId: string): Promise<LockedGrant | undefined> {
  const found = await client.query<LockedGrant>(
    `select *, coalesce(refused_at > now(), false) as refused_meanwhile
       from sluice.grants where connection_id = $1 for no key update`,
    [connectionId],
  );
  return found.rows[0];
}

export interface NewGrant {
  readonly connectionId: string;
  readonly epoch: string;
  /** vault ciphertext; null where none is kept */
  readonly refreshToken: string | null;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly account: { readonly id: string; readonly label: string } | null;
  readonly expiresAt: Date | null;
}

/** Puts a new consent in the place of an older one. A refresh of the older one that is under way loses against it. */
export async function replaceGrant(client: Queryable, grant: NewGrant): Promise<void> {
  await client.query(
    `insert into sluice.grants as g
       (connection_id, epoch, refresh_token, client_id, scopes, account_id, account_label, expires_at,
        obtained_at, last_refreshed_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now(), now())
     on conflict (connection_id) do update
        set epoch = excluded.epoch, version = 1, refresh_token = excluded.refresh_token,
            client_id = excluded.client_id, scopes = excluded.scopes, account_id = excluded.account_id,
            account_label = excluded.account_label, expires_at = excluded.expires_at, obtained_at = now(),
            last_used_at = null, last_refreshed_at = now(), refused_at = null, refused_code = null,
            refused_reason = null, setup = null`,
    [
      grant.connectionId,
      grant.epoch,
      grant.refreshToken,
      grant.clientId,
      grant.scopes,
      grant.account?.id ?? null,
      grant.account?.label ?? null,
      grant.expiresAt,
    ],
  );
  await client.query(`delete from sluice.grant_refreshes where connection_id = $1`, [grant.connectionId]);
}

export interface GrantVersion {
  readonly connectionId: string;
  readonly epoch: string;
  readonly version: string;
}

export interface RefreshResult extends GrantVersion {
  /** vault ciphertext of the rotated token; null where the old one stays */
  readonly refreshToken: string | null;
  /** undefined where the answer doesn't say */
  readonly expiresAt: Date | undefined;
  /** whether work asked for it, and not the upkeep */
  readonly used: boolean;
}

/** Stores what a refresh brought, unless another refresh or consent came first: false then. Ends the intent. */
export async function storeRefresh(db: Queryable, result: RefreshResult): Promise<boolean> {
  const stored = await db.query(
    `with done as (
       update sluice.grants
          set refresh_token = coalesce($4, refresh_token), version = version + 1, last_refreshed_at = now(),
              last_used_at = case when $6 then now() else last_used_at end,
              expires_at = case when $7 then $5 else expires_at end,
              refused_at = null, refused_code = null, refused_reason = null
        where connection_id = $1 and epoch = $2 and version = $3
        returning connection_id, epoch
     ), cleared as (
       delete from sluice.grant_refreshes r using done
        where r.connection_id = done.connection_id and r.epoch = done.epoch and r.version = $3
     )
     select 1 from done`,
    [
      result.connectionId,
      result.epoch,
      result.version,
      result.refreshToken,
      result.expiresAt ?? null,
      result.used,
      result.expiresAt !== undefined,
    ],
  );
  return stored.rowCount === 1;
}

/** Writes down that this version is of no use, or that nobody knows; false where it is no longer the current one. */
export async function refuseGrant(
  db: Queryable,
  { connectionId, epoch, version }: GrantVersion,
  { code, reason }: { readonly code: string; readonly reason: string },
): Promise<boolean> {
  const refused = await db.query(
    `with refused as (
       update sluice.grants set refused_at = clock_timestamp(), refused_code = $4, refused_reason = $5
        where connection_id = $1 and epoch = $2 and version = $3
        returning connection_id
     ), cleared as (
       delete from sluice.grant_refreshes r using refused where r.connection_id = refused.connection_id
     )
     select 1 from refused`,
    [connectionId, epoch, version, code, reason],
  );
  return refused.rowCount === 1;
}

export interface Intent {
  readonly id: string;
  readonly epoch: string;
  readonly version: string;
  readonly attempts: number;
  /** the process that sent the request has said that it got no outcome */
  readonly ended: boolean;
  /** milliseconds since the request was about to leave, by the clock of the database */
  readonly age: number;
}

export async function findIntent(db: Queryable, connectionId: string): Promise<Intent | undefined> {
  const found = await db.query<Intent>(
    `select id, epoch, version, attempts, ended_at is not null as ended,
            (extract(epoch from clock_timestamp() - started_at) * 1000)::float8 as age
       from sluice.grant_refreshes where connection_id = $1`,
    [connectionId],
  );
  return found.rows[0];
}

/** Writes an intent in the place of whatever stood there; the caller holds the grant's row. */
export async function writeIntent(
  db: Queryable,
  { connectionId, epoch, version }: GrantVersion,
  intent: { readonly id: string; readonly attempts: number },
): Promise<void> {
  await db.query(
    `insert into sluice.grant_refreshes (connection_id, epoch, version, id, attempts) values ($1, $2, $3, $4, $5)
     on conflict (connection_id) do update
        set epoch = excluded.epoch, version = excluded.version, id = excluded.id, attempts = excluded.attempts,
            started_at = clock_timestamp(), ended_at = null`,
    [connectionId, epoch, version, intent.id, intent.attempts],
  );
}

/** The request had an outcome that spent nothing: the intent goes, or an older doubt stands again. */
export async function withdrawIntent(db: Queryable, id: string, olderAttempts: number): Promise<void> {
  if (olderAttempts === 0) await db.query(`delete from sluice.grant_refreshes where id = $1`, [id]);
  else {
    await db.query(
      `update sluice.grant_refreshes set attempts = $2, ended_at = clock_timestamp() where id = $1`,
      [id, olderAttempts],
    );
  }
}

/** The request was sent and its outcome is lost. */
export async function endIntent(db: Queryable, id: string): Promise<void> {
  await db.query(`update sluice.grant_refreshes set ended_at = clock_timestamp() where id = $1`, [id]);
}

/** Grants that are kept, of connections that aren't waiting for a person: for the upkeep to look at. */
export async function keptGrants(db: Queryable): Promise<GrantRow[]> {
  const found = await db.query<GrantRow>(
    `select g.* from sluice.grants g join sluice.connections c on c.id = g.connection_id
      where g.refresh_token is not null and c.state in ('active', 'paused')
      order by g.last_refreshed_at nulls first`,
  );
  return found.rows;
}
