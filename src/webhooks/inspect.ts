/** Endpoints as their provider sees them: active, suspended, gone, or nothing that could be asked. */
import { SluiceError } from '../errors.ts';
import type { SendAnswer } from '../outbound/send.ts';
import {
  forgetEndpoint,
  isDown,
  noteEndpointState,
  type EndpointRow,
  type EndpointState,
} from '../store/webhook-endpoints.ts';
import {
  ask,
  beginWork,
  refused,
  targetOf,
  viewsOf,
  type EndpointView,
  type RegistrationContext,
  type Registrable,
} from './endpoints.ts';

/** The endpoints of a connection, asked for where the provider can be asked. @throws as `registerWebhooks` */
export async function inspectWebhooks(
  context: RegistrationContext,
  connectionId: string,
): Promise<EndpointView[]> {
  const work = await beginWork(context, connectionId);
  try {
    for (const row of work.rows) {
      if (work.places.includes(row.place)) await inspectPlace(context, work, row);
      // its record is gone, and with it whatever the provider had for it
      else await forgetEndpoint(context.db, row);
    }
  } finally {
    await context.tokens.endFlow(work.flow);
  }
  return viewsOf(context.db, connectionId);
}

/** Asks about one and writes its state down. @throws SluiceError `webhook_registration_failed`, and as `Send` */
export async function inspectPlace(
  context: RegistrationContext,
  work: Registrable,
  row: EndpointRow,
): Promise<EndpointState> {
  const state = await stateAtProvider(context, work, row);
  const title = work.connection.provider.title;
  const error = isDown(state)
    ? new SluiceError('webhook_endpoint_down', `The endpoint is ${state} at ${title}.`, {
        advice: `Register it again: \`sluice webhooks register ${work.connection.id}\`.`,
      }).report()
    : null;
  await noteEndpointState(context.db, row, state, error);
  return state;
}

async function stateAtProvider(
  context: RegistrationContext,
  work: Registrable,
  row: EndpointRow,
): Promise<EndpointState> {
  const { inspect, unconfirmedMs, perRecordOf } = work.registration;
  if (inspect === undefined) {
    const age = context.now() - row.registered_at.getTime();
    const isDropped = row.state === 'unknown' && unconfirmedMs !== undefined && age > unconfirmedMs;
    return isDropped ? 'missing' : row.state;
  }
  const target = targetOf(work, row.place, row.url, '');
  const answer = await ask(context, work, inspect.request(target, row.reference));
  if (isGone(answer) || (perRecordOf !== undefined && answer.status === 403)) return 'missing';
  if (answer.status < 200 || answer.status >= 300) throw refused(work.connection, answer, row.url);
  const found = inspect.read(answer.body, target);
  // one that leads elsewhere isn't ours any more
  return found === undefined || (found.url !== null && found.url !== row.url) ? 'missing' : found.state;
}

export function isGone({ status }: SendAnswer): boolean {
  return status === 404 || status === 410;
}
