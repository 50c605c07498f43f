/** Stores what a consent brought, unless it is another account's than the one that is connected. */
import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../errors.ts';
import { findGrant, grantIdentity, replaceGrant } from '../../store/grants.ts';
import type { Granted } from './code.ts';
import type { ConnectorOptions, Party } from './connector.ts';
import type { Connected } from './contract.ts';

/**
 * Puts the grant in the place of an older one, in one statement: until then the older one works on. Data, cursors and
 * schedule of the connection stay as they are.
 *
 * @throws SluiceError `connect_other_account` (auth), `connect_no_refresh_token` (config); nothing is changed then
 */
export async function keepGrant(
  options: Pick<ConnectorOptions, 'db' | 'vault' | 'onConnected' | 'lookAround'>,
  { connection, subject, kept }: Party,
  granted: Granted,
  choice: { readonly otherAccount: boolean },
): Promise<Omit<Connected, 'returnUrl'>> {
  const { title } = connection.provider;
  if (kept && granted.refreshToken === undefined) {
    const message = `${title} gave access without a refresh token, so the connection would end with its first access token.`;
    throw new SluiceError('connect_no_refresh_token', message);
  }
  const epoch = randomUUID();
  const reconnected = await options.db.tx(async (client) => {
    // two consents for one connection come one after the other, also before there is a row to lock
    await client.query(`select pg_advisory_xact_lock(hashtextextended('sluice grant ' || $1, 0))`, [
      connection.id,
    ]);
    const before = await findGrant(client, connection.id);
    if (!choice.otherAccount) refuseOther(before, granted, connection.id);
    await replaceGrant(client, {
      connectionId: connection.id,
      epoch,
      refreshToken:
        kept && granted.refreshToken !== undefined
          ? options.vault.encrypt(granted.refreshToken, grantIdentity(connection.id))
          : null,
      clientId: subject.clientId,
      scopes: granted.scopes,
      account: granted.account,
      expiresAt: granted.expiresAt ?? null,
    });
    return before !== undefined;
  });
  const connected = { ...connection, grantEpoch: epoch };
  await options.onConnected(connected);
  const setup = await options.lookAround(connected, granted.token);
  return {
    ok: true,
    connectionId: connection.id,
    provider: title,
    account: granted.account?.label ?? null,
    reconnected,
    kept,
    setup: setup ?? null,
    mappable: (connection.provider.mappable ?? []).length > 0,
  };
}

function refuseOther(
  before: { readonly account_id: string | null; readonly account_label: string | null } | undefined,
  { account }: Granted,
  connectionId: string,
): void {
  const known = before?.account_id ?? null;
  if (known === null || account?.id === known) return;
  const stored = before?.account_label ?? known;
  const message =
    account === null
      ? `${connectionId} belongs to the account ${stored}, and the provider did not say whose access this is.`
      : `${connectionId} belongs to the account ${stored}, but ${account.label} gave access.`;
  throw new SluiceError('connect_other_account', message);
}
