/** Webhooks of the simulated Lucca, seen by a stranger: registration, challenge, signature, retries. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startLucca } from '../../sandbox/lucca/server.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { get, send, tokenOf } from './lucca-client.ts';
import type { Called } from './lucca-client.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';

let lucca: LuccaSandbox;
let receiver: Receiver;
let token: string;

beforeEach(async () => {
  lucca = await startLucca({ records: 10 });
  receiver = await startReceiver();
  token = await tokenOf(lucca, { scope: 'webhook-endpoints.readwrite employees.readonly' });
});
afterEach(async () => {
  await lucca.close();
  await receiver.close();
});

function register(change: Readonly<Record<string, unknown>> = {}, bearer = token): Promise<Called> {
  return send(`${lucca.urls.api}/webhook-endpoints`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${bearer}`,
      'api-version': '2024-11-01',
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      name: 'Test',
      webhookUrl: receiver.url,
      apiVersion: '2024-11-01',
      businessEstablishments: null,
      topics: ['employee.created', 'employee.updated', 'employee.deleted'],
      status: 'active',
      ...change,
    }),
  });
}

describe('an endpoint', () => {
  it('is made after the challenge, and shows its secret once', async () => {
    const made = await register();
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ type: 'webhook-endpoint', status: 'active', webhookUrl: receiver.url });
    expect(made.body.secret).toMatch(/^[\w-]{64}$/);
    const again = await get(lucca, token, `/webhook-endpoints/${made.body.id}`);
    expect(again.status).toBe(200);
    expect(again.text).not.toContain(made.body.secret);
    expect((await get(lucca, token, '/webhook-endpoints')).body.items).toHaveLength(1);
    expect((await get(lucca, token, `/webhook-endpoints/${made.body.id}`, {}, 'DELETE')).status).toBe(204);
    expect((await get(lucca, token, `/webhook-endpoints/${made.body.id}`)).status).toBe(404);
  });

  it('is refused without a name, with plain http, an unknown topic or version, or a URL that stays silent', async () => {
    for (const change of [
      { name: undefined },
      { webhookUrl: 'http://hooks.example.com/x' },
      { topics: ['employee.renamed'] },
      { topics: [] },
      { apiVersion: '2023-01-01' },
    ])
      expect((await register(change)).status).toBe(400);
    receiver.echoes = false;
    expect((await register()).body.errors).toHaveProperty('webhookUrl');
  });

  it('needs its scope', async () => {
    const other = await tokenOf(lucca, { scope: 'employees.readonly' });
    expect((await register({}, other)).status).toBe(403);
  });
});

describe('an edit', () => {
  it('is told with the whole record, signed over time and body', async () => {
    const { secret } = (await register()).body;
    const row = lucca.source.insert('employees', { givenName: 'Zoë' });
    lucca.source.update('employees', row.id, { givenName: 'Zoé' });
    lucca.source.remove('employees', row.id);
    lucca.source.update('departments', lucca.source.list('departments')[0]?.id ?? '', { name: 'x' });
    await lucca.webhooks.deliveries.idle();
    const events = receiver.received.map(({ body }) => JSON.parse(body));
    expect(new Set(events.map(({ topic }) => topic))).toEqual(
      new Set(['employee.created', 'employee.deleted', 'employee.updated']),
    );
    const updated = events.find(({ topic }) => topic === 'employee.updated');
    expect(updated).toMatchObject({
      type: 'event',
      source: 'https://sandbox.ilucca.net',
      data: { id: row.id, givenName: 'Zoé' },
      previousAttributes: { givenName: 'Zoë' },
    });
    expect(updated.data).not.toHaveProperty('links');
    expect(updated.occurredAt).toBe(updated.data.lastUpdatedAt);
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
    for (const { headers, body } of receiver.received) {
      const time = String(headers['lucca-timestamp']);
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(300_000);
      const signature = createHmac('sha256', secret).update(`${time}.${body}`).digest('base64');
      expect(headers['lucca-signature']).toBe(signature);
    }
  });

  it('is told again after 503, and five times at most; then the endpoint is suspended', async () => {
    await register();
    lucca.webhooks.deliveries.settings.timeScale = 0;
    receiver.status = (place) => (place < 3 ? 503 : 200);
    lucca.source.insert('employees');
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(3);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    receiver.received.length = 0;
    receiver.status = () => 401;
    lucca.source.insert('employees');
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(5);
    expect(lucca.webhooks.endpoints()[0]?.status).toBe('suspended');
    lucca.source.insert('employees');
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(5);
  });

  it.each([404, 410])('suspends the endpoint at once by %s', async (status) => {
    await register();
    receiver.status = () => status;
    lucca.source.insert('employees');
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(1);
    expect(lucca.webhooks.endpoints()[0]?.status).toBe('suspended');
  });

  it('is told several times and out of order, or not at all, where that is asked for', async () => {
    await register();
    Object.assign(lucca.webhooks.deliveries.settings, { copies: 2, shuffle: 4 });
    lucca.source.edit({ updates: 4 });
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(8);
    lucca.source.edit({ updates: 1 });
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(8);
    lucca.webhooks.deliveries.flush();
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(10);
    lucca.webhooks.deliveries.settings.enabled = false;
    lucca.source.edit({ updates: 5 });
    await lucca.webhooks.deliveries.idle();
    expect(receiver.received).toHaveLength(10);
  });
});
