/** Groups of messages that share a commit: one that Postgres refuses harms nobody but itself. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Intake } from '../../src/webhooks/intake.ts';
import { createGroupCommit } from '../../src/webhooks/group-commit.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { luccaEvent, luccaHeaders, storedEvents, WEBHOOK_SECRET } from '../support/webhooks.ts';

let fleet: Fleet;
let intake: Intake;

beforeAll(async () => {
  fleet = await startFleet({ workers: false });
  await fleet.connect('acme', {
    credentials: { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET },
  });
  intake = fleet.runtime.openIntake();
});

afterAll(async () => {
  await intake.close();
  await fleet.close();
});

async function receive(id: string): Promise<void> {
  const body = luccaEvent({ id, topic: 'employee.updated', data: {} });
  const headers = luccaHeaders(body);
  await intake.receive({
    connectionId: 'acme',
    body: Buffer.from(body),
    header: (name) => headers[name],
    query: () => undefined,
  });
}

/** How many commits of the intake wait for a lock on the inbox; jobs that look for events may do so too. */
async function heldUp(pool: pg.Pool): Promise<number | undefined> {
  const held = await pool.query<{ count: number }>(
    `select count(*)::int as count from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where not l.granted and l.relation = 'sluice.webhook_events'::regclass
        and a.datname = current_database() and a.query like 'insert into sluice.webhook_events%'`,
  );
  return held.rows[0]?.count;
}

describe('a group of messages', () => {
  it('of which Postgres refuses one is stored all the same, but for that one', async () => {
    const { pool } = fleet.runtime.db;
    await pool.query(
      `alter table sluice.webhook_events add constraint refused check (event_id not like '%poison')`,
    );
    // the secret is in memory from now on, so that what follows is waiting for its commit at once
    await receive('first');
    const ids = Array.from({ length: 20 }, (_, number) => (number === 9 ? 'poison' : `n${number}`));
    const client = await pool.connect();
    let outcomes: Promise<PromiseSettledResult<void>[]>;
    try {
      await client.query('begin');
      await client.query('lock table sluice.webhook_events in exclusive mode');
      outcomes = Promise.allSettled(ids.map(receive));
      // Two commits are held up by the lock: all the others wait for the third, together.
      await waitFor(
        async () => ((await heldUp(pool)) === 2 ? true : undefined),
        10_000,
        () => 'the commits did not wait',
      );
    } finally {
      await client.query('rollback');
      client.release();
    }
    const failed = (await outcomes).flatMap((outcome, at) =>
      outcome.status === 'rejected' ? [ids[at]] : [],
    );
    expect(failed).toEqual(['poison']);
    const stored = (await storedEvents(fleet)).map(({ event_id }) => event_id?.split(' ').at(-1));
    expect(stored).toHaveLength(ids.length);
    expect(new Set(stored)).toEqual(new Set(['first', ...ids.filter((id) => id !== 'poison')]));
    await expect(receive('poison')).rejects.toMatchObject({ code: 'webhooks_not_stored', kind: 'transient' });
  });

  it('shares a transaction, and each of it is answered after that', async () => {
    const { pool } = fleet.runtime.db;
    await pool.query('truncate sluice.webhook_events');
    await receive('ahead');
    const ids = Array.from({ length: 40 }, (_, number) => `shared-${number}`);
    const client = await pool.connect();
    let answered = 0;
    let all: Promise<unknown>;
    try {
      await client.query('begin');
      await client.query('lock table sluice.webhook_events in exclusive mode');
      all = Promise.all(ids.map((id) => receive(id).then(() => (answered += 1))));
      // looked at below, also where it fails before
      all.catch(() => {});
      await waitFor(async () => ((await heldUp(pool)) === 2 ? true : undefined), 10_000);
      expect(answered).toBe(0);
    } finally {
      await client.query('rollback');
      client.release();
    }
    await all;
    // Rows of one transaction carry its number. Two had begun, with what had come by then; the others follow together.
    const stored = await pool.query<{ rows: number; transactions: number }>(
      `select count(*)::int as rows, count(distinct xmin::text)::int as transactions
         from sluice.webhook_events where event_id like '%shared-%'`,
    );
    expect(stored.rows[0]?.rows).toBe(40);
    expect(stored.rows[0]?.transactions).toBeLessThanOrEqual(4);
  });

  it('is answered for in time when its commit never ends', async () => {
    const committed: string[][] = [];
    const group = createGroupCommit<string>({
      commit: (items) => {
        committed.push([...items]);
        return new Promise(() => {});
      },
      sizeOf: () => 1,
      onError: () => undefined,
      parallel: 1,
      timeoutMs: 50,
    });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((item) => group.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(committed).toEqual([['a']]);
  });

  it('takes no more than memory holds, and says so at once', async () => {
    const group = createGroupCommit<Buffer>({
      commit: () => new Promise(() => {}),
      sizeOf: ({ length }) => length,
      onError: () => undefined,
      timeoutMs: 1_000,
    });
    const large = Buffer.alloc(1024 * 1024);
    let atOnce = true;
    const refused: number[] = [];
    const waiting = Array.from({ length: 100 }, (_, number) =>
      group.add(large).catch(() => {
        if (atOnce) refused.push(number);
      }),
    );
    // a refusal needs no turn of the event loop
    setImmediate(() => {
      atOnce = false;
    });
    await Promise.all(waiting);
    // 64 MiB wait, besides the groups that are under way
    expect(refused.length).toBeGreaterThanOrEqual(20);
    expect(refused.length).toBeLessThan(40);
  });
});
