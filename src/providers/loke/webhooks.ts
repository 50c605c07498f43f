/**
 * LOKE's webhooks: signed, one subscription for each organization under a reference of our own, with neither an id nor a
 * time of an event.
 *
 * Documented (developers.loke.global/docs/guides/webhooks): the subscription by PUT, its secret that the subscriber
 * chooses, the header and what is signed, five deliveries at most, that only silence and a status of 500 or more is
 * delivered again: a message that is answered by 4xx is lost. The guide's sample refuses good signatures and lets bad
 * ones pass; its text is followed. From the vendor's sample add-on (github.com/LOKE/addon-fidel): the events and their
 * fields, and the list of subscriptions. Inferred: that a field which an event lacks is as it was, since the add-on's types
 * show less of a record than the API pages do.
 */
import type { WebhookDefinition, WebhookEffect } from '../webhook-contract.ts';

type Fields = Readonly<Record<string, unknown>>;

const customerEvents = ['customer.created', 'customer.updated', 'customer.updated-statistics'] as const;
const paymentEvents = ['payment.completed', 'payment.refunded'] as const;

const eventsOf: Readonly<Record<string, readonly string[]>> = {
  customers: customerEvents,
  payments: paymentEvents,
};

/** Longer than five deliveries take, and short against two changes of a record that end in the same bytes. */
const SAME_MESSAGE_MS = 10 * 60_000;

export const webhooks: WebhookDefinition = {
  evidence: 'documented',
  docs: 'https://developers.loke.global/docs/guides/webhooks',
  signature: {
    scheme: 'hmac-sha256',
    header: 'x-event-signature',
    prefix: 'sha256=',
    encoding: 'hex',
    signs: ['body'],
    key: 'text',
  },
  identity: { id: [], digestWindowMs: SAME_MESSAGE_MS },
  apply: 'payload',
  events:
    'customers created and updated with the record, their statistics by asking; payments completed and refunded',
  read(body) {
    const message = fieldsOf(body);
    const event = text(message?.event);
    const payment = fieldsOf(message?.payment);
    return {
      type: event,
      // A customer has its own time of update; of a payment it is the moment that the event is about.
      occurredAt: payment === undefined ? null : momentOf(payment),
      effect: effectOf(event, message, payment),
    };
  },
  registration: {
    evidence: 'documented',
    scopes: [],
    secret: 'chosen',
    perRecordOf: 'organizations',
    create: ({ url, secret, streams, name, parent }) => ({
      method: 'PUT',
      path: subscriptionPath(parent, name),
      body: { url, secret, events: streams.flatMap((stream) => eventsOf[stream] ?? []) },
    }),
    created: () => ({ reference: null, secret: null }),
    remove: ({ name, parent }) => ({ method: 'DELETE', path: subscriptionPath(parent, name) }),
    inspect: {
      request: ({ parent }) => ({ method: 'GET', path: listPath(parent) }),
      read(body, { name }) {
        const found = (Array.isArray(body) ? body : []).map(fieldsOf).find((one) => one?.ref === refOf(name));
        return found === undefined ? undefined : { state: 'active', url: text(found.url) };
      },
    },
  },
};

function effectOf(
  event: string | null,
  message: Fields | undefined,
  payment: Fields | undefined,
): WebhookEffect {
  const parent = text(fieldsOf(message?.organization)?.id);
  const isKnown = [...customerEvents, ...paymentEvents].some((known) => known === event);
  if (!isKnown) return { effect: 'none', reason: `nothing is mirrored for ${event ?? 'no event'}` };
  if (parent === null) return { effect: 'none', reason: 'the event names no organization' };
  if (event?.startsWith('payment.') === true) {
    if (payment === undefined) return { effect: 'none', reason: 'the event has no payment' };
    return {
      effect: 'upsert',
      stream: 'payments',
      parent,
      record: payment,
      merge: (stored) => mergedPayment(stored, payment),
    };
  }
  const customer = fieldsOf(message?.customer);
  if (customer === undefined) return { effect: 'none', reason: 'the event has no customer' };
  const id = text(customer.id);
  // It holds five fields of the customer, and statistics under other names than the API's.
  if (event === 'customer.updated-statistics' && id !== null)
    return { effect: 'refetch', stream: 'customers', id, parent };
  return {
    effect: 'upsert',
    stream: 'customers',
    parent,
    record: customer,
    merge: (stored) => ({ ...stored, ...customer }),
  };
}

/** Items are shorter in an event than in the API, and a refund doesn't change them. */
function mergedPayment(stored: Fields, payment: Fields): Fields | undefined {
  // A refund is for good: a completion that comes after it is late. Without both moments neither is older.
  if (Date.parse(momentOf(payment) ?? '') < Date.parse(momentOf(stored) ?? '')) return undefined;
  return { ...stored, ...payment, items: stored.items ?? payment.items };
}

function momentOf(payment: Fields): string | null {
  return text(payment.refundedAt) ?? text(payment.completedAt);
}

/** Chosen by us: the same for each organization, since it stands below the organization. */
function refOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-');
}

function listPath(parent: string | undefined): string {
  return `/organizations/${encodeURIComponent(parent ?? '')}/webhooks`;
}

function subscriptionPath(parent: string | undefined, name: string): string {
  return `${listPath(parent)}/${refOf(name)}`;
}

function fieldsOf(value: unknown): Fields | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
