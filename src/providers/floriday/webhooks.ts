/**
 * Floriday's webhooks, of the suppliers API only: they say that something changed and not what.
 *
 * Documented (developer.floriday.io, "Webhooks"; OpenAPI file of the suppliers API): subscription by callback URL, the
 * types of aggregates, a message with a `subscribeURL` that has to be fetched, three more attempts 20 s apart, delivery
 * not guaranteed. Inferred: the pages refer to the documentation of AWS SNS for the callback, so that messages are read
 * as SNS writes them, and only its hosts are fetched. Unknown: the fields of an event. What can't be read makes every
 * stream that has events sync, which is right whatever it said.
 */
import type { WebhookDefinition, WebhookEffect } from '../webhook-contract.ts';

/** `aggregateType` as the OpenAPI file lists them. */
const streamOfAggregate: Readonly<Record<string, string>> = {
  BATCH: 'batches',
  SALESORDER: 'sales-orders',
  DELIVERYORDER: 'delivery-orders',
  FULFILLMENTORDER: 'fulfillment-orders',
};

/** `docs.aws.amazon.com/sns`: `https://sns.<region>.amazonaws.com/?Action=ConfirmSubscription&…` */
const snsHost = /^sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?$/;

export const webhooks: WebhookDefinition = {
  evidence: 'inferred',
  docs: 'https://developer.floriday.io/docs/webhooks1',
  signature: { scheme: 'url-key', parameter: 'key' },
  // SNS gives each message an id. Without one two equal texts may be two events, and none may be lost.
  identity: { id: ['MessageId'], digestWindowMs: 0 },
  apply: 'payload',
  events: 'batches, sales-orders, delivery-orders and fulfillment-orders changed, without content',
  available: (settings) => settings.api === 'suppliers',
  mayConfirm: (url) => url.protocol === 'https:' && url.port === '' && snsHost.test(url.hostname),
  read(body) {
    const message = fieldsOf(body);
    const event = fieldsOf(parsed(message.get('message')) ?? body);
    const aggregate = text(event.get('aggregatetype'));
    const kind = text(event.get('eventtype')) ?? text(event.get('type'));
    const sns = text(message.get('type'));
    return {
      type: aggregate === null ? sns : [aggregate, ...(kind === null ? [] : [kind])].join('.'),
      occurredAt: text(message.get('timestamp')),
      effect: effectOf(message, sns, aggregate),
    };
  },
  registration: {
    evidence: 'documented',
    scopes: ['webhooks:write'],
    secret: 'none',
    create: ({ url }) => ({ method: 'POST', path: '/webhooks/subscriptions', body: { callbackUrl: url } }),
    created: () => ({ reference: null, secret: null }),
    // "Unconfirmed subscriptions are deleted after 72 hours"; nothing answers what became of a confirmed one.
    unconfirmedMs: 72 * 3_600_000,
    remove: ({ url }) => ({ method: 'DELETE', path: '/webhooks/subscriptions', body: { callbackUrl: url } }),
  },
};

function effectOf(
  message: ReadonlyMap<string, unknown>,
  sns: string | null,
  aggregate: string | null,
): WebhookEffect {
  const url = text(message.get('subscribeurl'));
  // SNS also sends this address with UnsubscribeConfirmation, where fetching it would subscribe again.
  if (sns === 'UnsubscribeConfirmation') return { effect: 'none', reason: 'the subscription was ended' };
  if (url !== null) return { effect: 'confirm', url };
  const stream = streamOfAggregate[(aggregate ?? '').replaceAll(/[^a-z]/gi, '').toUpperCase()];
  if (stream !== undefined) return { effect: 'sync', streams: [stream] };
  return aggregate === null
    ? { effect: 'sync', streams: Object.values(streamOfAggregate) }
    : { effect: 'none', reason: `nothing is mirrored for ${aggregate}` };
}

/** Names in lower case: whether they are written as SNS does or as the portal's text does isn't known. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return new Map();
  return new Map(Object.entries(value).map(([name, inner]) => [name.toLowerCase(), inner]));
}

/** SNS puts the text that was published into `Message`. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
