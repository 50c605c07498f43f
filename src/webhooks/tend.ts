/** Looks after the endpoints of all connections, every now and then. */
import { connectionsWithEndpoints, isDown } from '../store/webhook-endpoints.ts';
import { beginWork, ownUrl, type EndpointView, type RegistrationContext } from './endpoints.ts';
import { inspectWebhooks } from './inspect.ts';
import { registerWebhooks } from './register.ts';

/**
 * Makes those anew that lead to an old address, makes those of records that have come since (a further organization), and
 * reports those that the provider has suspended or lost: in the log, and with the endpoint, where `sluice webhooks
 * status`, `doctor` and the connection's own page find it. Returns how many need a person. One that can't be asked today is
 * asked tomorrow.
 */
export async function tendWebhooks(context: RegistrationContext): Promise<number> {
  let down = 0;
  for (const connectionId of await connectionsWithEndpoints(context.db)) {
    try {
      let views = await inspectWebhooks(context, connectionId);
      if (await mustRegister(context, connectionId, views))
        views = await registerWebhooks(context, connectionId, { renew: false });
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

/** A suspended one is left to a person: somebody or something has suspended it. */
async function mustRegister(
  context: RegistrationContext,
  connectionId: string,
  views: readonly EndpointView[],
): Promise<boolean> {
  if ((await context.publicUrl()) === undefined) return false;
  const url = await ownUrl(context, connectionId);
  if (views.some((view) => view.url !== url)) return true;
  const { places } = await beginWork(context, connectionId);
  return places.some((place) => !views.some((view) => view.place === place));
}
