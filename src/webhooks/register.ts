/**
 * Endpoints at providers: made by their API, with a secret that only the vault sees, looked after, and made anew when our
 * address changes. The new one stands before the old one goes, so that no message falls between them.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { TokenService } from '../auth/contract.ts';
import type { Vault } from '../auth/vault.ts';
import { SluiceError, type ErrorReport } from '../errors.ts';
import type { Send, SendAnswer } from '../outbound/send.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type {
  RegistrationRequest,
  RegistrationTarget,
  WebhookDefinition,
  WebhookRegistration,
} from '../providers/webhook-contract.ts';
import type { Db } from '../store/db.ts';
import { tryLocked } from '../store/try-lock.ts';
import {
  connectionsWithEndpoints,
  endpointIdentity,
  endpointsOf,
  noteEndpointState,
  registrationTask,
  writeEndpoint,
  type EndpointRow,
  type EndpointState,
} from '../store/webhook-endpoints.ts';
import type { LoadConnection } from '../sync/load-connection.ts';
import type { Logger } from '../telemetry/logger.ts';
import { definitionOf } from './definition.ts';
import { storedSecrets } from './receivers.ts';

export interface RegistrationContext {
  readonly db: Db;
  readonly vault: Vault;
  readonly send: Send;
  readonly tokens: TokenService;
  readonly loadConnection: LoadConnection;
  readonly logger: Logger;
  /** where providers reach the web process */
  readonly publicUrl: string | undefined;
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

/** Messages that are on their way were signed with an older secret: so many of them stay good. */
const KEPT_SECRETS = 3;

/**
 * Registers what is missing, moved, or no longer active; all of it with `renew`.
 *
 * @throws SluiceError `webhooks_unavailable`, `public_url_missing` (config), `webhook_registration_failed` (data),
 *   `lease_busy` (transient) while somebody else does the same, and what tokens and the guarded fetch throw
 */
export async function registerWebhooks(
  context: RegistrationContext,
  connectionId: string,
  options: { readonly renew: boolean },
): Promise<EndpointView[]> {
  const done = await tryLocked(context.db, registrationTask(connectionId), async () => {
    const work = await begin(context, connectionId);
    try {
      for (const place of work.places) {
        const before = work.rows.find((row) => row.place === place);
        if (!options.renew && before !== undefined && (await isGood(context, work, before))) continue;
        await registerPlace(context, work, place, before);
      }
    } finally {
      await context.tokens.endFlow(work.flow);
    }
    return viewsOf(context.db, connectionId);
  });
  if (done === undefined) {
    throw new SluiceError(
      'lease_busy',
      `The webhooks of ${connectionId} are being registered by somebody else.`,
    );
  }
  return done.result;
}

/** The endpoints as their provider sees them now, where it can be asked. @throws as `registerWebhooks` */
export async function inspectWebhooks(
  context: RegistrationContext,
  connectionId: string,
): Promise<EndpointView[]> {
  const work = await begin(context, connectionId);
  try {
    for (const row of work.rows) await inspectPlace(context, work, row);
  } finally {
    await context.tokens.endFlow(work.flow);
  }
  return viewsOf(context.db, connectionId);
}

/**
 * Looks after all endpoints: makes those anew that lead to an old address, and reports those that the provider has
 * suspended or lost. Returns how many need a person. One that can't be asked today is asked tomorrow.
 */
export async function tendWebhooks(context: RegistrationContext): Promise<number> {
  let down = 0;
  for (const connectionId of await connectionsWithEndpoints(context.db)) {
    try {
      const views = await inspectWebhooks(context, connectionId);
      if (context.publicUrl !== undefined && views.some(({ url }) => !leadsTo(context, connectionId, url)))
        await registerWebhooks(context, connectionId, { renew: false });
      for (const view of views.filter(({ state }) => isDown(state))) {
        down += 1;
        const facts = { connection: connectionId, place: view.place, state: view.state };
        context.logger.error(
          { ...facts, code: 'webhook_endpoint_down', advice: view.error?.advice },
          'a webhook endpoint is down at its provider',
        );
      }
    } catch (error) {
      context.logger.warn(
        { err: error, connection: connectionId },
        'webhook endpoints could not be looked after',
      );
    }
  }
  return down;
}

