/**
 * Endpoints at providers: made by their API, with a secret that only the vault sees, and made anew when our address
 * changes. The new one stands before the old one goes, so that no message falls between them.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../errors.ts';
import { tryLocked } from '../store/try-lock.ts';
import {
  endpointIdentity,
  endpointsOf,
  registrationTask,
  writeEndpoint,
  type EndpointRow,
} from '../store/webhook-endpoints.ts';
import {
  ask,
  beginWork,
  ownUrl,
  refused,
  targetOf,
  viewsOf,
  type EndpointView,
  type RegistrationContext,
  type Work,
} from './endpoints.ts';
import { inspectPlace, isGone } from './inspect.ts';
import { FRESH_MS, storedSecrets } from './receivers.ts';

/** Messages that are on their way were signed with an older secret: so many of them stay good. */
const KEPT_SECRETS = 3;
/**
 * Every web process knows a new secret after this, in milliseconds. A message that came earlier would be refused, and some
 * providers never send it again.
 */
const SECRET_SEEN_MS = FRESH_MS + 200;

/**
 * Registers what is missing, moved, or no longer active; all of it with `renew`. Where there are several endpoints, one
 * that is refused doesn't keep the others from being made.
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
    const work = await beginWork(context, connectionId);
    try {
      await registerAll(context, work, options.renew);
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

async function registerAll(context: RegistrationContext, work: Work, renew: boolean): Promise<void> {
  const { connection, definition, registration } = work;
  if (work.places.length === 0) {
    throw new SluiceError(
      'webhook_registration_failed',
      `Endpoints belong to ${registration.perRecordOf ?? 'records'}, and ${connection.id} has none yet.`,
      { advice: `Run \`sluice sync ${connection.id} --wait\`, then register again.` },
    );
  }
  const url = await ownUrl(context, connection.id);
  const secret = ownSecret(context, work, renew);
  const failures: unknown[] = [];
  const missing: Placed[] = [];
  for (const place of work.places) {
    const before = work.rows.find((row) => row.place === place);
    try {
      if (renew || before === undefined || !(await isGood(context, work, before, url)))
        missing.push({ place, url, secret, before, known: knownSecrets(context, work, before) });
    } catch (error) {
      failures.push(error);
    }
  }
  // What we choose must be known before the first message comes, and that may be before the answer.
  const isOurs = registration.secret === 'chosen' || definition.signature.scheme === 'url-key';
  if (isOurs) {
    for (const one of missing) await store(context, work, one, [secret, ...one.known]);
    if (missing.some(({ known }) => !known.includes(secret))) await sleep(SECRET_SEEN_MS);
  }
  for (const one of missing) {
    try {
      await registerPlace(context, work, one, isOurs);
    } catch (error) {
      failures.push(error);
    }
  }
  await removeStrays(context, work, url);
  if (!isOurs && missing.length > 0) await sleep(SECRET_SEEN_MS);
  if (failures.length > 0) throw failures[0];
}

/**
 * The secret that we choose. One of a connection does for all its endpoints: each further one would have to be tried on
 * every message, genuine or not. It changes only on request where a registration replaces the one before.
 */
function ownSecret(context: RegistrationContext, work: Work, renew: boolean): string {
  const fresh = randomBytes(32).toString('base64url');
  if (renew || work.registration.secret !== 'chosen') return fresh;
  return work.rows.flatMap((row) => knownSecrets(context, work, row).slice(0, 1))[0] ?? fresh;
}

function knownSecrets(
  { vault }: RegistrationContext,
  { connection }: Work,
  row: EndpointRow | undefined,
): readonly string[] {
  return row === undefined ? [] : storedSecrets(vault, connection.id, row.place, row.secrets);
}

/** An endpoint to be made. */
interface Placed {
  readonly place: string;
  readonly url: string;
  readonly secret: string;
  readonly before: EndpointRow | undefined;
  /** secrets of the one before, the newest first */
  readonly known: readonly string[];
}

async function store(
  { db, vault }: RegistrationContext,
  { connection }: Work,
  { place, url, before }: Placed,
  secrets: readonly string[],
  reference?: string | null,
): Promise<void> {
  await writeEndpoint(db, {
    connection_id: connection.id,
    place,
    reference: reference === undefined ? (before?.reference ?? null) : reference,
    url,
    secrets: vault.encrypt(
      JSON.stringify([...new Set(secrets)].slice(0, KEPT_SECRETS)),
      endpointIdentity(connection.id, place),
    ),
    state: reference === undefined ? 'unknown' : 'active',
  });
}

async function registerPlace(
  context: RegistrationContext,
  work: Work,
  placed: Placed,
  isOurs: boolean,
): Promise<void> {
  const { connection, registration } = work;
  const { place, url, secret, before, known } = placed;
  const target = targetOf(work, place, url, secret);
  const answer = await ask(context, work, registration.create(target));
  if (answer.status < 200 || answer.status >= 300) throw refused(connection, answer, target.url);
  const { reference, secret: given } = registration.created(answer.body);
  if (registration.secret === 'returned' && given === null) throw refused(connection, answer, target.url);
  const secrets = [...(given === null ? [] : [given]), ...(isOurs ? [secret] : []), ...known];
  // Where it has to be confirmed, that may have happened before the answer came.
  if (registration.inspect !== undefined) await store(context, work, placed, secrets, reference);
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
  await removeOne(context, work, before, () => work.registration.remove(target, before.reference));
}

async function removeOne(
  context: RegistrationContext,
  work: Work,
  { url }: { readonly url: string },
  request: () => ReturnType<Work['registration']['remove']>,
): Promise<void> {
  try {
    const answer = await ask(context, work, request());
    if (answer.status >= 300 && !isGone(answer)) throw refused(work.connection, answer, url);
  } catch (error) {
    context.logger.warn(
      { err: error, connection: work.connection.id },
      'an old webhook endpoint could not be removed: remove it at the provider',
    );
  }
}

/**
 * Endpoints of our name and address that we know nothing of: the answer to their registration was lost, with the only
 * sight of their secret. What they send is refused here, and the provider would go on sending.
 */
async function removeStrays(context: RegistrationContext, work: Work, url: string): Promise<void> {
  const { list, remove } = work.registration;
  if (list === undefined) return;
  try {
    const known = new Set(
      (await endpointsOf(context.db, work.connection.id)).map(({ reference }) => reference),
    );
    const target = targetOf(work, '', url, '');
    const answer = await ask(context, work, list.request);
    if (answer.status >= 300) throw refused(work.connection, answer, url);
    for (const endpoint of list.read(answer.body)) {
      if (endpoint.name !== target.name || endpoint.url !== target.url || known.has(endpoint.reference))
        continue;
      await removeOne(context, work, endpoint, () => remove(target, endpoint.reference));
    }
  } catch (error) {
    context.logger.warn(
      { err: error, connection: work.connection.id },
      'webhook endpoints whose registration was interrupted could not be looked for',
    );
  }
}

/** Leads here, and is active as far as that can be known. */
async function isGood(
  context: RegistrationContext,
  work: Work,
  row: EndpointRow,
  url: string,
): Promise<boolean> {
  if (row.url !== url) return false;
  const state = await inspectPlace(context, work, row);
  // Where the provider can't be asked, a message has come or not: `unknown` is all that is known.
  return state === 'active' || (state === 'unknown' && work.registration.inspect === undefined);
}
