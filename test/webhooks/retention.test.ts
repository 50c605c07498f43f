/** What the inbox forgets, and what it must not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storeEvents, countDuplicates, sha256, type IncomingEvent } from '../../src/store/inbox.ts';
import { applyEventRetention, purgeFromInbox } from '../../src/webhooks/retention.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { luccaEvent, storedEvents } from '../support/webhooks.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet({ workers: false });
  await fleet.connect('acme', { retention: { events: '10d' } });
});
afterAll(() => fleet.close());
beforeEach(() => fleet.runtime.db.pool.query('truncate sluice.webhook_events'));

let count = 0;
function event(more: Partial<IncomingEvent> = {}, text = 'body'): IncomingEvent {
  count += 1;
  const body = Buffer.from(text);
  return {
    id: `e${String(count).padStart(10, '0')}`,
    connectionId: 'acme',
    dedupeKey: `id ${count}`,
    keyLifeMs: null,
    eventId: null,
    body,
    bodyHash: sha256(body),
    ...more,
  };
}

const age = (id: string, days: number, more = ''): Promise<unknown> =>
  fleet.runtime.db.pool.query(
    `update sluice.webhook_events set received_at = now() - make_interval(hours => $2) ${more} where id = $1`,
    [id, Math.round(days * 24)],
  );

describe('retention', () => {
  it('takes bodies after their time and rows a week later, in batches; never of an open event', async () => {
    const events = Array.from({ length: 7 }, () => event());
    const gone = event({ connectionId: 'removed' });
    await storeEvents(fleet.runtime.db.pool, [...events, gone]);
    for (const [index, days] of [9, 11, 11, 16, 18, 18, 40].entries())
      await age(events[index]?.id ?? '', days, index === 6 ? '' : `, status = 'processed'`);
    await age(gone.id, 31);
    const options = { db: fleet.runtime.db, now: Date.now, signal: new AbortController().signal, batch: 2 };
    expect(await applyEventRetention(options)).toEqual({ bodies: 6, rows: 2 });
    const left = await storedEvents(fleet);
    expect(left.map(({ id, body }) => [id, body !== null])).toEqual([
      [events[0]?.id, true],
      [events[1]?.id, false],
      [events[2]?.id, false],
      [events[3]?.id, false],
      [events[6]?.id, true],
      [gone.id, false],
    ]);
    // a message whose body is gone is still known
    const copy = event({ dedupeKey: events[1]?.dedupeKey ?? '' });
    expect(await storeEvents(fleet.runtime.db.pool, [copy])).toEqual(new Set());
    expect(await countDuplicates(fleet.runtime.db.pool, [copy])).toEqual([]);
  });

  it('stops between batches when the process stops', async () => {
    const one = event();
    await storeEvents(fleet.runtime.db.pool, [one]);
    await age(one.id, 90, `, status = 'processed'`);
    const signal = AbortSignal.abort();
    expect(await applyEventRetention({ db: fleet.runtime.db, now: Date.now, signal })).toEqual({
      bodies: 0,
      rows: 0,
    });
  });
});

describe('a digest in place of an id', () => {
  it('stands for equal bytes within the window of the retries, and not beyond it', async () => {
    const again = (): IncomingEvent => event({ dedupeKey: 'digest x', keyLifeMs: 600_000 });
    const first = again();
    expect((await storeEvents(fleet.runtime.db.pool, [first])).size).toBe(1);
    expect((await storeEvents(fleet.runtime.db.pool, [again(), again()])).size).toBe(0);
    await fleet.runtime.db.pool.query(
      `update sluice.webhook_events set received_at = now() - interval '601 seconds' where id = $1`,
      [first.id],
    );
    expect((await storeEvents(fleet.runtime.db.pool, [again(), again()])).size).toBe(1);
    expect(await storedEvents(fleet)).toHaveLength(2);
  });
});

describe('the purge of a record', () => {
  it('takes its bodies and its key, and drops what waits of it; others stay', async () => {
    const body = (id: string): string => luccaEvent({ topic: 'employee.updated', data: { id } });
    const [waiting, read, other, broken] = [
      event({}, body('42')),
      event({}, body('42')),
      event({}, body('43')),
      event({}, '{ "id": "42"'),
    ];
    await storeEvents(fleet.runtime.db.pool, [waiting, read, other, broken]);
    await fleet.runtime.db.pool.query(
      `update sluice.webhook_events set status = 'processed', stream = 'employees', record_id = '42' where id = $1`,
      [read.id],
    );
    const connection = await fleet.runtime.loadConnection('acme', { requireUsable: false });
    const key = { connectionId: 'acme', stream: 'employees', recordId: '42' };
    expect(await purgeFromInbox(fleet.runtime.db, key, connection)).toBe(3);
    const left = await storedEvents(fleet);
    expect(left.map(({ body: kept, status }) => [kept !== null, status])).toEqual([
      [false, 'ignored'],
      [false, 'processed'],
      [true, 'received'],
      [false, 'ignored'],
    ]);
  });
});