interface Work {
  readonly connection: ResolvedConnection;
  readonly definition: WebhookDefinition;
  readonly registration: WebhookRegistration;
  readonly flow: string;
  readonly rows: readonly EndpointRow[];
  readonly places: readonly string[];
}

async function begin(context: RegistrationContext, connectionId: string): Promise<Work> {
  const connection = await context.loadConnection(connectionId, { requireUsable: false });
  const definition = definitionOf(connection.provider, connection);
  const registration = definition?.registration;
  if (definition === undefined || registration === undefined) {
    throw new SluiceError(
      'webhooks_unavailable',
      `${connection.provider.title} offers no registration of webhooks for ${connectionId}.`,
    );
  }
  const rows = await endpointsOf(context.db, connectionId);
  const places =
    registration.perRecordOf === undefined
      ? ['']
      : await recordIds(context.db, connectionId, registration.perRecordOf);
  return { connection, definition, registration, flow: randomUUID(), rows, places };
}

async function recordIds(db: Db, connectionId: string, stream: string): Promise<string[]> {
  const result = await db.pool.query<{ record_id: string }>(
    `select record_id from sluice.records where connection_id = $1 and stream = $2 and deleted_at is null order by 1`,
    [connectionId, stream],
  );
  return result.rows.map((row) => row.record_id);
}

async function registerPlace(
  context: RegistrationContext,
  work: Work,
  place: string,
  before: EndpointRow | undefined,
): Promise<void> {
  const { connection, registration } = work;
  const known =
    before === undefined ? [] : [...storedSecrets(context.vault, connection.id, place, before.secrets)];
  const secret = randomBytes(32).toString('base64url');
  const url = ownUrl(context, connection.id);
  const target = targetOf(work, place, url, secret);
  const write = (secrets: readonly string[], reference: string | null, state: EndpointState): Promise<void> =>
    writeEndpoint(context.db, {
      connection_id: connection.id,
      place,
      reference,
      url,
      secrets: context.vault.encrypt(
        JSON.stringify(secrets.slice(0, KEPT_SECRETS)),
        endpointIdentity(connection.id, place),
      ),
      state,
    });
  // What we choose must be known before the first message comes, and that may be before the answer.
  const isOurs = registration.secret === 'chosen' || work.definition.signature.scheme === 'url-key';
  const secrets = isOurs ? [secret, ...known] : known;
  if (isOurs) await write(secrets, before?.reference ?? null, 'unknown');
  const answer = await ask(context, work, registration.create(target));
  if (answer.status < 200 || answer.status >= 300) throw refused(connection, answer, target.url);
  const created = registration.created(answer.body);
  if (registration.secret === 'returned' && created.secret === null)
    throw refused(connection, answer, target.url);
  const all = created.secret === null ? secrets : [created.secret, ...known];
  await write(all, created.reference, registration.inspect === undefined ? 'unknown' : 'active');
  context.logger.info({ connection: connection.id, place, url }, 'webhook endpoint registered');
  if (before !== undefined) await removeOld(context, work, before, known[0] ?? '');
}

/** The one before: still delivering, it would only bring copies. */
async function removeOld(
  context: RegistrationContext,
  work: Work,
  before: EndpointRow,
  oldSecret: string,
): Promise<void> {
  // PUT has replaced it
  const target = targetOf(work, before.place, before.url, oldSecret);
  if (work.registration.create(target).method === 'PUT') return;
  try {
    const answer = await ask(context, work, work.registration.remove(target, before.reference));
    if (answer.status >= 300 && answer.status !== 404) throw refused(work.connection, answer, before.url);
  } catch (error) {
    context.logger.warn(
      { err: error, connection: before.connection_id },
      'the webhook endpoint before could not be removed: remove it at the provider',
    );
  }
}

