/**
 * LOKE's webhooks from the registration of each organization to the mirror: events without id or time, that show less of a
 * record than the API does.
 */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startSandbox, type Sandbox } from '../../../sandbox/index.ts';
import type { LokeSandbox } from '../../../sandbox/loke/server.ts';
import type { RegistrationContext } from '../../../src/webhooks/endpoints.ts';
import { removeConnectionFully } from '../../../src/sync/remove.ts';
import { inspectWebhooks } from '../../../src/webhooks/inspect.ts';
import { registerWebhooks } from '../../../src/webhooks/register.ts';
import { tendWebhooks } from '../../../src/webhooks/tend.ts';
import { startFleet, type Fleet } from '../../support/fleet.ts';
import { send, settledEvents, startIntake, type TestIntake } from '../../support/webhooks.ts';

// what is waited for may have to share a busy machine
vi.setConfig({ testTimeout: 120_000 });

let fleet: Fleet;
let web: TestIntake;
let moved: TestIntake;
let sandbox: Sandbox<'loke'>;
let loke: LokeSandbox;
const log: string[] = [];

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 1 }, log });
  web = await startIntake(fleet.runtime);
  moved = await startIntake(fleet.runtime);
  sandbox = await startSandbox({ providers: ['loke'], records: 12 });
  loke = sandbox.providers.loke;
  // a machine so busy that an answer takes longer than LOKE waits must not cost a minute
  loke.deliveries.settings.timeScale = 0.001;
  await connect();
});

const connect = (): Promise<void> =>
  fleet.connect('venues', {
    provider: 'loke',
    credentials: loke.credentials,
    settings: {},
    endpoints: { issuer: loke.urls.issuer, token: loke.urls.token, api: loke.urls.api },
  });

afterAll(async () => {
  await sandbox.close();
  await web.close();
  await moved.close();
  await fleet.close();
});
beforeEach(() => fleet.runtime.db.pool.query('truncate sluice.webhook_events'));

const context = (target: TestIntake): RegistrationContext => ({
  ...fleet.runtime.registration,
  publicUrl: async () => target.url.replace(/\/webhooks$/, ''),
});
const organizations = (): string[] =>
  loke.source
    .list('organizations')
    .map(({ id }) => id)
    .sort();
/** by organization */
const addresses = (): ReadonlyMap<string, string> =>
  new Map(loke.webhooks().map(({ organizationId, url }) => [organizationId, url]));
const at = (target: TestIntake): ReadonlyMap<string, string> =>
  new Map(organizations().map((id) => [id, `${target.url}/venues`]));
const truth = (stream: string) => new Map(loke.source.list(stream).map((row) => [row.id, { ...row }]));

describe('endpoints of an add-on', () => {
  it('can not be made before an organization is known, and says what to do', async () => {
    await expect(registerWebhooks(context(web), 'venues', { renew: false })).rejects.toMatchObject({
      code: 'webhook_registration_failed',
      message: 'Endpoints belong to organizations, and venues has none yet.',
    });
  });

  it('are made for each organization, with one secret that only the vault and LOKE know', async () => {
    await fleet.sync('venues');
    const views = await registerWebhooks(context(web), 'venues', { renew: false });
    expect(views.map(({ place, state, error }) => [place, state, error])).toEqual(
      organizations().map((id) => [id, 'active', null]),
    );
    expect(addresses()).toEqual(at(web));
    const secrets = new Set(loke.webhooks().map(({ secret }) => secret));
    expect(secrets.size).toBe(1);
    const [secret = ''] = secrets;
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(log.join('') + JSON.stringify(views)).not.toContain(secret);
  });

  it('move with PUBLIC_URL, come and go with organizations, and are reported when they are lost', async () => {
    const [first = ''] = organizations();
    expect(await tendWebhooks(context(moved))).toBe(0);
    expect(addresses()).toEqual(at(moved));
    const [further = ''] = loke.uninstalled();
    loke.install(further);
    await fleet.sync('venues', { full: true });
    expect(await tendWebhooks(context(web))).toBe(0);
    expect(addresses()).toEqual(at(web));
    // uninstalled and installed again: LOKE has forgotten the subscription
    loke.uninstall(first);
    loke.install(first);
    expect(await tendWebhooks(context(web))).toBe(1);
    expect(log.some((line) => line.includes('webhook_endpoint_down') && line.includes(first))).toBe(true);
    const down = (await inspectWebhooks(context(web), 'venues')).filter(({ error }) => error !== null);
    expect(down).toMatchObject([
      {
        place: first,
        state: 'missing',
        error: { code: 'webhook_endpoint_down', advice: expect.any(String) },
      },
    ]);
    await registerWebhooks(context(web), 'venues', { renew: false });
    expect(addresses()).toEqual(at(web));
    loke.uninstall(further);
    await fleet.sync('venues', { full: true, allowDeletes: true });
    const left = await inspectWebhooks(context(web), 'venues');
    expect(left.map(({ place }) => place)).toEqual(organizations());
  });

  it('one that is refused leaves the others', async () => {
    const [first = ''] = organizations();
    loke.faults.add({ kind: 'status', status: 400, path: `/organizations/${first}/webhooks/*` });
    await expect(registerWebhooks(context(moved), 'venues', { renew: true })).rejects.toMatchObject({
      code: 'webhook_registration_failed',
    });
    expect([...addresses().values()].filter((url) => url.startsWith(moved.url))).toHaveLength(
      organizations().length - 1,
    );
    // it is told by the address that LOKE has
    await registerWebhooks(context(moved), 'venues', { renew: false });
    expect(addresses()).toEqual(at(moved));
  });
});

