/** The intake on a Postgres in trouble: 503 and Retry-After in time, nothing else, and no event is lost or doubled by it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startOwnPostgres, type OwnPostgres } from '../support/own-postgres.ts';
import {
  luccaEvent,
  send,
  settledEvents,
  startIntake,
  storedEvents,
  WEBHOOK_SECRET,
  type TestIntake,
} from '../support/webhooks.ts';

/** An answer is due after two seconds. The rest is for a busy machine, which may need longer to bring it. */
const IN_TIME_MS = 4_000;
let postgres: OwnPostgres;
let fleet: Fleet;
let web: TestIntake;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  fleet = await startFleet({ database: postgres.database });
  await fleet.connect('acme', {
    streams: ['employees'],
    credentials: { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET },
  });
  web = await startIntake(fleet.runtime);
}, 120_000);

afterAll(async () => {
  await web.close();
  await fleet.close();
});

const message = (id: string): string =>
  luccaEvent({
    id,
    topic: 'employee.created',
    occurredAt: '2026-01-01T00:00:00Z',
    data: { id, type: 'employee', givenName: id, lastUpdatedAt: '2026-01-01T00:00:00Z' },
  });

const idsOf = async (): Promise<(string | undefined)[]> =>
  (await storedEvents(fleet)).map(({ event_id }) => event_id?.split(' ').at(-1));

async function lackRoom(on: boolean): Promise<void> {
  const { pool } = fleet.database.db;
  if (!on) {
    await pool.query('drop function sluice.no_room cascade');
    return;
  }
  await pool.query(`create function sluice.no_room() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`);
  await pool.query(`create trigger no_room before insert on sluice.webhook_events
    for each statement execute function sluice.no_room()`);
}

describe.each([
  { name: 'closed', begin: () => postgres.cut(), end: () => postgres.restore() },
  { name: 'frozen', begin: () => postgres.freeze(), end: async () => postgres.thaw() },
  { name: 'read-only', begin: () => postgres.setReadOnly(true), end: () => postgres.setReadOnly(false) },
  // in the words of a server whose disk is full: a real one can't be filled without the rights to mount it
  { name: 'out of room', begin: () => lackRoom(true), end: () => lackRoom(false) },
])('while Postgres is $name', ({ name, begin, end }) => {
  it('every message gets 503 in time, and is stored once and applied when it comes again', async () => {
    const ids = Array.from({ length: 6 }, (_, number) => `${name.replaceAll(' ', '-')}-${number}`);
    const url = `${web.url}/acme`;
    expect((await send(url, message(`before-${ids[0]}`))).status).toBe(200);
    await begin();
    try {
      // Twice: the second time the secret is asked for again, and what gave up has left its connections behind.
      for (let time = 1; time <= 2; time += 1) {
        const started = performance.now();
        const answers = await Promise.all(ids.map((id) => send(url, message(id))));
        expect(performance.now() - started).toBeLessThan(IN_TIME_MS);
        expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 503));
        for (const answer of answers) {
          expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
          expect(await answer.json()).toMatchObject({ code: 'webhooks_not_stored' });
        }
      }
    } finally {
      await end();
    }
    for (const id of ids)
      await expect.poll(async () => (await send(url, message(id))).status, { timeout: 30_000 }).toBe(200);
    await settledEvents(fleet);
    const stored = await idsOf();
    expect(ids.map((id) => stored.filter((one) => one === id).length)).toEqual(ids.map(() => 1));
    expect((await storedEvents(fleet)).filter(({ status }) => status !== 'processed')).toEqual([]);
    const mirror = await fleet.mirror('acme', 'employees');
    for (const id of ids) expect(mirror.get(id)).toMatchObject({ givenName: id });
  }, 180_000);
});

describe('while Postgres is ended and comes back', () => {
  afterEach(() => postgres.thaw());

  it('messages get 200 or 503, and each that was acknowledged is stored once and applied', async () => {
    const acknowledged: string[] = [];
    const others = new Set<number>();
    let made = 0;
    const post = async (): Promise<void> => {
      const id = `ended-${(made += 1)}`;
      const { status } = await send(`${web.url}/acme`, message(id));
      if (status === 200) acknowledged.push(id);
      else others.add(status);
    };
    const over = new AbortController();
    const senders = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) await post();
    });
    await waitFor(() => (acknowledged.length >= 20 ? true : undefined), 30_000);
    postgres.end();
    await waitFor(() => (others.size > 0 ? true : undefined), 30_000);
    const before = acknowledged.length;
    await waitFor(() => (acknowledged.length >= before + 20 ? true : undefined), 60_000);
    over.abort();
    await Promise.all(senders);
    expect([...others]).toEqual([503]);
    await settledEvents(fleet, 120_000);
    const stored = await idsOf();
    expect(new Set(stored).size).toBe(stored.length);
    expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
    const mirror = await fleet.mirror('acme', 'employees');
    expect(acknowledged.filter((id) => !mirror.has(id))).toEqual([]);
  }, 180_000);
});