function targetOf(work: Work, place: string, url: string, secret: string): RegistrationTarget {
  const { signature } = work.definition;
  const full = new URL(url);
  if (signature.scheme === 'url-key') full.searchParams.set(signature.parameter, secret);
  return {
    url: full.href,
    name: `Sluice ${work.connection.id}`,
    streams: work.connection.streams.map(({ name }) => name),
    secret,
    ...(place === '' ? {} : { parent: place }),
  };
}

async function inspectPlace(
  context: RegistrationContext,
  work: Work,
  row: EndpointRow,
): Promise<EndpointState> {
  const { inspect } = work.registration;
  if (inspect === undefined) return row.state;
  const answer = await ask(
    context,
    work,
    inspect.request(targetOf(work, row.place, row.url, ''), row.reference),
  );
  const state = stateOf(answer, inspect.read);
  if (state === undefined) throw refused(work.connection, answer, row.url);
  const title = work.connection.provider.title;
  const error = isDown(state)
    ? new SluiceError('webhook_endpoint_down', `The endpoint is ${state} at ${title}.`).report()
    : null;
  await noteEndpointState(context.db, row, state, error);
  return state;
}

function stateOf(
  answer: SendAnswer,
  read: NonNullable<WebhookRegistration['inspect']>['read'],
): EndpointState | undefined {
  if (answer.status === 404 || answer.status === 410) return 'missing';
  return answer.status >= 200 && answer.status < 300 ? read(answer.body).state : undefined;
}

/** Leads here, and is active as far as that can be known. */
async function isGood(context: RegistrationContext, work: Work, row: EndpointRow): Promise<boolean> {
  if (row.url !== ownUrl(context, row.connection_id)) return false;
  const state = await inspectPlace(context, work, row);
  // Where the provider can't be asked, a message has come or not: `unknown` is all that is known.
  return state === 'active' || (state === 'unknown' && work.registration.inspect === undefined);
}

function ask(context: RegistrationContext, work: Work, request: RegistrationRequest): Promise<SendAnswer> {
  const scopes = [...new Set([...work.connection.provider.baseScopes, ...work.registration.scopes])];
  return context.send({ connection: work.connection, flow: work.flow, scopes, ...request });
}

function isDown(state: EndpointState): boolean {
  return state === 'suspended' || state === 'inactive' || state === 'missing';
}

function ownUrl(context: RegistrationContext, connectionId: string): string {
  if (context.publicUrl === undefined)
    throw new SluiceError('public_url_missing', 'Nothing says under which address this fleet is reached.');
  return `${context.publicUrl.replace(/\/$/, '')}/webhooks/${connectionId}`;
}

function leadsTo(context: RegistrationContext, connectionId: string, url: string): boolean {
  return url === ownUrl(context, connectionId);
}

function refused(connection: ResolvedConnection, answer: SendAnswer, url: string): SluiceError {
  const { title, detail } = (answer.body ?? {}) as { readonly title?: unknown; readonly detail?: unknown };
  const said = [title, detail]
    .filter((part) => typeof part === 'string')
    .join(' ')
    // it may repeat what it was told: the token, the endpoint's secret
    .replaceAll(/[\w+/=.~-]{24,}/g, '[redacted]')
    .slice(0, 200);
  return new SluiceError(
    'webhook_registration_failed',
    `${connection.provider.title} answered ${answer.status} to the registration of ${new URL(url).origin}${said === '' ? '' : `: ${said}`}.`,
    { details: { status: answer.status } },
  );
}

async function viewsOf(db: Db, connectionId: string): Promise<EndpointView[]> {
  return (await endpointsOf(db, connectionId)).map((row) => ({
    place: row.place,
    url: row.url,
    state: row.state,
    registeredAt: row.registered_at.toISOString(),
    checkedAt: row.checked_at?.toISOString() ?? null,
    error: row.error,
  }));
}