describe('events', () => {
  const deliver = async (): Promise<void> => {
    loke.deliveries.flush();
    await loke.deliveries.idle();
  };

  it('are applied once, with what they lack kept, and a further sync finds the customers as they are', async () => {
    await fleet.sync('venues', { full: true, allowDeletes: true });
    const [first = ''] = organizations();
    Object.assign(loke.deliveries.settings, { copies: 2, shuffle: 5 });
    const made = loke.source.insert('customers', { parent: first });
    const [known] = loke.source.list('customers');
    loke.source.update('customers', known?.id ?? '', { firstName: 'Zoë' });
    loke.source.update('customers', known?.id ?? '', { statistics: { pointsBalance: 4711 } });
    const payment = loke.source.insert('payments', { parent: first });
    loke.source.update('payments', payment.id, { state: 'REFUNDED', refundedAt: '2030-07-02T08:00:00Z' });
    await deliver();
    Object.assign(loke.deliveries.settings, { copies: 1, shuffle: 1 });
    const events = await settledEvents(fleet);
    expect(events.map(({ status, duplicates, event_id: id }) => [status, duplicates > 0, id])).toEqual(
      Array.from({ length: 5 }, () => ['processed', true, null]),
    );
    const customers = await fleet.mirror('venues', 'customers');
    expect(customers.get(known?.id ?? '')).toEqual(truth('customers').get(known?.id ?? ''));
    // no event says anything of a new customer's statistics
    expect(customers.get(made.id)).toEqual({ ...made, statistics: undefined });
    const payments = await fleet.mirror('venues', 'payments');
    expect(payments.get(payment.id)).toMatchObject({ state: 'REFUNDED', tipAmount: payment['tipAmount'] });
    const run = await fleet.sync('venues', { full: true });
    const changed = run.streams.filter(({ added, updated, deleted }) => added + updated + deleted > 0);
    expect(changed.map(({ name, added, updated, deleted }) => [name, added, updated, deleted])).toEqual([
      ['customers', 0, 1, 0],
      ['payments', 0, 1, 0],
    ]);
    for (const stream of ['customers', 'payments'])
      expect(await fleet.mirror('venues', stream)).toEqual(truth(stream));
  });

  it('shuffled and repeated while full passes run, end in the newest state of each', async () => {
    const { source } = loke;
    const passes = (async () => {
      for (let pass = 0; pass < 2; pass += 1) await fleet.sync('venues', { full: true });
    })();
    Object.assign(loke.deliveries.settings, { copies: 2, shuffle: 7 });
    const [first = ''] = organizations();
    for (let round = 0; round < 4; round += 1) {
      for (const { id } of source.list('customers').slice(0, 3))
        source.update('customers', id, { firstName: `state ${round}` });
      const payment = source.insert('payments', { parent: first });
      const refundedAt = '2030-07-02T08:00:00Z';
      source.update('payments', payment.id, { state: 'REFUNDED', refundedAt });
    }
    await deliver();
    Object.assign(loke.deliveries.settings, { copies: 1, shuffle: 1 });
    const events = await settledEvents(fleet);
    await passes;
    expect(events).toHaveLength(20);
    expect(events.filter(({ status }) => status !== 'processed')).toEqual([]);
    expect(await fleet.mirror('venues', 'customers')).toEqual(truth('customers'));
    const states = (rows: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> =>
      new Map([...rows].map(([id, row]) => [id, (row as { state: string }).state]));
    expect(states(await fleet.mirror('venues', 'payments'))).toEqual(states(truth('payments')));
  });

  it('are asked for with the shared token: one request for many, and after a 401 one more', async () => {
    const [first, second, third] = loke.source.list('customers');
    await fleet.sync('venues', { streams: ['organizations'] });
    loke.requests.clear();
    for (const [index, customer] of [first, second, third].entries())
      loke.source.update('customers', customer?.id ?? '', { statistics: { pointsBalance: index } });
    await deliver();
    expect((await settledEvents(fleet)).map(({ status }) => status)).toEqual(
      Array.from({ length: 3 }, () => 'processed'),
    );
    expect(loke.requests.counters().tokenRequests).toBe(0);
    loke.revokeTokens();
    loke.source.update('customers', first?.id ?? '', { statistics: { pointsBalance: 99 } });
    await deliver();
    await settledEvents(fleet);
    expect(loke.requests.counters().tokenRequests).toBe(1);
    expect((await fleet.mirror('venues', 'customers')).get(first?.id ?? '')).toMatchObject({
      statistics: { pointsBalance: 99 },
    });
  });

  it('are asked for again while LOKE is in trouble, and end as dead where it forbids', async () => {
    const [first] = loke.source.list('customers');
    const path = `/organizations/*/customers/${first?.id ?? ''}`;
    const tell = async (points: number) => {
      loke.source.update('customers', first?.id ?? '', { statistics: { pointsBalance: points } });
      await deliver();
      return settledEvents(fleet);
    };
    loke.requests.clear();
    loke.faults.add({ kind: 'status', status: 503, path, times: 2 });
    expect(await tell(501)).toMatchObject([{ status: 'processed' }]);
    expect((await fleet.mirror('venues', 'customers')).get(first?.id ?? '')).toMatchObject({
      statistics: { pointsBalance: 501 },
    });
    loke.faults.add({ kind: 'status', status: 403, path, times: 9 });
    expect((await tell(502)).at(-1)).toMatchObject({
      status: 'dead',
      attempts: 2,
      error: { code: 'provider_forbidden' },
    });
    loke.faults.clear();
    // neither is a reason for another token
    expect(loke.requests.counters().tokenRequests).toBe(0);
  });

  it('count again when the same bytes come after more than ten minutes', async () => {
    const secret = loke.webhooks()[0]?.secret ?? '';
    const body = JSON.stringify({ event: 'customer.removed', organization: { id: 'o' } });
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const post = async (): Promise<number> =>
      (await send(`${web.url}/venues`, body, { 'x-event-signature': `sha256=${signature}` })).status;
    expect([await post(), await post()]).toEqual([200, 200]);
    await fleet.runtime.db.pool.query(
      `update sluice.webhook_events set received_at = received_at - interval '11 minutes'`,
    );
    expect(await post()).toBe(200);
    expect((await settledEvents(fleet)).map(({ duplicates }) => duplicates)).toEqual([1, 0]);
  });
});

describe('a removed connection', () => {
  it('takes its endpoints along, and leaves those of one that was made again under its id', async () => {
    const remove = (): Promise<unknown> =>
      removeConnectionFully(fleet.runtime.db, 'venues', { purge: false });
    await remove();
    await connect();
    await registerWebhooks(context(web), 'venues', { renew: false });
    expect(await fleet.runtime.sayGoodbye()).toBe(organizations().length);
    expect(addresses()).toEqual(at(web));
    await remove();
    expect(await fleet.runtime.sayGoodbye()).toBe(organizations().length);
    expect(addresses().size).toBe(0);
  });
});
