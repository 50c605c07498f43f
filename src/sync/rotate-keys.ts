/** Encrypts with the first key what an older one encrypted: credentials, refresh tokens, webhook secrets, cached tokens. */
import { flowIdentity } from '../auth/authorization/connector.ts';
import type { Vault } from '../auth/vault.ts';
import type { Db } from '../store/db.ts';
import { grantIdentity } from '../store/grants.ts';
import type { LastRequests } from '../store/last-requests.ts';
import { endpointIdentityOf } from '../store/webhook-endpoints.ts';
import { credentialsIdentity } from './load-connection.ts';

export interface Rotation {
  /** of connections, and secrets of webhook endpoints */
  readonly credentials: number;
  /** refresh tokens */
  readonly grants: number;
  readonly tokens: number;
  /** what the first key had encrypted before */
  readonly current: number;
}

/**
 * Row by row, each in a statement that does nothing where somebody else wrote it meanwhile, so it may run beside a
 * fleet and be repeated.
 *
 * @throws SluiceError `vault_key_missing` where a row needs a key that isn't in the keyring; the rows before it are done
 */
export async function rotateKeys(db: Db, vault: Vault): Promise<Rotation> {
  const credentials = await rotateColumn(db, vault, {
    select: `select id as key, credentials as value from sluice.connections order by id`,
    update: `update sluice.connections set credentials = $3 where id = $1 and credentials = $2`,
    identity: credentialsIdentity,
  });
  const endpoints = await rotateColumn(db, vault, {
    select: `select connection_id || ':' || place as key, secrets as value from sluice.webhook_endpoints order by 1`,
    update: `update sluice.webhook_endpoints set secrets = $3
              where connection_id || ':' || place = $1 and secrets = $2`,
    identity: endpointIdentityOf,
  });
  const tokens = await rotateColumn(db, vault, {
    select: `select key, ciphertext as value from sluice.tokens where expires_at > now() order by key`,
    update: `update sluice.tokens set ciphertext = $3 where key = $1 and ciphertext = $2`,
    identity: (key) => `token:${key}`,
  });
  // the lock of a refresh that is under way is waited for, and its outcome is what gets encrypted
  const grants = await rotateColumn(db, vault, {
    select: `select connection_id as key, refresh_token as value from sluice.grants
              where refresh_token is not null order by connection_id`,
    update: `update sluice.grants set refresh_token = $3 where connection_id = $1 and refresh_token = $2`,
    identity: grantIdentity,
  });
  // of consents that are under way, which end within minutes: not counted
  await rotateColumn(db, vault, {
    select: `select state as key, sealed as value from sluice.connect_flows
              where used_at is null and expires_at > now() order by state`,
    update: `update sluice.connect_flows set sealed = $3 where state = $1 and sealed = $2`,
    identity: flowIdentity,
  });
  // Last: what a removed connection leaves moves here from the rows above, and must not slip past both.
  const owed = (table: LastRequests, column: string, bound: string, identity: (bound: string) => string) =>
    rotateColumn(db, vault, {
      select: `select id as key, ${bound} as bound, ${column} as value from sluice.${table} order by id`,
      update: `update sluice.${table} set ${column} = $3 where id = $1 and ${column} = $2`,
      identity,
    });
  const place = `connection_id || ':' || place`;
  add(grants, await owed('grant_revocations', 'credentials', 'connection_id', credentialsIdentity));
  add(grants, await owed('grant_revocations', 'refresh_token', 'connection_id', grantIdentity));
  add(endpoints, await owed('webhook_removals', 'credentials', 'connection_id', credentialsIdentity));
  add(endpoints, await owed('webhook_removals', 'secrets', place, endpointIdentityOf));
  return {
    credentials: credentials.rotated + endpoints.rotated,
    grants: grants.rotated,
    tokens: tokens.rotated,
    current: credentials.current + endpoints.current + grants.current + tokens.current,
  };
}

interface EncryptedColumn {
  /** `key`, `value`, and `bound` where the ciphertext is bound to something else than the key */
  readonly select: string;
  /** $1 key, $2 the old ciphertext, $3 the new one */
  readonly update: string;
  /** of the vault, from `bound` or the key */
  readonly identity: (bound: string) => string;
}

interface Counts {
  rotated: number;
  current: number;
}

function add(sum: Counts, more: Counts): void {
  sum.rotated += more.rotated;
  sum.current += more.current;
}

async function rotateColumn(db: Db, vault: Vault, column: EncryptedColumn): Promise<Counts> {
  const rows = await db.pool.query<{ key: string; bound?: string; value: string }>(column.select);
  let rotated = 0;
  let current = 0;
  for (const { key, bound = key, value } of rows.rows) {
    if (!vault.needsRotation(value)) {
      current += 1;
      continue;
    }
    const identity = column.identity(bound);
    const fresh = vault.encrypt(vault.decrypt(value, identity), identity);
    const updated = await db.pool.query(column.update, [key, value, fresh]);
    rotated += updated.rowCount ?? 0;
  }
  return { rotated, current };
}
