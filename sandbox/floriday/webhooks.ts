/**
 * Webhooks of the simulated Floriday: subscriptions of the suppliers API, their confirmation, and a message for each edit
 * of an aggregate that has events.
 *
 * Documented: the two calls and their scope, the types of aggregates and events, a `subscribeURL` that has to be fetched,
 * three more attempts 20 s apart, that unconfirmed subscriptions end after 72 hours, that delivery isn't guaranteed.
 * Inferred from the pages' reference to AWS SNS: the envelope, text/plain, MessageId. Ours: the fields of the event inside,
 * which are published nowhere, and that an answer may take 15 s as with SNS.
 */

import { randomUUID } from 'node:crypto';

import { createDeliveries } from '../deliveries.ts';
import type { Deliveries } from '../deliveries.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import { readJsonObject } from '../json-body.ts';
import { invalid, Refusal } from './problems.ts';

export type FloridayChange = 'created' | 'updated' | 'deleted';

export interface Subscription {
  readonly callbackUrl: string;
  readonly organizationId: string;
  /** by a GET on the address that the first message named */
  isConfirmed: boolean;
  readonly token: string;
  readonly createdAt: number;
}

export interface FloridayWebhooks {
  readonly deliveries: Deliveries;
  /** whether messages carry a MessageId, which is inferred */
  readonly settings: { withMessageIds: boolean };
  subscriptions(): readonly Subscription[];
  onEdit(organizationId: string, resource: string, id: string, change: FloridayChange): void;
  /** Answers POST and DELETE `/webhooks/subscriptions`. */
  answer(request: SandboxRequest, organizationId: string): Promise<Answer>;
  /** Answers the address of a confirmation; undefined for any other path. */
  confirm(request: SandboxRequest): Answer | undefined;
}

interface Aggregate {
  readonly type: string;
  readonly events: Readonly<Record<FloridayChange, string>>;
}

/** Which event an edit is; of the documented ones the nearest. */
const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  batches: {
    type: 'BATCH',
    events: { created: 'CREATED', updated: 'QUANTITY_CHANGED', deleted: 'CANCELLED' },
  },
  'sales-orders': {
    type: 'SALESORDER',
    events: { created: 'ACCEPTED', updated: 'CORRECTED', deleted: 'CANCELLED' },
  },
  'delivery-orders': {
    type: 'DELIVERYORDER',
    events: { created: 'CREATED', updated: 'FULFILLMENT_CHANGED', deleted: 'CANCELLED' },
  },
  'fulfillment-orders': {
    type: 'FULFILLMENTORDER',
    events: { created: 'SUBMITTED', updated: 'CORRECTED', deleted: 'CANCELLED' },
  },
};

const CONFIRM_PATH = '/sns';
const UNCONFIRMED_MS = 72 * 3_600_000;
const RETRY_MS = 20_000;
const TIMEOUT_MS = 15_000;

/** @param origin of this server, once it is known */
export function createFloridayWebhooks(options: {
  readonly seed: number;
  readonly now: () => number;
  readonly origin: () => string;
}): FloridayWebhooks {
  const subscriptions: Subscription[] = [];
  const settings = { withMessageIds: true };
  const deliveries = createDeliveries({
    seed: options.seed,
    pausesMs: [RETRY_MS, RETRY_MS, RETRY_MS],
    timeoutMs: TIMEOUT_MS,
    // SNS: a 4xx other than 429 is a permanent error and isn't repeated
    judge(status) {
      if (status !== null && status >= 200 && status < 300) return 'delivered';
      return status === null || status >= 500 || status === 429 ? 'again' : 'over';
    },
  });
  const live = (): Subscription[] =>
    subscriptions.filter(
      ({ isConfirmed, createdAt }) => isConfirmed || options.now() - createdAt < UNCONFIRMED_MS,
    );

  const post = (
    type: string,
    subscription: Subscription,
    fields: Readonly<Record<string, unknown>>,
  ): void => {
    const id = randomUUID();
    const body = JSON.stringify({
      Type: type,
      ...(settings.withMessageIds ? { MessageId: id } : {}),
      TopicArn: 'arn:aws:sns:eu-west-1:000000000000:sandbox',
      Timestamp: new Date(options.now()).toISOString(),
      ...fields,
    });
    deliveries.send({
      id,
      url: subscription.callbackUrl,
      body,
      headers: () => ({ 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': type }),
    });
  };

  async function subscribe(request: SandboxRequest, organizationId: string): Promise<Answer> {
    const callbackUrl = await readCallback(request);
    const subscription: Subscription = {
      callbackUrl,
      organizationId,
      isConfirmed: false,
      token: randomUUID(),
      createdAt: options.now(),
    };
    subscriptions.push(subscription);
    const query = new URLSearchParams({ Action: 'ConfirmSubscription', Token: subscription.token });
    post('SubscriptionConfirmation', subscription, {
      Token: subscription.token,
      Message: 'To confirm the subscription, visit the SubscribeURL included in this message.',
      SubscribeURL: `${options.origin()}${CONFIRM_PATH}?${query.toString()}`,
    });
    return { status: 201, headers: {}, body: '' };
  }

  async function unsubscribe(request: SandboxRequest, organizationId: string): Promise<Answer> {
    const callbackUrl = await readCallback(request);
    const index = subscriptions.findIndex(
      (one) => one.callbackUrl === callbackUrl && one.organizationId === organizationId,
    );
    if (index < 0) throw new Refusal(404, { detail: 'There is no such subscription.' });
    subscriptions.splice(index, 1);
    return { status: 200, headers: {}, body: '' };
  }

  return {
    deliveries,
    settings,
    subscriptions: live,
    onEdit(organizationId, resource, id, change) {
      const aggregate = AGGREGATES[resource];
      if (aggregate === undefined) return;
      for (const subscription of live()) {
        if (!subscription.isConfirmed || subscription.organizationId !== organizationId) continue;
        const event = {
          aggregateType: aggregate.type,
          aggregateId: id,
          eventType: aggregate.events[change],
          organizationId,
        };
        post('Notification', subscription, { Message: JSON.stringify(event) });
      }
    },
    async answer(request, organizationId) {
      if (request.method === 'POST') return subscribe(request, organizationId);
      if (request.method === 'DELETE') return unsubscribe(request, organizationId);
      const detail = `${request.method} is not supported on this path.`;
      throw new Refusal(405, { detail, headers: { allow: 'POST, DELETE' } });
    },
    confirm({ method, url }) {
      if (url.pathname !== CONFIRM_PATH) return undefined;
      const found = subscriptions.find(({ token }) => token === url.searchParams.get('Token'));
      if (method !== 'GET' || found === undefined) return { status: 404, headers: {}, body: '' };
      found.isConfirmed = true;
      const body = '<ConfirmSubscriptionResponse/>';
      return { status: 200, headers: { 'content-type': 'text/xml' }, body };
    },
  };
}

async function readCallback(request: SandboxRequest): Promise<string> {
  const body = await readJsonObject(request.raw.request);
  const callbackUrl = body?.['callbackUrl'];
  if (typeof callbackUrl !== 'string' || !/^https?:\/\/./.test(callbackUrl) || !URL.canParse(callbackUrl))
    throw invalid('callbackUrl', 'The callbackUrl field must be an absolute URL.');
  return callbackUrl;
}
