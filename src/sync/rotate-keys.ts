/** Encrypts with the first key what an older one encrypted: credentials, refresh tokens, webhook secrets, cached tokens. */
import type { Vault } from '../auth/vault.ts';
import type { Db } from '../store/db.ts';
import { grantIdentity } from '../store/grants.ts';
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
  const leftOvers = [
    { column: 'credentials', identity: credentialsIdentity },
    { column: 'refresh_token', identity: grantIdentity },
  ];
  for (const { column, identity } of leftOvers) {
    const revocations = await rotateColumn(db, vault, {
      select: `select id || ' ' || connection_id as key, ${column} as value from sluice.grant_revocations order by id`,
      update: `update sluice.grant_revocations set ${column} = $3 where id = split_part($1, ' ', 1) and ${column} = $2`,
      identity: (key) => identity(key.split(' ')[1] ?? ''),
    });
    grants.rotated += revocations.rotated;
    grants.current += revocations.current;
  }
  for (const { column, identity } of [
    { column: 'credentials', identity: (key: string) => credentialsIdentity(key.split(':')[0] ?? '') },
    { column: 'secrets', identity: endpointIdentityOf },
  ]) {
    const removals = await rotateColumn(db, vault, {
      select: `select id || ' ' || connection_id || ':' || place as key, ${column} as value
                 from sluice.webhook_removals order by id`,
      update: `update sluice.webhook_removals set ${column} = $3 where id = split_part($1, ' ', 1) and ${column} = $2`,
      identity: (key) => identity(key.slice(key.indexOf(' ') + 1)),
    });
    endpoints.rotated += removals.rotated;
    endpoints.current += removals.current;
  }
  return {
    credentials: credentials.rotated + endpoints.rotated,
    grants: grants.rotated,
    tokens: tokens.rotated,
    current: credentials.current + endpoints.current + grants.current + tokens.current,
  };
}

interface EncryptedColumn {
  readonly select: string;
  /** $1 key, $2 the old ciphertext, $3 the new one */
  readonly update: string;
  readonly identity: (key: string) => string;
}

async function rotateColumn(
  db: Db,
  vault: Vault,
  column: EncryptedColumn,
): Promise<{ rotated: number; current: number }> {
  const rows = await db.pool.query<{ key: string; value: string }>(column.select);
  let rotated = 0;
  let current = 0;
  for (const { key, value } of rows.rows) {
    if (!vault.needsRotation(value)) {
      current += 1;
      continue;
    }
    const identity = column.identity(key);
    const fresh = vault.encrypt(vault.decrypt(value, identity), identity);
    const updated = await db.pool.query(column.update, [key, value, fresh]);
    rotated += updated.rowCount ?? 0;
  }
  return { rotated, current };
}
