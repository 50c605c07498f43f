/**
 * Webhooks that the simulated LOKE sends: an event for each edit that LOKE has one for, to every registration of the
 * organization that asks for it.
 *
 * Documented (developers.loke.global/docs/guides/webhooks): the signature's header, up to five deliveries, 10 s, 20 s, 40 s
 * and so on apart, and that a delivery fails where no answer comes or its status is 500 or more: any other answer ends it.
 * From the types of the provider's own sample add-on: the events and what stands in them, so that a customer comes without
 * statistics, an update of statistics without the customer's other fields, and a payment with shorter items. There is no id
 * of an event, no time, and nothing for deletions. Ours: that an answer may take 10 s.
 */

import { createHmac } from 'node:crypto';

import type { Fields } from '../collection.ts';
import { createDeliveries } from '../deliveries.ts';
import type { Deliveries } from '../deliveries.ts';
import type { Edit } from '../source.ts';
import type { EventName, WebhookRegistration } from './webhooks.ts';
import type { LokeWorld } from './world.ts';

const PAUSES_MS = [10_000, 20_000, 40_000, 80_000];
const TIMEOUT_MS = 10_000;

export interface LokeDeliveries {
  readonly deliveries: Deliveries;
  onEdit(edit: Edit): void;
}

export function createLokeDeliveries(options: {
  readonly seed: number;
  readonly world: LokeWorld;
  readonly registrations: () => readonly WebhookRegistration[];
}): LokeDeliveries {
  const deliveries = createDeliveries({
    seed: options.seed,
    pausesMs: PAUSES_MS,
    timeoutMs: TIMEOUT_MS,
    judge(status) {
      if (status === null || status >= 500) return 'again';
      return status >= 200 && status < 300 ? 'delivered' : 'over';
    },
  });
  let sent = 0;

  return {
    deliveries,
    onEdit(edit) {
      const event = eventOf(edit);
      if (event === undefined) return;
      const { id, name } = options.world.organizations.get(edit.owner) ?? {};
      const body = JSON.stringify({
        event: event.name,
        organization: { id, name },
        ...(event.name.startsWith('payment.') ? { location: locationOf(options.world, edit) } : {}),
        ...event.content,
      });
      for (const one of options.registrations()) {
        if (one.organizationId !== edit.owner || !one.events.includes(event.name)) continue;
        const signature = createHmac('sha256', one.secret).update(body, 'utf8').digest('hex');
        deliveries.send({
          // for the log only: nothing in the message tells it from others
          id: `loke-${++sent}`,
          url: one.url,
          body,
          headers: () => ({
            'content-type': 'application/json',
            'x-event-signature': `sha256=${signature}`,
          }),
        });
      }
    },
  };
}

interface EventContent {
  readonly name: EventName;
  readonly content: Fields;
}

/** Undefined where LOKE has no event for it. */
function eventOf({ resource, operation, record, previous }: Edit): EventContent | undefined {
  if (operation === 'deleted') return undefined;
  if (resource === 'customers') {
    const { statistics, ...customer } = record;
    if (operation === 'created') return { name: 'customer.created', content: { customer } };
    return onlyStatisticsDiffer(record, previous)
      ? { name: 'customer.updated-statistics', content: { customer: tiny(record), statistics } }
      : { name: 'customer.updated', content: { customer } };
  }
  if (resource !== 'payments') return undefined;
  const content = { payment: shownPayment(record) };
  if (operation === 'created') return { name: 'payment.completed', content };
  return record['state'] === 'REFUNDED' ? { name: 'payment.refunded', content } : undefined;
}

function onlyStatisticsDiffer(record: Fields, previous: Fields | undefined): boolean {
  const rest = (fields: Fields | undefined): string =>
    JSON.stringify({ ...fields, statistics: null, updatedAt: null });
  return previous !== undefined && rest(record) === rest(previous);
}

/** `CustomerTiny` of the sample add-on. */
function tiny({ id, email, firstName, lastName, phoneNumber }: Fields): Fields {
  return { id, email, firstName, lastName, phoneNumber };
}

const PAYMENT_FIELDS = [
  'id',
  'locationId',
  'refId',
  'completedAt',
  'refundedAt',
  'billingType',
  'chargedAmount',
  'creditAmount',
  'currency',
  'discountAmount',
  'feeAmount',
  'payoutAmount',
  'state',
  'tipAmount',
  'total',
  'customer',
] as const;

/** `Payment` of the sample add-on's events. */
function shownPayment(record: Fields): Fields {
  const items = (record['items'] ?? []) as readonly Fields[];
  return {
    ...Object.fromEntries(PAYMENT_FIELDS.map((field) => [field, record[field]])),
    items: items.map(({ id, amount, name, quantity, type }) => ({ id, amount, label: name, quantity, type })),
  };
}

function locationOf(world: LokeWorld, { owner, record }: Edit): Fields | undefined {
  const found = world.list('locations', owner).get(String(record['locationId']));
  return found === undefined ? undefined : { id: found['id'], name: found['name'] };
}
