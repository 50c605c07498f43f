/**
 * What registration, looks and removal have in common: a connection's endpoints at its provider, the requests about
 * them, and what is shown of them.
 */
import { randomUUID } from 'node:crypto';
import type { TokenService } from '../auth/contract.ts';
import type { Vault } from '../auth/vault.ts';
import { SluiceError, type ErrorReport } from '../errors.ts';
import type { Send, SendAnswer } from '../outbound/send.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import type {
  RegistrationRequest,
  RegistrationTarget,
  WebhookDefinition,
  WebhookRegistration,
} from '../providers/webhook-contract.ts';
import type { Db } from '../store/db.ts';
import { endpointsOf, type EndpointRow, type EndpointState } from '../store/webhook-endpoints.ts';
import type { LoadConnection } from '../sync/load-connection.ts';
import type { Logger } from '../telemetry/logger.ts';
import { definitionOf } from './definition.ts';

export interface RegistrationContext {
  readonly db: Db;
  readonly vault: Vault;
  readonly send: Send;
  readonly tokens: TokenService;
  readonly loadConnection: LoadConnection;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
  readonly logger: Logger;
  readonly now: () => number;
  /** where providers reach the web process */
  readonly publicUrl: () => Promise<string | undefined>;
}

/** Never holds a secret, nor the key that a URL may carry. */
export interface EndpointView {
  readonly place: string;
  readonly url: string;
  readonly state: EndpointState;
  readonly registeredAt: string;
  readonly checkedAt: string | null;
  readonly error: ErrorReport | null;
}

/** A connection whose webhooks can be registered, and the flow of the requests about them. */
export interface Registrable {
  readonly connection: ResolvedConnection;
  readonly definition: WebhookDefinition;
  readonly registration: WebhookRegistration;
  readonly flow: string;
}

export interface Work extends Registrable {
  readonly rows: readonly EndpointRow[];
  readonly places: readonly string[];
}

/** @throws SluiceError `webhooks_unavailable` */
export function registrable(connection: ResolvedConnection): Registrable {
  const definition = definitionOf(connection.provider, connection);
  const registration = definition?.registration;
  if (definition === undefined || registration === undefined) {
    throw new SluiceError(
      'webhooks_unavailable',
      `${connection.provider.title} offers no registration of webhooks for ${connection.id}.`,
    );
  }
  return { connection, definition, registration, flow: randomUUID() };
}

/** What is registered and what should be. @throws SluiceError `webhooks_unavailable`, and as `LoadConnection` */
export async function beginWork(context: RegistrationContext, connectionId: string): Promise<Work> {
  const connection = await context.loadConnection(connectionId, { requireUsable: false });
  const about = registrable(connection);
  const { perRecordOf } = about.registration;
  const rows = await endpointsOf(context.db, connectionId);
  const places = perRecordOf === undefined ? [''] : await recordIds(context.db, connectionId, perRecordOf);
  return { ...about, rows, places };
}

async function recordIds(db: Db, connectionId: string, stream: string): Promise<string[]> {
  const result = await db.pool.query<{ record_id: string }>(
    `select record_id from sluice.records where connection_id = $1 and stream = $2 and deleted_at is null order by 1`,
    [connectionId, stream],
  );
  return result.rows.map((row) => row.record_id);
}

export function ask(
  context: RegistrationContext,
  { connection, registration, flow }: Registrable,
  request: RegistrationRequest,
): Promise<SendAnswer> {
  const scopes = [...new Set([...connection.provider.baseScopes, ...registration.scopes])];
  return context.send({ connection, flow, scopes, ...request });
}

export function targetOf(
  { connection, definition: { signature } }: Registrable,
  place: string,
  url: string,
  secret: string,
): RegistrationTarget {
  const full = new URL(url);
  if (signature.scheme === 'url-key') full.searchParams.set(signature.parameter, secret);
  return {
    url: full.href,
    name: `Sluice ${connection.id}`,
    streams: connection.streams.map(({ name }) => name),
    secret,
    ...(place === '' ? {} : { parent: place }),
  };
}

/** @throws SluiceError `public_url_missing` (config) */
export async function ownUrl(context: RegistrationContext, connectionId: string): Promise<string> {
  const publicUrl = await context.publicUrl();
  if (publicUrl === undefined)
    throw new SluiceError('public_url_missing', 'Nothing says under which address this fleet is reached.');
  return `${publicUrl.replace(/\/$/, '')}/webhooks/${connectionId}`;
}

export function refused(connection: ResolvedConnection, answer: SendAnswer, url: string): SluiceError {
  const said = ['title', 'detail', 'message']
    .map((field) => (answer.body as Readonly<Record<string, unknown>> | null | undefined)?.[field])
    .filter((part) => typeof part === 'string')
    .join(' ')
    // it may repeat what it was told: the token, the endpoint's secret
    .replaceAll(/[\w+/=.~-]{24,}/g, '[redacted]')
    .slice(0, 200);
  return new SluiceError(
    'webhook_registration_failed',
    `${connection.provider.title} answered ${answer.status} about the endpoint at ${new URL(url).origin}${said === '' ? '' : `: ${said}`}.`,
    { details: { status: answer.status } },
  );
}

export async function viewsOf(db: Db, connectionId: string): Promise<EndpointView[]> {
  return (await endpointsOf(db, connectionId)).map((row) => ({
    place: row.place,
    url: row.url,
    state: row.state,
    registeredAt: row.registered_at.toISOString(),
    checkedAt: row.checked_at?.toISOString() ?? null,
    error: row.error,
  }));
}
