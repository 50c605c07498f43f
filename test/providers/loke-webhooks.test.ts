/** What LOKE's messages ask for, read as data. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RegistrationTarget } from '../../src/providers/webhook-contract.ts';
import { loke } from '../../src/providers/loke/index.ts';
import { isGenuine, type Presented } from '../../src/webhooks/signature.ts';

const webhooks = loke.webhooks;
if (webhooks === undefined) throw new Error('LOKE has webhooks');
const organization = { id: 'org 1', name: 'The Brass Rail' };

const message = (body: string, signature?: string): Presented => ({
  header: (name) => (name === 'x-event-signature' ? signature : undefined),
  query: () => undefined,
  body: Buffer.from(body),
});

describe("LOKE's signature", () => {
  // the pair of the provider's guide: its text, since its sample code answers 400 to a good signature
  const body = '{"event":"customer.created","organization":{"id":"1","name":"Café ☕"}}';
  const good = createHmac('sha256', '$ecret').update(body).digest('hex');
  const accepts = (signature?: string): boolean =>
    isGenuine(webhooks.signature, ['$ecret'], message(body, signature), Date.now());

  it('is sha256= and the hexadecimal HMAC of the bytes; nothing else passes', () => {
    expect(accepts(`sha256=${good}`)).toBe(true);
    for (const wrong of [
      undefined,
      '',
      'sha256=',
      good,
      `sha256=${good.toUpperCase()}`,
      `sha256=${good.slice(0, -1)}`,
      `sha256=${good}0`,
      `sha1=${good}`,
      `sha256=${createHmac('sha256', 'other').update(body).digest('hex')}`,
      `sha256=${Buffer.from(good, 'hex').toString('base64')}`,
    ])
      expect(accepts(wrong), String(wrong)).toBe(false);
  });

  it('tells repeated deliveries by their bytes for ten minutes, since events have no id', () => {
    expect(webhooks.identity).toEqual({ id: [], digestWindowMs: 600_000 });
  });
});

describe("LOKE's events", () => {
  const customer = { id: 'c1', firstName: 'Aroha', updatedAt: '2025-07-01T08:00:00Z' };
  const payment = { id: 'p1', state: 'COMPLETED', completedAt: '2025-07-01T08:00:00Z', items: [] };

  it.each(['customer.created', 'customer.updated'])('%s writes the customer of its organization', (event) => {
    const reading = webhooks.read({ event, organization, customer });
    expect(reading).toMatchObject({
      type: event,
      occurredAt: null,
      effect: { effect: 'upsert', stream: 'customers', parent: 'org 1', record: customer },
    });
    // what an event doesn't show stays as it is
    const { effect } = reading;
    if (effect.effect !== 'upsert') throw new Error(effect.effect);
    expect(effect.merge?.({ id: 'c1', firstName: 'A', statistics: { totalSpend: 5 } })).toEqual({
      ...customer,
      statistics: { totalSpend: 5 },
    });
  });

  it('customer.updated-statistics asks for the customer, of whom it holds five fields', () => {
    const body = { event: 'customer.updated-statistics', organization, customer, statistics: {} };
    expect(webhooks.read(body).effect).toEqual({
      effect: 'refetch',
      stream: 'customers',
      id: 'c1',
      parent: 'org 1',
    });
  });

  it.each([
    ['payment.completed', payment, '2025-07-01T08:00:00Z'],
    ['payment.refunded', { ...payment, refundedAt: '2025-07-03T08:00:00Z' }, '2025-07-03T08:00:00Z'],
  ])('%s writes the payment, at the moment that it is about', (event, body, occurredAt) => {
    expect(webhooks.read({ event, organization, location: {}, payment: body })).toMatchObject({
      type: event,
      occurredAt,
      effect: { effect: 'upsert', stream: 'payments', parent: 'org 1', record: body },
    });
  });

  it('a completion that comes after the refund is late, and items stay as the API showed them', () => {
    const { effect } = webhooks.read({ event: 'payment.completed', organization, payment });
    if (effect.effect !== 'upsert') throw new Error(effect.effect);
    const items = [{ id: 'FOOD001', name: 'Flat white' }];
    const refunded = { ...payment, state: 'REFUNDED', refundedAt: '2025-07-03T08:00:00Z', items };
    expect(effect.merge?.(refunded)).toBeUndefined();
    expect(effect.merge?.({ ...payment, state: 'PENDING', completedAt: null, items })).toEqual({
      ...payment,
      items,
    });
  });

  it.each([
    null,
    7,
    'x',
    [],
    {},
    { event: 'customer.deleted', organization, customer },
    { event: 'customer.updated', customer },
    { event: 'customer.updated', organization: { id: 7 }, customer },
    { event: 'customer.updated', organization, customer: [] },
    { event: 'payment.completed', organization },
  ])('what is none of them changes nothing: %j', (body) => {
    expect(webhooks.read(body).effect.effect).toBe('none');
  });
});

describe("LOKE's registration", () => {
  const { registration } = webhooks;
  if (registration === undefined) throw new Error('LOKE has a registration');
  const target: RegistrationTarget = {
    url: 'https://sluice.example/webhooks/venues',
    name: 'Sluice venues',
    streams: ['organizations', 'payments'],
    secret: 's',
    parent: 'org 1',
  };

  it('puts one for each organization under a reference of our own, with the events of the chosen streams', () => {
    expect(registration.perRecordOf).toBe('organizations');
    expect(registration.create(target)).toEqual({
      method: 'PUT',
      path: '/organizations/org%201/webhooks/sluice-venues',
      body: { url: target.url, secret: 's', events: ['payment.completed', 'payment.refunded'] },
    });
    expect(registration.remove(target, null)).toEqual({
      method: 'DELETE',
      path: '/organizations/org%201/webhooks/sluice-venues',
    });
  });

  it('is looked up in the list of the organization, which holds those of others too', () => {
    const { inspect } = registration;
    expect(inspect?.request(target, null)).toEqual({
      method: 'GET',
      path: '/organizations/org%201/webhooks',
    });
    const others = [{ ref: 'other', url: 'https://x.example' }];
    expect(inspect?.read(others, target)).toBeUndefined();
    expect(inspect?.read('no list', target)).toBeUndefined();
    expect(inspect?.read([...others, { ref: 'sluice-venues', url: target.url }], target)).toEqual({
      state: 'active',
      url: target.url,
    });
  });
});
