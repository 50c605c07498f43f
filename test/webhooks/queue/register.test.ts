/** Endpoints at the simulated providers: registered, delivering, suspended, moved; and events that only name something. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSandbox, type Sandbox } from '../../../sandbox/index.ts';
import type { FloridaySandbox } from '../../../sandbox/floriday/server.ts';
import { checkWebhooks } from '../../../src/commands/diagnosis/connections.ts';
import { storedSchedule } from '../../../src/commands/schedule-lookup.ts';
import { claimNotifications } from '../../../src/store/notifications.ts';
import { connectionView } from '../../../src/sync/connection-view.ts';
import { removeConnectionFully } from '../../../src/sync/remove.ts';
import { rotateKeys } from '../../../src/sync/rotate-keys.ts';
import { createKeyring } from '../../../src/auth/keyring.ts';
import { createVault } from '../../../src/auth/vault.ts';
import type { RegistrationContext } from '../../../src/webhooks/endpoints.ts';
import { inspectWebhooks } from '../../../src/webhooks/inspect.ts';
import { registerWebhooks } from '../../../src/webhooks/register.ts';
import { tendWebhooks } from '../../../src/webhooks/tend.ts';
import { standardHeaders } from '../../../src/webhooks/standard.ts';
import { startFleet, truth, waitFor, type Fleet } from '../../support/fleet.ts';
import { send, settledEvents, startIntake, storedEvents, type TestIntake } from '../../support/webhooks.ts';

// what is waited for may have to share a busy machine
vi.setConfig({ testTimeout: 120_000 });

let fleet: Fleet;
let web: TestIntake;
let moved: TestIntake;
let sandbox: Sandbox<'floriday'>;
let floriday: FloridaySandbox;
const log: string[] = [];

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 20 }, log });
  web = await startIntake(fleet.runtime);
  moved = await startIntake(fleet.runtime);
  sandbox = await startSandbox({
    providers: ['floriday'],
    limits: 'off',
    records: 20,
  });
  floriday = sandbox.providers.floriday;
  // a machine so busy that an answer takes longer than a provider waits must not cost a minute
  for (const { deliveries } of [fleet.lucca, floriday]) deliveries.settings.timeScale = 0.001;
});

afterAll(async () => {
  await sandbox.close();
  await web.close();
  await moved.close();
  await fleet.close();
});

const context = (target: TestIntake): RegistrationContext => ({
  ...fleet.runtime.registration,
  publicUrl: async () => target.url.replace(/\/webhooks$/, ''),
});

const newest = (): Promise<unknown> => fleet.runtime.db.pool.query('truncate sluice.webhook_events');

describe('an endpoint at a provider that makes the secret', () => {
  beforeAll(() => fleet.connect('hr', { streams: ['employees', 'departments'] }));

  it('is registered with the topics of the chosen streams, and its events are applied', async () => {
    const [view] = await registerWebhooks(context(web), 'hr', { renew: false });
    expect(view).toMatchObject({ url: `${web.url}/hr`, state: 'active', error: null });
    const [endpoint, ...more] = fleet.lucca.webhooks.endpoints();
    expect(more).toEqual([]);
    expect(endpoint).toMatchObject({ webhookUrl: `${web.url}/hr`, status: 'active' });
    expect(endpoint?.topics).toEqual(
      ['employee', 'department'].flatMap((one) =>
        ['created', 'updated', 'deleted'].map((how) => `${one}.${how}`),
      ),
    );
    await fleet.sync('hr');
    Object.assign(fleet.lucca.webhooks.deliveries.settings, { copies: 3, shuffle: 5 });
    for (let round = 0; round < 5; round += 1)
      fleet.lucca.source.edit({ creates: 1, updates: 2, deletes: 1 });
    fleet.lucca.webhooks.deliveries.flush();
    await fleet.lucca.webhooks.deliveries.idle();
    Object.assign(fleet.lucca.webhooks.deliveries.settings, { copies: 1, shuffle: 1 });
    const events = await settledEvents(fleet);
    expect(events).toHaveLength(20);
    expect(new Set(events.map(({ status }) => status))).toEqual(new Set(['processed']));
    expect(await fleet.mirror('hr', 'employees')).toEqual(truth(fleet.lucca, 'employees'));
    // what follows finds nothing to change: an event and a page are the same record
    const run = await fleet.sync('hr');
    expect(run.streams.map(({ added, updated, deleted }) => added + updated + deleted)).toEqual([0, 0]);
  });

  it('keeps its secret to the vault: in no log, no answer, and readable after a change of keys', async () => {
    const secret = fleet.lucca.webhooks.endpoints()[0]?.secret ?? 'none';
    const rows = await fleet.runtime.db.pool.query('select * from sluice.webhook_endpoints');
    expect(JSON.stringify(rows.rows)).not.toContain(secret);
    expect(log.join('')).not.toContain(secret);
    expect(JSON.stringify(await inspectWebhooks(context(web), 'hr'))).not.toContain(secret);
    const [old = ''] = fleet.env.SLUICE_ENCRYPTION_KEYS?.split(':').slice(1) ?? [];
    const keys = [
      { id: 'next', key: Buffer.alloc(32, 7) },
      { id: 'test', key: Buffer.from(old, 'base64') },
    ];
    const rotation = await rotateKeys(fleet.runtime.db, createVault(createKeyring(keys)));
    expect(rotation.credentials).toBeGreaterThanOrEqual(2);
    const after = await fleet.runtime.db.pool.query<{ secrets: string }>(
      'select secrets from sluice.webhook_endpoints',
    );
    expect(after.rows.map(({ secrets }) => secrets.startsWith('v1.next.'))).toEqual([true]);
    const back = createVault(createKeyring(keys.toReversed()));
    await rotateKeys(fleet.runtime.db, back);
  });

  it('stays as it is when it is well, and is made anew when it moves, is suspended, or is asked to', async () => {
    const ids = (): string[] => fleet.lucca.webhooks.endpoints().map(({ id }) => id);
    const [first] = ids();
    await registerWebhooks(context(web), 'hr', { renew: false });
    expect(ids()).toEqual([first]);
    await registerWebhooks(context(moved), 'hr', { renew: false });
    const [second, ...more] = fleet.lucca.webhooks.endpoints();
    expect(more).toEqual([]);
    expect(second?.id).not.toBe(first);
    expect(second?.webhookUrl).toBe(`${moved.url}/hr`);
    fleet.lucca.webhooks.setStatus(second?.id ?? '', 'suspended');
    expect(await inspectWebhooks(context(moved), 'hr')).toMatchObject([
      { state: 'suspended', error: { code: 'webhook_endpoint_down' } },
    ]);
    expect(await registerWebhooks(context(moved), 'hr', { renew: false })).toMatchObject([
      { state: 'active' },
    ]);
    const third = ids();
    await registerWebhooks(context(moved), 'hr', { renew: true });
    expect(ids()).not.toEqual(third);
    expect(ids()).toHaveLength(1);
  });

  it('is looked after: made anew after a change of PUBLIC_URL, reported when it is gone', async () => {
    expect(await tendWebhooks(context(web))).toBe(0);
    expect(fleet.lucca.webhooks.endpoints().map(({ webhookUrl }) => webhookUrl)).toEqual([`${web.url}/hr`]);
    const [endpoint] = fleet.lucca.webhooks.endpoints();
    fleet.lucca.webhooks.setStatus(endpoint?.id ?? '', 'suspended');
    log.length = 0;
    expect(await tendWebhooks(context(web))).toBe(1);
    expect(log.filter((line) => line.includes('webhook_endpoint_down'))).toHaveLength(1);
    // the connection goes on syncing, and says what is wrong
    const view = await connectionView(fleet.runtime.db, 'hr', storedSchedule);
    expect(view).toMatchObject({
      state: 'active',
      reason: 'The endpoint is suspended at Lucca.',
      advice: 'Register it again: `sluice webhooks register hr`.',
    });
    expect(await checkWebhooks(fleet.runtime.db)).toMatchObject([
      { name: 'webhooks hr', ok: false, advice: 'Register it again: `sluice webhooks register hr`.' },
    ]);
    await registerWebhooks(context(web), 'hr', { renew: false });
    expect(await connectionView(fleet.runtime.db, 'hr', storedSchedule)).toMatchObject({ reason: null });
    expect(await checkWebhooks(fleet.runtime.db)).toMatchObject([{ ok: true }]);
  });

  it('is made anew, and its predecessor removed, where the answer with the only sight of a secret was lost', async () => {
    const path = '/lucca-api/webhook-endpoints';
    // made at the provider, no answer, and nothing done about it: as if the process had died before it stored the secret
    fleet.lucca.faults.add({ kind: 'reset', when: 'in-body', path, method: 'POST' });
    fleet.lucca.faults.add({ kind: 'status', status: 503, path, method: 'GET' });
    await fleet.runtime.db.pool.query(`delete from sluice.webhook_endpoints where connection_id = 'hr'`);
    const before = fleet.lucca.webhooks.endpoints().length;
    await expect(registerWebhooks(context(web), 'hr', { renew: false })).rejects.toThrow();
    const lost = fleet.lucca.webhooks.endpoints();
    expect(lost).toHaveLength(before + 1);
    expect(await registerWebhooks(context(web), 'hr', { renew: false })).toMatchObject([{ state: 'active' }]);
    const [endpoint, ...more] = fleet.lucca.webhooks.endpoints();
    expect(more).toEqual([]);
    expect(lost.map(({ id }) => id)).not.toContain(endpoint?.id);
    await newest();
    fleet.lucca.source.edit({ updates: 1 });
    await fleet.lucca.webhooks.deliveries.idle();
    expect(await settledEvents(fleet)).toMatchObject([{ status: 'processed' }]);
    expect(fleet.lucca.webhooks.deliveries.log().at(-1)).toMatchObject({ status: 200 });
  });

  it('that changed records says so in one notification, with the newest number', async () => {
    const { pool } = fleet.runtime.db;
    await newest();
    await pool.query('truncate sluice.notifications');
    fleet.lucca.source.edit({ updates: 3 });
    await fleet.lucca.webhooks.deliveries.idle();
    await settledEvents(fleet);
    const last = await pool.query<{ last: string }>(
      `select last_seq as last from sluice.streams where connection_id = 'hr' and stream = 'employees'`,
    );
    const told = await pool.query<{ body: string }>('select body from sluice.notifications');
    expect(told.rows.map(({ body }) => JSON.parse(body))).toMatchObject([
      {
        type: 'changes.available',
        data: { connection: 'hr', streams: [{ name: 'employees', last: Number(last.rows[0]?.last) }] },
      },
    ]);
    // one that a receiver may have seen stays as it is
    await pool.query('update sluice.notifications set next_attempt_at = now()');
    expect(
      await claimNotifications(fleet.runtime.db, 10, { leaseMs: 60_000, overdueMs: 60_000 }),
    ).toHaveLength(1);
    fleet.lucca.source.edit({ updates: 1 });
    await fleet.lucca.webhooks.deliveries.idle();
    await settledEvents(fleet);
    expect((await pool.query('select 1 from sluice.notifications')).rowCount).toBe(2);
  });

  it('is refused with a reason where the provider can not reach it, and where there is no address', async () => {
    const nowhere = { ...context(web), publicUrl: async () => 'http://127.0.0.1:1' };
    await expect(registerWebhooks(nowhere, 'hr', { renew: true })).rejects.toMatchObject({
      code: 'webhook_registration_failed',
      message: expect.stringContaining('activation challenge'),
    });
    await expect(
      registerWebhooks({ ...context(web), publicUrl: async () => undefined }, 'hr', { renew: true }),
    ).rejects.toMatchObject({ code: 'public_url_missing' });
  });
});

describe('a subscription to messages that carry no proof', () => {
  const connect = (id: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> =>
    fleet.connect(id, {
      provider: 'floriday',
      settings: floriday.settings,
      credentials: floriday.credentials,
      endpoints: { token: floriday.urls.token, api: floriday.urls.api },
      streams: ['batches', 'sales-orders'],
      ...more,
    });

  beforeAll(async () => {
    await connect('roses');
    await newest();
  });

  it('is confirmed, carries a random key, and asks a token of its own', async () => {
    floriday.requests.clear();
    await registerWebhooks(context(web), 'roses', { renew: false });
    await floriday.webhooks.deliveries.idle();
    const events = await settledEvents(fleet);
    expect(events.map(({ status, type }) => [status, type])).toEqual([
      ['processed', 'SubscriptionConfirmation'],
    ]);
    const [subscription] = floriday.webhooks.subscriptions();
    expect(subscription?.isConfirmed).toBe(true);
    const url = new URL(subscription?.callbackUrl ?? '');
    expect(url.searchParams.get('key')).toMatch(/^[\w-]{43}$/);
    expect(await inspectWebhooks(context(web), 'roses')).toMatchObject([
      { url: `${web.url}/roses`, state: 'active' },
    ]);
    const scopes = await fleet.runtime.db.pool.query<{ config: unknown }>(
      `select config from sluice.connections where id = 'roses'`,
    );
    expect(JSON.stringify(scopes.rows)).not.toContain('webhooks:write');
    expect((await send(`${web.url}/roses?key=guessed`, '{}', {})).status).toBe(401);
    expect((await send(`${web.url}/roses`, '{}', {})).status).toBe(401);
  });

  it('a burst of its messages starts one sync of the stream; one that comes while it runs, another', async () => {
    await newest();
    await fleet.sync('roses');
    const before = await runs();
    // the sync can't get on until the burst is in
    floriday.faults.add({ kind: 'slow', delayMs: 1_500, path: '*/batches/current-max-sequence' });
    floriday.source.edit({ resource: 'batches', updates: 1 });
    await floriday.webhooks.deliveries.idle();
    Object.assign(floriday.webhooks.deliveries.settings, { copies: 2, shuffle: 5 });
    await waitFor(
      async () => ((await runs()).some((run) => run.slot === 'active' && run.started) ? true : undefined),
      20_000,
    );
    for (let round = 0; round < 10; round += 1) floriday.source.edit({ resource: 'batches', updates: 1 });
    await floriday.webhooks.deliveries.idle();
    Object.assign(floriday.webhooks.deliveries.settings, { copies: 1, shuffle: 1 });
    const events = await settledEvents(fleet);
    expect(events).toHaveLength(11);
    await waitFor(async () => ((await runs()).every((run) => run.slot === null) ? true : undefined), 30_000);
    const after = (await runs()).slice(before.length);
    expect(after.map(({ trigger, streams }) => [trigger, streams])).toEqual([
      ['webhook', ['batches']],
      ['webhook', ['batches']],
    ]);
    const mirror = await fleet.mirror('roses', 'batches');
    for (const row of floriday.source.list('batches')) expect(mirror.get(String(row.id))).toEqual({ ...row });
  });

  it('confirms nothing at addresses that the provider does not document', async () => {
    await newest();
    const key =
      new URL(floriday.webhooks.subscriptions()[0]?.callbackUrl ?? '').searchParams.get('key') ?? '';
    const addresses = [
      'http://169.254.169.254/latest/meta-data',
      'https://sns.evil.example/?Action=ConfirmSubscription',
      'https://sns.eu-west-1.amazonaws.com.evil.example/',
      'https://user:pw@sns.eu-west-1.amazonaws.com/',
      'https://sns.eu-west-1.amazonaws.com:8443/',
      'http://sns.eu-west-1.amazonaws.com/',
      'file:///etc/passwd',
      'no address',
    ];
    for (const [index, SubscribeURL] of addresses.entries())
      await send(
        `${web.url}/roses?key=${key}`,
        JSON.stringify({ Type: 'SubscriptionConfirmation', MessageId: `m${index}`, SubscribeURL }),
        {},
      );
    const events = await settledEvents(fleet);
    expect(events.map(({ status, error }) => [status, error?.code])).toEqual(
      addresses.map(() => ['dead', 'webhook_confirm_refused']),
    );
  });

  it('messages without an id are each one of their own, even when they are equal', async () => {
    await newest();
    const key =
      new URL(floriday.webhooks.subscriptions()[0]?.callbackUrl ?? '').searchParams.get('key') ?? '';
    const body = JSON.stringify({ aggregateType: 'BATCH', aggregateId: 'x', eventType: 'CREATED' });
    for (let copy = 0; copy < 3; copy += 1)
      expect((await send(`${web.url}/roses?key=${key}`, body, {})).status).toBe(200);
    expect(await settledEvents(fleet)).toHaveLength(3);
  });

  it('exists for the suppliers API only', async () => {
    await connect('buyer', {
      settings: { ...floriday.settings, api: 'customers' },
      streams: ['trade-items'],
    });
    await expect(registerWebhooks(context(web), 'buyer', { renew: false })).rejects.toMatchObject({
      code: 'webhooks_unavailable',
    });
    expect((await send(`${web.url}/buyer?key=x`, '{}', {})).status).toBe(401);
  });

  async function runs(): Promise<
    { slot: string | null; trigger: string; streams: string[] | null; started: boolean }[]
  > {
    const result = await fleet.runtime.db.pool.query<{
      slot: string | null;
      trigger: string;
      streams: string[] | null;
      started: boolean;
    }>(
      `select slot, trigger, streams, started_at is not null as started from sluice.runs
        where connection_id = 'roses' order by created_at`,
    );
    return result.rows;
  }
});

