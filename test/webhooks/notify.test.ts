/** Outgoing notifications: told once for what happened, signed, repeated until they are taken. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { createGuardedFetch } from '../../src/net/fetch.ts';
import { parkConnection } from '../../src/store/connections.ts';
import {
  forgetNotifications,
  listNotifications,
  notifyEventChanges,
  writeNotification,
} from '../../src/store/notifications.ts';
import {
  sendNotifications,
  sendTest,
  skipOverdue,
  startNotifier,
  type NotifyContext,
} from '../../src/webhooks/notify.ts';
import { startReceiver, type Receiver } from '../sandbox/receiver.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { runSluice } from '../support/process.ts';

let fleet: Fleet;
let receiver: Receiver;
let context: NotifyContext;
const key = Buffer.alloc(32, 9);
const net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 12 } });
  receiver = await startReceiver();
  context = {
    db: fleet.runtime.db,
    fetch: net.fetch,
    url: receiver.url,
    key,
    logger: pino({ level: 'silent' }),
    now: Date.now,
    random: () => 0,
  };
});
afterAll(async () => {
  await net.close();
  await receiver.close();
  await fleet.close();
});
beforeEach(async () => {
  await fleet.runtime.db.pool.query('truncate sluice.notifications');
  receiver.received.length = 0;
  receiver.status = () => 200;
});

const told = async (): Promise<{ type: string; data: Record<string, unknown> }[]> =>
  (await listNotifications(fleet.runtime.db, 100)).map(({ body }) => JSON.parse(body) as never).toReversed();

describe('what is told', () => {
  it('a run that changed something, one that failed, one whose deletes are held', async () => {
    await fleet.connect('told', { streams: ['departments'], deletes: { maxShare: 0, minRows: 0 } });
    const run = await fleet.sync('told');
    expect(await told()).toMatchObject([
      {
        type: 'changes.available',
        data: { connection: 'told', streams: [{ name: 'departments', last: 1 }] },
      },
    ]);
    await fleet.sync('told');
    expect(await told()).toHaveLength(1);
    fleet.lucca.source.remove('departments', String(fleet.lucca.source.list('departments')[0]?.id));
    await fleet.sync('told');
    fleet.lucca.faults.add({ kind: 'status', status: 404, path: '/lucca-api/departments' });
    await fleet.sync('told');
    expect((await told()).slice(1)).toMatchObject([
      { type: 'run.held', data: { connection: 'told', status: 'held' } },
      {
        type: 'run.failed',
        data: { connection: 'told', status: 'failed', error: { code: 'provider_refused' } },
      },
    ]);
    expect(run.status).toBe('succeeded');
  });

  it('a connection that needs a person, once', async () => {
    await fleet.connect('parked', { streams: ['departments'] });
    const error = { code: 'x', kind: 'auth', message: 'm', advice: 'a' } as const;
    await parkConnection(fleet.runtime.db, 'parked', 'needs_attention', error);
    await parkConnection(fleet.runtime.db, 'parked', 'needs_attention', error);
    expect(await told()).toMatchObject([
      { type: 'connection.needs_attention', data: { connection: 'parked', error: { code: 'x' } } },
    ]);
  });
});

describe('how it is sent', () => {
  it('signed as Standard Webhooks, with the id of the row', async () => {
    const id = await writeNotification(fleet.runtime.db.pool, 'run.failed', { connection: 'c' });
    expect(await sendNotifications(context)).toBe(1);
    const [message] = receiver.received;
    const time = String(message?.headers['webhook-timestamp']);
    expect(message?.headers['webhook-id']).toBe(id);
    const digest = createHmac('sha256', key)
      .update(`${id}.${time}.${message?.body ?? ''}`)
      .digest('base64');
    expect(message?.headers['webhook-signature']).toBe(`v1,${digest}`);
    expect(await listNotifications(fleet.runtime.db, 9)).toMatchObject([
      { status: 'sent', attempts: 1, last_status: 200 },
    ]);
  });

  it('again with the same id and body after a failure, ten times at most; never after 410', async () => {
    receiver.status = () => 500;
    const id = await writeNotification(fleet.runtime.db.pool, 'run.failed', { connection: 'c' });
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      expect(await sendNotifications(context)).toBe(1);
      expect(await sendNotifications(context)).toBe(0);
      const next = await fleet.runtime.db.pool.query<{ seconds: number }>(
        `select extract(epoch from next_attempt_at - now())::float8 as seconds
           from sluice.notifications where status = 'pending'`,
      );
      pauses.push(...next.rows.map(({ seconds }) => seconds));
      await fleet.runtime.db.pool.query(
        `update sluice.notifications set next_attempt_at = now() where status = 'pending'`,
      );
    }
    expect(await sendNotifications(context)).toBe(0);
    // from seconds to hours: half of each, since nothing is random here
    const most = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 18_000, 18_000];
    expect(pauses).toHaveLength(most.length);
    for (const [at, seconds] of pauses.entries()) {
      expect(seconds).toBeLessThanOrEqual((most[at] ?? 0) / 2);
      // what passed since on a busy machine
      expect(seconds).toBeGreaterThan((most[at] ?? 0) / 2 - 5);
    }
    expect(
      new Set(receiver.received.map(({ headers, body }) => `${String(headers['webhook-id'])} ${body}`)).size,
    ).toBe(1);
    expect(await listNotifications(fleet.runtime.db, 9)).toMatchObject([
      { id, status: 'failed', attempts: 10, last_status: 500, error: { code: 'notify_refused' } },
    ]);
    receiver.status = () => 410;
    await writeNotification(fleet.runtime.db.pool, 'run.held', {});
    await sendNotifications(context);
    expect((await listNotifications(fleet.runtime.db, 1))[0]).toMatchObject({
      status: 'failed',
      attempts: 1,
    });
  });

  it('by one of several processes, and by one that runs on when a receiver is back', async () => {
    for (let index = 0; index < 25; index += 1)
      await writeNotification(fleet.runtime.db.pool, 'changes.available', { index });
    const notifiers = [startNotifier(context), startNotifier(context)];
    await expect.poll(() => receiver.received.length).toBe(25);
    await Promise.all(notifiers.map((one) => one.stop()));
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(25);
  });

  it('a test is sent at once, and a receiver that is away is said', async () => {
    expect(await sendTest(context, {})).toMatchObject({ status: 200, error: null });
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({ type: 'notify.test' });
    const away = { ...context, url: 'http://127.0.0.1:1/' };
    expect(await sendTest(away, {})).toMatchObject({ status: null, error: { code: 'network_error' } });
  });

  it('by command too: 0 where it is taken, 1 where not, 2 where no address is set', async () => {
    const env = { SLUICE_NOTIFY_URL: receiver.url, SLUICE_NOTIFY_SECRET: `whsec_${key.toString('base64')}` };
    const run = (more: Record<string, string>) =>
      runSluice(['notify', 'test', '--json'], { cwd: process.cwd(), env: more });
    expect(JSON.parse((await run(env)).stdout)).toMatchObject({ ok: true, status: 200 });
    receiver.status = () => 500;
    expect((await run(env)).code).toBe(1);
    expect((await run({})).code).toBe(2);
  });
});

describe('what is overdue', () => {
  const overdue = (hours: number) =>
    fleet.runtime.db.pool.query(
      `update sluice.notifications set next_attempt_at = now() - make_interval(hours => $1) where status = 'pending'`,
      [hours],
    );
  const change = () =>
    fleet.runtime.db.tx((client) => notifyEventChanges(client, { connectionId: 'c', stream: 's' }));

  it('is never sent, even by a worker that has not yet set it aside', async () => {
    await writeNotification(fleet.runtime.db.pool, 'run.failed', {});
    await overdue(73);
    expect(await sendNotifications(context)).toBe(0);
    await overdue(71);
    expect(await sendNotifications(context)).toBe(1);
  });

  it('does not swallow the next change of its stream', async () => {
    await change();
    await overdue(1);
    expect(await skipOverdue(context, 'notify_not_configured')).toBe(1);
    await change();
    await overdue(0);
    expect(await sendNotifications(context)).toBe(1);
    expect((await listNotifications(fleet.runtime.db, 9)).map(({ status }) => status)).toEqual([
      'sent',
      'skipped',
    ]);
  });

  it('is counted by type, and set aside in batches', async () => {
    await fleet.runtime.db.pool.query(
      `insert into sluice.notifications (id, type, body, next_attempt_at)
       select 'msg_' || n, case when n % 2 = 0 then 'run.failed' else 'run.held' end, '{}', now() - interval '1 day'
         from generate_series(1, 2500) n`,
    );
    const counted: string[] = [];
    const onAttempt = (...told: readonly unknown[]): void => void counted.push(told.join(' '));
    expect(await skipOverdue({ ...context, onAttempt }, 'notify_overdue')).toBe(0);
    expect(await skipOverdue({ ...context, onAttempt }, 'notify_not_configured')).toBe(2500);
    expect(new Set(counted)).toEqual(new Set(['run.failed skipped 1250', 'run.held skipped 1250']));
  });
});

it('the log of notifications is forgotten after its time', async () => {
  await writeNotification(fleet.runtime.db.pool, 'run.failed', {});
  const signal = new AbortController().signal;
  expect(await forgetNotifications(fleet.runtime.db, new Date(Date.now() - 60_000), signal)).toBe(0);
  expect(await forgetNotifications(fleet.runtime.db, new Date(Date.now() + 60_000), signal)).toBe(1);
});
