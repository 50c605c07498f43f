/** Removes endpoints at their provider whose connection is gone: at once where that can be, else again and again. */
import { reportOf } from '../errors.ts';
import { tryLocked } from '../store/try-lock.ts';
import { endpointsOf, registrationTask } from '../store/webhook-endpoints.ts';
import { settleDue, type RemovalRow } from '../store/last-requests.ts';
import { resolved, storedInput } from '../sync/load-connection.ts';
import { ask, refused, registrable, targetOf, type RegistrationContext } from './endpoints.ts';
import { isGone } from './inspect.ts';
import { storedSecrets } from './receivers.ts';

/**
 * Removes what is queued and due, and begins none after `limitMs` milliseconds [no limit], for somebody who waits. Returns
 * how many are settled; what fails comes again, ever later.
 */
export async function removeEndpoints(
  context: RegistrationContext,
  limitMs = Number.POSITIVE_INFINITY,
): Promise<number> {
  const end = context.now() + limitMs;
  return settleDue(
    context.db.pool,
    'webhook_removals',
    (row) => removeOne(context, row),
    () => context.now() < end,
  );
}

async function removeOne(context: RegistrationContext, row: RemovalRow): Promise<boolean> {
  const { db, logger } = context;
  const about = { connection: row.connection_id, place: row.place, attempts: row.attempts };
  try {
    // A connection made again under this id may be registering at this moment.
    const done = await tryLocked(db, registrationTask(row.connection_id), () =>
      removeAtProvider(context, row),
    );
    if (done === undefined) return false;
    logger.info(about, 'the webhook endpoint of a removed connection was removed at its provider');
    return true;
  } catch (error) {
    const { code, message } = reportOf(error);
    logger.warn({ ...about, code, message }, 'a webhook endpoint could not be removed at its provider');
    return false;
  }
}

async function removeAtProvider(context: RegistrationContext, row: RemovalRow): Promise<void> {
  const { vault, findProvider, tokens } = context;
  const provider = findProvider(row.provider);
  if (provider === undefined) throw new Error(`there is no provider ${row.provider}`);
  const id = row.connection_id;
  const stored = { id, config: row.config, credentials: row.credentials };
  const about = registrable(resolved(storedInput(stored, vault), provider));
  const [secret = ''] = storedSecrets(vault, id, row.place, row.secrets);
  const target = targetOf(about, row.place, row.url, secret);
  // Under a reference of our own, a connection made again has taken the endpoint over.
  const isReplaced = about.registration.create(target).method === 'PUT';
  const now = isReplaced ? await endpointsOf(context.db, id) : [];
  if (now.some(({ place }) => place === row.place)) return;
  try {
    const answer = await ask(context, about, about.registration.remove(target, row.reference));
    if (answer.status >= 300 && !isGone(answer)) throw refused(about.connection, answer, row.url);
  } finally {
    await tokens.endFlow(about.flow);
  }
}
