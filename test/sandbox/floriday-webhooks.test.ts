/** Webhooks of the simulated Floriday, seen by a stranger: subscription, confirmation, messages, retries. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFloriday } from '../../sandbox/floriday/server.ts';
import type { FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { requestToken, send } from './floriday-client.ts';
import type { Called } from './floriday-client.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';

let floriday: FloridaySandbox;
let receiver: Receiver;
let token: string;

beforeEach(async () => {
  floriday = await startFloriday({ records: 20 });
  receiver = await startReceiver();
  token = (await requestToken(floriday, { scope: 'role:app webhooks:write' })).body.access_token;
});
afterEach(async () => {
  await floriday.close();
  await receiver.close();
});

function call(
  method: string,
  body: unknown = { callbackUrl: receiver.url },
  bearer = token,
): Promise<Called> {
  return send(`${floriday.urls.api}/webhooks/subscriptions`, {
    method,
    headers: {
      authorization: `Bearer ${bearer}`,
      'x-api-key': floriday.credentials.apiKey,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
}

async function subscribed(): Promise<void> {
  expect((await call('POST')).status).toBe(201);
  await floriday.webhooks.deliveries.idle();
  const [first] = receiver.received.splice(0);
  await send(JSON.parse(first?.body ?? '{}').SubscribeURL as string);
}

describe('a subscription', () => {
  it('counts when its address was fetched', async () => {
    expect((await call('POST')).status).toBe(201);
    await floriday.webhooks.deliveries.idle();
    const [message] = receiver.received;
    expect(message?.headers['content-type']).toMatch(/^text\/plain/);
    const { Type, SubscribeURL } = JSON.parse(message?.body ?? '{}');
    expect(Type).toBe('SubscriptionConfirmation');
    floriday.source.edit({ resource: 'batches', updates: 1 });
    await floriday.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(1);
    expect((await send(SubscribeURL)).status).toBe(200);
    floriday.source.edit({ resource: 'batches', updates: 1 });
    await floriday.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(2);
  });

  it('is refused without its scope, an address, or in the customers API; ends once', async () => {
    const other = (await requestToken(floriday)).body.access_token;
    expect((await call('POST', undefined, other)).status).toBe(403);
    expect((await call('POST', { callbackUrl: 'hook' })).status).toBe(400);
    expect((await call('PUT')).status).toBe(405);
    const customers = floriday.addOrganization({ api: 'customers' });
    const there = await send(`${customers.url}/webhooks/subscriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'x-api-key': customers.apiKey },
      body: '{}',
    });
    expect(there.status).toBe(404);
    await subscribed();
    expect((await call('DELETE')).status).toBe(200);
    expect((await call('DELETE')).status).toBe(404);
  });
});

describe('an edit', () => {
  it('is told by ids alone, and only where its aggregate has events', async () => {
    await subscribed();
    const { updated } = floriday.source.edit({ resource: 'sales-orders', updates: 1 });
    floriday.source.edit({ resource: 'trade-items', updates: 1 });
    await floriday.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(1);
    const { Type, MessageId, Message } = JSON.parse(receiver.received[0]?.body ?? '{}');
    expect({ Type, event: JSON.parse(Message) }).toMatchObject({
      Type: 'Notification',
      event: { aggregateType: 'SALESORDER', aggregateId: updated[0], eventType: 'CORRECTED' },
    });
    expect(MessageId).toBeTypeOf('string');
  });

  it('is told three more times where the receiver fails, and no more', async () => {
    await subscribed();
    floriday.webhooks.deliveries.settings.timeScale = 0;
    receiver.status = () => 500;
    floriday.source.edit({ resource: 'batches', updates: 1 });
    await floriday.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(4);
  });
});
