/** Events stand in Postgres: a Redis that is gone or frozen keeps no message from being stored and acknowledged. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { RunningWorkers } from '../../src/jobs/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';
import {
  hearing,
  luccaEvent,
  send,
  settledEvents,
  startIntake,
  type TestIntake,
} from '../support/webhooks.ts';

let redis: PrivateRedis;
let fleet: Fleet;
let workers: RunningWorkers;
let web: TestIntake;

beforeAll(async () => {
  redis = await startRedis();
  fleet = await startFleet({ workers: false, redisUrl: redis.url, reconcileEveryMs: 500 });
  await fleet.connect('acme', {
    streams: ['employees'],
    credentials: hearing(fleet),
  });
  web = await startIntake(fleet.runtime);
  workers = await fleet.runtime.startWorkers({ schedules: false });
}, 120_000);
afterEach(() => redis.thaw());
afterAll(async () => {
  await web.close();
  await workers.stop(5_000);
  await fleet.close();
  await redis.close();
});

it.each([
  { name: 'closed', begin: () => redis.kill(), end: () => redis.restart() },
  { name: 'frozen', begin: async () => redis.freeze(), end: async () => redis.thaw() },
  {
    name: 'read-only',
    begin: () => redis.command('REPLICAOF', '127.0.0.1', '1'),
    end: () => redis.command('REPLICAOF', 'NO', 'ONE'),
  },
])(
  'while Redis is $name messages are acknowledged, and applied when it is back',
  async ({ name, begin, end }) => {
    const ids = Array.from({ length: 12 }, (_, number) => `${name}-${number}`);
    await begin();
    try {
      for (const id of ids) {
        const at = '2026-01-01T00:00:00Z';
        const data = { id, type: 'employee', givenName: id, lastUpdatedAt: at };
        const body = luccaEvent({ id, topic: 'employee.created', occurredAt: at, data });
        expect((await send(`${web.url}/acme`, body)).status).toBe(200);
      }
    } finally {
      await end();
    }
    const events = await settledEvents(fleet, 120_000);
    const mine = events.filter(({ event_id }) => event_id?.includes(` ${name}-`));
    expect(mine).toHaveLength(ids.length);
    expect(mine.filter(({ status }) => status !== 'processed')).toEqual([]);
    const mirror = await fleet.mirror('acme', 'employees');
    for (const id of ids) expect(mirror.get(id)).toMatchObject({ givenName: id });
  },
  180_000,
);
