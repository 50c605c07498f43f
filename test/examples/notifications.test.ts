/** The example receiver, run as its users run it, against notifications that Sluice writes, signs and sends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createGuardedFetch } from '../../src/net/fetch.ts';
import { listNotifications, writeNotification } from '../../src/store/notifications.ts';
import { sendNotifications, type NotifyContext } from '../../src/webhooks/notify.ts';
import { standardHeaders } from '../../src/webhooks/standard.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const script = join(import.meta.dirname, '..', '..', 'examples', 'notifications', 'receiver.mjs');
const key = Buffer.alloc(32, 9);
const old = Buffer.alloc(32, 8);
const net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });

let database: TestDatabase;
let folder: string;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'sluice-receiver-'));
});
afterEach(async () => {
  for (const child of running) await ended(child, 'SIGKILL');
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await net.close();
  await database.drop();
});

interface Receiver {
  readonly url: string;
  readonly child: ChildProcess;
  /** what it dealt with */
  handled(): { readonly type: string; readonly data: unknown }[];
}

async function start(): Promise<Receiver> {
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env.PATH ?? '',
      PORT: '0',
      SEEN_FILE: join(folder, 'seen.txt'),
      SLUICE_NOTIFY_SECRET: [key, old].map((one) => `whsec_${one.toString('base64')}`).join(', '),
    },
  });
  running.add(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (errors += chunk.toString()));
  await expect.poll(() => errors).toMatch(/listening on .*:\d+\n/);
  return {
    url: `http://${/listening on (\S+)/.exec(errors)?.[1]}/`,
    child,
    handled: () =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { type: string; data: unknown }),
  };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const closed = once(child, 'close');
  child.kill(signal);
  await closed;
  running.delete(child);
  return child.exitCode;
}

const contextOf = (url: string, more: Partial<NotifyContext> = {}): NotifyContext => ({
  db: database.db,
  fetch: net.fetch,
  url,
  key,
  logger: pino({ level: 'silent' }),
  now: Date.now,
  random: () => 0,
  ...more,
});
const post = async (url: string, headers: Record<string, string>, body: string): Promise<number> =>
  (await fetch(url, { method: 'POST', headers, body })).status;

it('takes what Sluice sends, once, also after a restart', async () => {
  const first = await start();
  const data = { connection: 'acme', streams: [{ name: 'employees', last: 7 }], note: 'Zoë' };
  const id = await writeNotification(database.db.pool, 'changes.available', data);
  expect(await sendNotifications(contextOf(first.url))).toBe(1);
  expect(await listNotifications(database.db, 9)).toMatchObject([{ id, status: 'sent', last_status: 204 }]);
  expect(first.handled()).toMatchObject([{ type: 'changes.available', data }]);
  expect(readFileSync(join(folder, 'seen.txt'), 'utf8')).toBe(`${id}\n`);
  const again = async (): Promise<void> => {
    await database.db.pool.query(
      `update sluice.notifications set status = 'pending', next_attempt_at = now()`,
    );
  };
  // its answer was lost, so it comes again; then the receiver is killed, and it comes once more
  await again();
  await sendNotifications(contextOf(first.url));
  expect(first.handled()).toHaveLength(1);
  await ended(first.child, 'SIGKILL');
  const second = await start();
  await again();
  await sendNotifications(contextOf(second.url));
  expect(await listNotifications(database.db, 9)).toMatchObject([{ id, status: 'sent', last_status: 204 }]);
  expect(second.handled()).toEqual([]);
  await writeNotification(database.db.pool, 'run.failed', { connection: 'acme' });
  await sendNotifications(contextOf(second.url, { key: old }));
  expect(second.handled()).toMatchObject([{ type: 'run.failed' }]);
  expect(await ended(second.child, 'SIGTERM')).toBe(0);
});

it('believes nobody else, and nothing that is old', async () => {
  const receiver = await start();
  const body = JSON.stringify({ type: 'run.failed', timestamp: new Date().toISOString(), data: {} });
  const headers = (one: { key?: Buffer; at?: number; body?: string; id?: string } = {}) =>
    standardHeaders(one.key ?? key, one.id ?? 'msg_x', one.at ?? Date.now(), one.body ?? body);
  const refused: [string, Record<string, string>][] = [
    ['nothing', {}],
    ['another secret', headers({ key: Buffer.alloc(32, 1) })],
    ['another body', headers({ body: `${body} ` })],
    ['another id', { ...headers(), 'webhook-id': 'msg_y' }],
    ['six minutes ago', headers({ at: Date.now() - 360_000 })],
    ['six minutes from now', headers({ at: Date.now() + 360_000 })],
    ['no time', { ...headers(), 'webhook-timestamp': 'now' }],
    ['no version', { ...headers(), 'webhook-signature': headers()['webhook-signature']?.slice(3) ?? '' }],
    ['an empty signature', { ...headers(), 'webhook-signature': 'v1,' }],
  ];
  for (const [what, given] of refused) expect(await post(receiver.url, given, body), what).toBe(401);
  expect(receiver.handled()).toEqual([]);
  const two = { ...headers(), 'webhook-signature': `v1,AAAA ${headers()['webhook-signature']}` };
  expect(await post(receiver.url, two, body)).toBe(204);
  // what can't be read is no success, and is not remembered
  const broken = 'no json';
  expect(await post(receiver.url, headers({ id: 'msg_z', body: broken }), broken)).toBe(500);
  expect((await fetch(receiver.url)).status).toBe(405);
  expect(receiver.handled()).toHaveLength(1);
});
