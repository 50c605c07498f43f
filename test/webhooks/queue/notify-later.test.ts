/** An address for notifications that is set late, or workers that were away: real processes, and a real receiver. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  listNotifications,
  resendNotification,
  writeNotification,
  type NotificationType,
} from '../../../src/store/notifications.ts';
import { startReceiver, type Receiver } from '../../sandbox/receiver.ts';
import { startFleet, type Fleet } from '../../support/fleet.ts';
import { endAll, startSluice, type SluiceProcess } from '../../support/process.ts';

let fleet: Fleet;
let receiver: Receiver;

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 12 } });
  receiver = await startReceiver();
  await fleet.connect('acme', { streams: ['departments'] });
});
beforeEach(async () => {
  await fleet.runtime.db.pool.query('truncate sluice.notifications');
  receiver.received.length = 0;
});
afterEach(endAll);
afterAll(async () => {
  await receiver.close();
  await fleet.close();
});

const worker = async (addressed: boolean): Promise<SluiceProcess> => {
  const address = {
    SLUICE_NOTIFY_URL: receiver.url,
    SLUICE_NOTIFY_SECRET: `whsec_${Buffer.alloc(32, 9).toString('base64')}`,
  };
  const started = startSluice(['worker'], {
    cwd: process.cwd(),
    env: { ...fleet.env, LOG_FORMAT: 'json', ...(addressed ? address : {}) },
  });
  await started.said('ready', 60_000);
  return started;
};

/** As if it had been written then, and nobody had looked since. */
async function written(type: NotificationType, hoursAgo: number, attempts = 0): Promise<string> {
  const id = await writeNotification(fleet.runtime.db.pool, type, { connection: 'acme' });
  await fleet.runtime.db.pool.query(
    `update sluice.notifications set attempts = $3, created_at = now() - make_interval(secs => $2),
            next_attempt_at = now() - make_interval(secs => $2) where id = $1`,
    [id, hoursAgo * 3600, attempts],
  );
  return id;
}
const month = (index: number): number => 24 * 29 - index;
const arrived = (): unknown[] => receiver.received.map(({ headers }) => headers['webhook-id']);
const statuses = async (): Promise<Map<string, string>> =>
  new Map((await listNotifications(fleet.runtime.db, 500)).map(({ id, status }) => [id, status]));
const lines = (of: SluiceProcess): Record<string, unknown>[] =>
  of
    .stderr()
    .split('\n')
    .filter((line) => line.includes('notifications were skipped'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('what was never meant for anybody is set aside; the address that is set later gets what arises from then on', async () => {
  const old: string[] = [];
  for (let index = 0; index < 60; index += 1) old.push(await written('run.failed', month(index)));
  // its address was taken away between two attempts
  old.push(await written('connection.needs_reconnect', 24, 3));
  const fresh = await written('run.held', 0);
  const unaddressed = await worker(false);
  await unaddressed.said('notifications were skipped');
  expect(lines(unaddressed)).toMatchObject([
    {
      code: 'notify_not_configured',
      count: 61,
      types: { 'run.failed': 60, 'connection.needs_reconnect': 1 },
      advice: expect.stringContaining('SLUICE_NOTIFY_URL'),
    },
  ]);
  const before = await statuses();
  expect(old.map((id) => before.get(id))).toEqual(old.map(() => 'skipped'));
  expect(before.get(fresh)).toBe('pending');
  await unaddressed.end('SIGTERM');

  const addressed = await worker(true);
  await expect.poll(arrived).toEqual([fresh]);
  // a run of now, in whichever worker
  expect((await fleet.sync('acme')).status).toBe('succeeded');
  await expect.poll(() => receiver.received.length).toBe(2);
  expect(JSON.parse(receiver.received[1]?.body ?? '')).toMatchObject({ type: 'changes.available' });
  expect([...(await statuses()).values()].filter((status) => status === 'sent')).toHaveLength(2);
  // and what a person wants told nevertheless is
  expect(await resendNotification(fleet.runtime.db, old[0] ?? '')).toBe(true);
  await expect.poll(arrived).toContain(old[0]);
  expect(receiver.received).toHaveLength(3);
  expect(lines(addressed)).toEqual([]);
  await addressed.end('SIGTERM');
}, 120_000);

it('after an outage what is up to three days late is told; older news is listed and named in the log', async () => {
  const stale: string[] = [];
  for (let index = 0; index < 25; index += 1) stale.push(await written('changes.available', month(index)));
  const late = [await written('run.failed', 60), await written('connection.needs_attention', 2)];
  const addressed = await worker(true);
  await addressed.said('notifications were skipped');
  await expect.poll(() => new Set(arrived())).toEqual(new Set(late));
  await expect.poll(async () => [...(await statuses()).values()].includes('pending')).toBe(false);
  expect(arrived()).toHaveLength(2);
  expect(lines(addressed)).toMatchObject([
    { level: 'warn', code: 'notify_overdue', count: 25, types: { 'changes.available': 25 } },
  ]);
  const now = await statuses();
  expect(stale.map((id) => now.get(id))).toEqual(stale.map(() => 'skipped'));
  await addressed.end('SIGTERM');
}, 120_000);
