/** How the access token of a connection stands: state, since when, why, what to do. */
import type { TokenService, TokenStatus } from '../auth/contract.ts';
import { SluiceError } from '../errors.ts';
import { tokenSubject } from '../outbound/client.ts';
import type { LoadConnection } from './load-connection.ts';

/** Without what changes from one second to the next; `sluice token` shows that. */
export type TokenSummary = Pick<TokenStatus, 'state' | 'since' | 'reason' | 'advice'>;

/** Null where the connection itself can't be read (a key is gone, its provider is unknown): that is told elsewhere. */
export async function tokenStatusOf(
  context: { readonly tokens: TokenService; readonly loadConnection: LoadConnection },
  id: string,
): Promise<TokenSummary | null> {
  try {
    const connection = await context.loadConnection(id, { requireUsable: false });
    const { state, since, reason, advice } = await context.tokens.status(tokenSubject(connection));
    return { state, since, reason, advice };
  } catch (error) {
    if (error instanceof SluiceError) return null;
    throw error;
  }
}
