/** Keeps grants alive that nothing uses for long, and revokes those whose connection is gone. */
import { randomUUID } from 'node:crypto';
import type { TokenService } from '../auth/contract.ts';
import { revokeToken } from '../auth/grants/revoke.ts';
import type { AuthorizationServers } from '../auth/grants/server.ts';
import type { Vault } from '../auth/vault.ts';
import { reportOf } from '../errors.ts';
import { tokenSubject } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { sweepConnects } from '../store/connect-flows.ts';
import type { Db } from '../store/db.ts';
import { grantIdentity, keptGrants, type GrantRow } from '../store/grants.ts';
import { settleDue, type RevocationRow } from '../store/last-requests.ts';
import type { Logger } from '../telemetry/logger.ts';
import { resolved, storedInput, type LoadConnection } from './load-connection.ts';

/** A refresh token whose lifetime nobody names is used at least this often: short against any lifetime in use. */
const UNKNOWN_LIFETIME_RENEWAL_MS = 7 * 86_400_000;
const HOUR = 3_600_000;

export interface UpkeepContext {
  readonly db: Db;
  readonly vault: Vault;
  readonly tokens: TokenService;
  readonly servers: AuthorizationServers;
  readonly loadConnection: LoadConnection;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
  readonly logger: Logger;
  readonly now: () => number;
}

/**
 * When a grant should be refreshed although nothing asks for it: after half of the time that its refresh token lives
 * unused. The answer that brought it counts first, then what the provider documents, then a week.
 */
export function renewalDue(grant: GrantRow, idleLifetimeSeconds: number | undefined): Date {
  const since = (grant.last_refreshed_at ?? grant.obtained_at).getTime();
  if (grant.expires_at !== null) return new Date(since + (grant.expires_at.getTime() - since) / 2);
  const lifetime = idleLifetimeSeconds === undefined ? undefined : idleLifetimeSeconds * 1000;
  return new Date(
    since + Math.max(lifetime === undefined ? UNKNOWN_LIFETIME_RENEWAL_MS : lifetime / 2, HOUR),
  );
}

/** Refreshes what is due, one after the other; returns how many were. A failure concerns its own connection alone. */
export async function renewGrants(context: UpkeepContext): Promise<number> {
  let renewed = 0;
  for (const grant of await keptGrants(context.db.pool)) {
    const id = grant.connection_id;
    try {
      const connection = await context.loadConnection(id, { requireUsable: false });
      if (connection.grant !== 'user') continue;
      const idle = connection.provider.authorization?.refresh.idleLifetimeSeconds;
      if (renewalDue(grant, idle).getTime() > context.now()) continue;
      await renew(context, connection);
      renewed += 1;
    } catch (error) {
      const { code, message } = reportOf(error);
      context.logger.warn({ connection: id, code, message }, 'a grant could not be renewed');
    }
  }
  return renewed;
}

/** Through the token service, so that whoever works at this moment takes the same access token. */
async function renew(context: UpkeepContext, connection: ResolvedConnection): Promise<void> {
  const subject = tokenSubject(connection);
  if (subject.userGrant === undefined) return;
  const token = await context.tokens.get(
    { ...subject, userGrant: { ...subject.userGrant, renewal: true } },
    { flow: randomUUID(), maxWaitMs: 60_000 },
  );
  if (token.requested) return;
  // an access token that outlives half of the refresh token's idle life: it is given up for a new one
  await context.tokens.reject(subject, { flow: randomUUID(), ignoreFailures: true }, token);
  await context.tokens.get(
    { ...subject, userGrant: { ...subject.userGrant, renewal: true } },
    { flow: randomUUID(), maxWaitMs: 60_000 },
  );
}

/** Asks providers to revoke what is queued and due; what fails comes again, ever later. Returns how many are settled. */
export async function revokeGrants(context: UpkeepContext): Promise<number> {
  return settleDue(context.db.pool, 'grant_revocations', (row) => revokeOne(context, row));
}

async function revokeOne(context: UpkeepContext, row: RevocationRow): Promise<boolean> {
  const { vault, logger } = context;
  const about = { connection: row.connection_id, provider: row.provider, attempts: row.attempts };
  let failure: unknown;
  try {
    const provider = context.findProvider(row.provider);
    if (provider === undefined) throw new Error(`there is no provider ${row.provider}`);
    const stored = { id: row.connection_id, config: row.config, credentials: row.credentials };
    const connection = resolved(storedInput(stored, vault), provider);
    const token = vault.decrypt(row.refresh_token, grantIdentity(row.connection_id));
    const result = await revokeToken(context.servers, tokenSubject(connection), token);
    if (result.outcome !== 'failed') {
      logger.info({ ...about, outcome: result.outcome }, 'the grant of a removed connection was given back');
      return true;
    }
    failure = result.error;
  } catch (error) {
    failure = error;
  }
  const { code, message } = reportOf(failure);
  logger.warn({ ...about, code, message }, 'a grant could not be revoked at the provider');
  return false;
}

/** What is done every now and then by some process of the fleet. */
export async function upkeepGrants(context: UpkeepContext): Promise<void> {
  await sweepConnects(context.db.pool, new Date(context.now()));
  await revokeGrants(context);
  await renewGrants(context);
}
