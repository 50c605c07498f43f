/** Webhook registrations at the simulated LOKE; `deliveries.ts` sends to them. */

import { json } from '../http.ts';
import type { Answer } from '../http.ts';
import { problem } from './problems.ts';

/** From the types of the provider's own sample add-on. */
export const EVENTS = [
  'customer.created',
  'customer.updated',
  'customer.updated-statistics',
  'payment.completed',
  'payment.refunded',
] as const;
export type EventName = (typeof EVENTS)[number];

export interface WebhookRegistration {
  readonly organizationId: string;
  /** chosen by the client application */
  readonly ref: string;
  readonly clientId: string;
  readonly url: string;
  readonly secret: string;
  readonly events: readonly EventName[];
}

export interface WebhookBook {
  /** Every registration of every organization and client application. */
  list(): readonly WebhookRegistration[];
  /** Answers `/organizations/:id/webhooks[/:ref]`. */
  answer(call: WebhookCall): Answer;
  /** Uninstalling the add-on ends them. */
  forget(organizationId: string, clientId: string): void;
}

interface WebhookCall {
  readonly method: string;
  readonly organizationId: string;
  readonly clientId: string;
  /** undefined for the list */
  readonly ref: string | undefined;
  readonly body: string;
  readonly isJson: boolean;
}

/** A registration as the API shows it: the secret is never shown again. */
const shown = ({ ref, url, events }: WebhookRegistration) => ({ ref, url, events });

export function createWebhookBook(): WebhookBook {
  const book = new Map<string, WebhookRegistration>();
  const keyOf = (organizationId: string, clientId: string, ref: string): string =>
    JSON.stringify([organizationId, clientId, ref]);
  return {
    list: () => Array.from(book.values()),
    forget(organizationId, clientId) {
      for (const [key, one] of book) {
        if (one.organizationId === organizationId && one.clientId === clientId) book.delete(key);
      }
    },
    answer({ method, organizationId, clientId, ref, body, isJson }) {
      const own = (): WebhookRegistration[] =>
        Array.from(book.values()).filter(
          (one) => one.organizationId === organizationId && one.clientId === clientId,
        );
      if (ref === undefined) {
        if (method === 'GET') return json(200, own().map(shown));
        return problem(405, 'method_not_allowed', `${method} is not supported here`, { allow: 'GET' });
      }
      const key = keyOf(organizationId, clientId, ref);
      if (method === 'DELETE') {
        return book.delete(key)
          ? { status: 204, headers: {}, body: '' }
          : problem(404, 'not_found', 'there is no webhook of that reference');
      }
      if (method !== 'PUT') {
        return problem(405, 'method_not_allowed', `${method} is not supported here`, {
          allow: 'PUT, DELETE',
        });
      }
      const asked = isJson ? readRegistration(body) : 'the body must be JSON';
      if (typeof asked === 'string') return problem(400, 'bad_request', asked);
      const registration = { organizationId, clientId, ref, ...asked };
      book.set(key, registration);
      return json(200, shown(registration));
    },
  };
}

/** The three fields of a registration, or what is wrong with them. */
function readRegistration(
  text: string,
): { url: string; secret: string; events: readonly EventName[] } | string {
  let body: Partial<Record<string, unknown>>;
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    return 'the body must be JSON';
  }
  if (typeof body !== 'object' || body === null) return 'the body must be an object';
  const { url, secret, events } = body;
  if (typeof url !== 'string' || !/^https?:\/\/./.test(url) || !URL.canParse(url)) return 'url must be a URL';
  if (typeof secret !== 'string' || secret === '') return 'secret must be a text';
  if (!Array.isArray(events) || events.length === 0) return 'events must be a list';
  const unknown = events.find((event) => !(EVENTS as readonly unknown[]).includes(event));
  if (unknown !== undefined) return `there is no event ${JSON.stringify(unknown)}`;
  return { url, secret, events: events as EventName[] };
}
