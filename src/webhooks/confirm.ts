/** The handshake of a subscription: an address out of a message, fetched once, and only where it may lead. */
import { SluiceError } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import { noteEndpointState } from '../store/webhook-endpoints.ts';
import { endOnly, type Applying } from './apply.ts';
import type { WebhookContext } from './context.ts';
import { definitionOf } from './definition.ts';

/** A confirmation answers with a few hundred bytes, in milliseconds. */
const MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;

/**
 * @throws SluiceError `webhook_confirm_refused` (data) for an address that the provider doesn't document, and what the
 *   guarded fetch throws
 */
export async function confirmAndEnd(
  context: WebhookContext,
  event: Applying,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !isAllowed(event.connection, url)) {
    throw new SluiceError(
      'webhook_confirm_refused',
      `A subscription was to be confirmed at ${url?.origin ?? 'what is no address'}, which is none of the provider's documented hosts.`,
    );
  }
  // Without a token, a cookie or a body: there is nothing in it that could be lost.
  const answer = await context.fetch(url.href, { signal, maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS });
  if (answer.status >= 200 && answer.status < 300) {
    await endOnly(context, event, 'processed', { confirmed: url.origin });
    await noteEndpointState(context.db, { connection_id: event.connection.id, place: '' }, 'active', null);
    return;
  }
  const transient = answer.status >= 500 || answer.status === 429 || answer.status === 408;
  throw new SluiceError(
    transient ? 'provider_unavailable' : 'provider_refused',
    `The confirmation of a subscription was answered with ${answer.status} by ${url.origin}.`,
  );
}

/** The provider's documented hosts, and the one that the connection calls anyway. */
function isAllowed(connection: ResolvedConnection, url: URL): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (definitionOf(connection.provider, connection)?.mayConfirm?.(url, connection.settings) === true)
    return true;
  const own = connection.endpoints.api;
  return own !== undefined && new URL(own).origin === url.origin;
}
