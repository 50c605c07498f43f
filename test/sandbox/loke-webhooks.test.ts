/** Webhooks of the simulated LOKE, seen by a stranger: what is signed, what stands in an event, what is delivered again. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startLoke } from '../../sandbox/loke/server.ts';
import type { LokeSandbox } from '../../sandbox/loke/server.ts';
import { send } from './lucca-client.ts';
import type { Called } from './lucca-client.ts';
import { clientOf, post } from './oauth-client.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';

const SECRET = '$ecret';
const EVENTS = [
  'customer.created',
  'customer.updated',
  'customer.updated-statistics',
  'payment.completed',
  'payment.refunded',
];

let loke: LokeSandbox;
let receiver: Receiver;
let token: string;
let first: string;
let second: string;

beforeEach(async () => {
  loke = await startLoke({ records: 20 });
  receiver = await startReceiver();
  const client = clientOf(loke, 'basic', { scope: 'openid', prompt: 'consent' });
  token = (await post(client, { grant_type: 'client_credentials' })).body.access_token as string;
  [first = '', second = ''] = loke.source.list('organizations').map(({ id }) => id);
});
afterEach(async () => {
  await loke.close();
  await receiver.close();
});

function subscribe(organization: string, change: Readonly<Record<string, unknown>> = {}): Promise<Called> {
  return send(`${loke.urls.api}/organizations/${organization}/webhooks/mine`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url: receiver.url, secret: SECRET, events: EVENTS, ...change }),
  });
}

const told = () => receiver.received.map(({ body }) => JSON.parse(body));

describe('an edit', () => {
  it('is told to the organization that subscribed, with hexadecimal HMAC over the body, and no id or time', async () => {
    await subscribe(first);
    const made = loke.source.insert('customers', { parent: first, firstName: 'Zoë' });
    loke.source.insert('customers', { parent: second });
    await loke.deliveries.idle();
    expect(told()).toEqual([
      {
        event: 'customer.created',
        organization: { id: first, name: loke.source.get('organizations', first)?.['name'] },
        customer: { ...made, statistics: undefined },
      },
    ]);
    const headers = receiver.received[0]?.headers ?? {};
    const body = receiver.received[0]?.body ?? '';
    const signature = createHmac('sha256', SECRET).update(body, 'utf8').digest('hex');
    expect(headers['x-event-signature']).toBe(`sha256=${signature}`);
    expect(headers['content-type']).toBe('application/json');
  });

  it('has the event that fits it, where LOKE has one', async () => {
    await subscribe(first);
    const customer = loke.source.insert('customers', { parent: first });
    const payment = loke.source.insert('payments', { parent: first });
    const location = loke.source.get('locations', String(payment['locationId']));
    loke.source.update('customers', customer.id, { firstName: 'Tane' });
    loke.source.update('customers', customer.id, { statistics: { pointsBalance: 7 } });
    loke.source.update('payments', payment.id, { state: 'REFUNDED', refundedAt: '2025-07-02T08:00:00Z' });
    loke.source.update('payments', payment.id, { state: 'COMPLETED' });
    loke.source.remove('customers', customer.id);
    loke.source.insert('locations', { parent: first });
    await loke.deliveries.idle();
    const byName = new Map(told().map((event) => [event.event, event]));
    expect(told()).toHaveLength(5);
    expect(new Set(byName.keys())).toEqual(new Set(EVENTS));
    // as the provider's types have it: five fields of the customer, and the statistics beside it
    const statistics = byName.get('customer.updated-statistics');
    expect(statistics.statistics).toEqual({ pointsBalance: 7 });
    expect(Object.keys(statistics.customer).sort()).toEqual([
      'email',
      'firstName',
      'id',
      'lastName',
      'phoneNumber',
    ]);
    expect(byName.get('customer.updated').customer).not.toHaveProperty('statistics');
    expect(byName.get('payment.refunded')).toMatchObject({
      location: { id: location?.id, name: location?.['name'] },
      payment: { id: payment.id, state: 'REFUNDED', refundedAt: '2025-07-02T08:00:00Z' },
    });
    expect(byName.get('payment.completed').payment.items[0]).toHaveProperty('label');
  });

  it('is told to those who asked for its event, and to nobody after the add-on is gone', async () => {
    await subscribe(first, { events: ['payment.completed'] });
    loke.source.insert('customers', { parent: first });
    loke.source.insert('payments', { parent: first });
    await loke.deliveries.idle();
    expect(told().map(({ event }) => event)).toEqual(['payment.completed']);
    loke.uninstall(first);
    loke.install(first);
    loke.source.insert('payments', { parent: first });
    await loke.deliveries.idle();
    expect(told()).toHaveLength(1);
  });

  it('is told five times at most where the answer is 500 or more, or none', async () => {
    await subscribe(first);
    loke.deliveries.settings.timeScale = 0;
    receiver.status = (place) => (place < 3 ? 503 : 200);
    loke.source.insert('customers', { parent: first });
    await loke.deliveries.idle();
    expect(told()).toHaveLength(3);
    receiver.received.length = 0;
    receiver.status = () => 500;
    loke.source.insert('customers', { parent: first });
    await loke.deliveries.idle();
    expect(told()).toHaveLength(5);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
  });

  it.each([301, 400, 401, 404, 429])('is lost where the answer is %s', async (status) => {
    await subscribe(first);
    receiver.status = () => status;
    loke.source.insert('customers', { parent: first });
    await loke.deliveries.idle();
    receiver.status = () => 200;
    expect(told()).toHaveLength(1);
    expect(loke.deliveries.log().map((one) => one.status)).toEqual([status]);
  });
});