describe('what is registered', () => {
  it('moves with PUBLIC_URL where the provider can not be asked, and is missing when it was never confirmed', async () => {
    expect(await tendWebhooks(context(moved))).toBe(0);
    await floriday.webhooks.deliveries.idle();
    await settledEvents(fleet);
    expect(await inspectWebhooks(context(moved), 'roses')).toMatchObject([
      { url: `${moved.url}/roses`, state: 'active' },
    ]);
    expect(floriday.webhooks.subscriptions().map(({ callbackUrl }) => callbackUrl.split('?')[0])).toEqual([
      `${moved.url}/roses`,
    ]);
    floriday.webhooks.deliveries.settings.enabled = false;
    await registerWebhooks(context(moved), 'roses', { renew: true });
    floriday.webhooks.deliveries.settings.enabled = true;
    expect(await inspectWebhooks(context(moved), 'roses')).toMatchObject([{ state: 'unknown', error: null }]);
    await fleet.runtime.db.pool.query(
      `update sluice.webhook_endpoints set registered_at = now() - interval '73 hours' where connection_id = 'roses'`,
    );
    expect(await tendWebhooks(context(moved))).toBe(1);
    expect(await inspectWebhooks(context(moved), 'roses')).toMatchObject([
      { state: 'missing', error: { code: 'webhook_endpoint_down' } },
    ]);
  });

  it('goes with its connection at the provider too, later where it can not be asked', async () => {
    const { db } = fleet.runtime;
    floriday.faults.add({ kind: 'status', status: 503, path: '*/webhooks/subscriptions', method: 'DELETE' });
    for (const id of ['hr', 'roses']) await removeConnectionFully(db, id, { purge: false });
    expect(await fleet.runtime.sayGoodbye()).toBe(1);
    expect(fleet.lucca.webhooks.endpoints()).toEqual([]);
    expect(floriday.webhooks.subscriptions()).toHaveLength(1);
    await db.pool.query('update sluice.webhook_removals set next_attempt_at = now()');
    expect(await fleet.runtime.sayGoodbye()).toBe(1);
    expect(floriday.webhooks.subscriptions()).toEqual([]);
    expect((await db.pool.query('select 1 from sluice.webhook_removals')).rowCount).toBe(0);
  });
});

describe('Standard Webhooks of the user', () => {
  const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
  it('start a sync of the streams that are named, once for each id', async () => {
    await newest();
    await fleet.connect('own', {
      credentials: { ...fleet.lucca.credentials, webhookSecret: [secret] },
      streams: ['employees', 'departments'],
      webhooks: { scheme: 'standard-webhooks', streams: ['departments'] },
    });
    const body = JSON.stringify({
      type: 'departments.imported',
      timestamp: new Date().toISOString(),
      data: {},
    });
    const headers = standardHeaders(Buffer.alloc(32, 5), 'msg_1', Date.now(), body);
    for (let copy = 0; copy < 3; copy += 1)
      expect((await send(`${web.url}/own`, body, headers)).status).toBe(200);
    expect((await send(`${web.url}/own`, body, { ...headers, 'webhook-id': 'msg_2' })).status).toBe(401);
    expect(await settledEvents(fleet)).toMatchObject([
      { status: 'processed', type: 'departments.imported', duplicates: 2, event_id: 'msg_1' },
    ]);
    const [event] = await storedEvents(fleet);
    const run = await fleet.ended(String(event?.outcome?.run));
    expect(run.streams.map(({ name }) => name)).toEqual(['departments']);
  });
});
