/** The intake over real HTTP: what is acknowledged is stored, what isn't genuine leaves no trace. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Hmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFleet, type Fleet } from '../support/fleet.ts';
import {
  luccaEvent,
  luccaHeaders,
  send,
  startIntake,
  storedEvents,
  WEBHOOK_SECRET,
  type TestIntake,
} from '../support/webhooks.ts';

let fleet: Fleet;
let web: TestIntake;
let other: TestIntake;
let url: string;
const credentials = (more: object): object => ({ ...fleet.lucca.credentials, ...more });

beforeAll(async () => {
  fleet = await startFleet({ workers: false });
  // without workers events stay as they came
  await fleet.connect('acme', { credentials: credentials({ webhookSecret: WEBHOOK_SECRET }) });
  await fleet.connect('bare', {});
  await fleet.connect('mute', {
    provider: 'lockit',
    settings: {},
    credentials: { clientId: 'x', clientSecret: 'x' },
    endpoints: {},
  });
  web = await startIntake(fleet.runtime);
  other = await startIntake(fleet.runtime);
  url = `${web.url}/acme`;
});

afterAll(async () => {
  await web.close();
  await other.close();
  await fleet.close();
});

beforeEach(async () => {
  await fleet.runtime.db.pool.query('truncate sluice.webhook_events');
});

afterEach(async () => {
  await fleet.runtime.db.pool.query(`update sluice.connections set state = 'active'`);
});

describe('a genuine message', () => {
  it('is stored as the bytes that came, before it is acknowledged', async () => {
    const body = luccaEvent({
      id: 'e-1',
      topic: 'employee.updated',
      data: { id: '1', name: 'Zoë \u{1f33b}' },
    });
    const answer = await send(url, body);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('');
    const [event, ...more] = await storedEvents(fleet);
    expect(more).toEqual([]);
    expect(event?.body?.equals(Buffer.from(body))).toBe(true);
    expect(event).toMatchObject({
      connection_id: 'acme',
      event_id: 'https://sandbox.ilucca.net e-1',
      duplicates: 0,
    });
  });

  it.each([
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['NUL and escapes', Buffer.from('{"id":"\\u0000","source":"\\ud800","x":"\u0000"}')],
    ['100,000 levels', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
    ['numbers beyond 2^53', Buffer.from('{"id":90071992547409931,"source":1e400}')],
    ['no JSON', Buffer.from('not json')],
    ['nothing', Buffer.alloc(0)],
  ])('is stored whatever it holds: %s', async (_name, body) => {
    expect((await send(url, body)).status).toBe(200);
    const [event] = await storedEvents(fleet);
    expect(event?.body?.equals(body)).toBe(true);
  });

  it('is told from another whose long number ends differently', async () => {
    const body = (id: string): string => `{"source":"s","id":${id}}`;
    await send(url, body('90071992547409931'));
    await send(url, body('90071992547409932'));
    expect(await storedEvents(fleet)).toHaveLength(2);
  });

  it.each(['paused', 'needs_attention', 'needs_reconnect'])(
    'is accepted while its connection is %s',
    async (state) => {
      await fleet.runtime.db.pool.query(`update sluice.connections set state = $1`, [state]);
      expect((await send(url, luccaEvent({ topic: 'employee.updated', data: {} }))).status).toBe(200);
      expect(await storedEvents(fleet)).toMatchObject([{ status: 'received' }]);
    },
  );

  it('passes with the older of two secrets, and with the new one as soon as it is stored', async () => {
    const body = luccaEvent({ topic: 'employee.updated', data: {} });
    await fleet.connect('rotating', { credentials: credentials({ webhookSecret: 'first secret' }) });
    const target = `${web.url}/rotating`;
    expect((await send(target, body, luccaHeaders(body, 'second secret'))).status).toBe(401);
    await fleet.connect('rotating', {
      credentials: credentials({ webhookSecret: ['second secret', 'first secret'] }),
    });
    await expect
      .poll(async () => (await send(target, body, luccaHeaders(body, 'second secret'))).status)
      .toBe(200);
    expect((await send(target, body, luccaHeaders(body, 'first secret'))).status).toBe(200);
    await fleet.connect('rotating', { credentials: credentials({ webhookSecret: ['second secret'] }) });
    await expect
      .poll(async () => (await send(target, body, luccaHeaders(body, 'first secret'))).status)
      .toBe(401);
  });
});

describe('copies of a message', () => {
  it('200 at once to two web processes are one event, all acknowledged, all but one counted', async () => {
    const body = luccaEvent({ id: 'same', topic: 'employee.updated', data: { id: '7' } });
    const headers = luccaHeaders(body);
    let deliveries = 0;
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const target = `${(index % 2 === 0 ? web : other).url}/acme`;
        // as a provider does: a busy machine may ask for patience
        for (let status = 503; status !== 200; deliveries += 1) {
          ({ status } = await send(target, body, headers));
          expect([200, 503]).toContain(status);
        }
      }),
    );
    await expect.poll(() => storedEvents(fleet)).toMatchObject([{ conflicts: 0 }]);
    const [{ duplicates } = { duplicates: 0 }] = await storedEvents(fleet);
    expect(duplicates).toBeGreaterThanOrEqual(199);
    expect(duplicates).toBeLessThan(deliveries);
  });

  it('with another body under the same id: the first wins, and the contradiction is recorded', async () => {
    const first = luccaEvent({ id: 'x', topic: 'employee.updated', data: { id: '7', name: 'first' } });
    const second = luccaEvent({ id: 'x', topic: 'employee.updated', data: { id: '7', name: 'second' } });
    for (const body of [first, second]) expect((await send(url, body)).status).toBe(200);
    const events = await storedEvents(fleet);
    expect(events).toMatchObject([{ duplicates: 1, conflicts: 1 }]);
    expect(events[0]?.body?.toString()).toBe(first);
  });

  it('under the same id of another connection are another event', async () => {
    await fleet.connect('second', { credentials: credentials({ webhookSecret: WEBHOOK_SECRET }) });
    const body = luccaEvent({ id: 'x', topic: 'employee.updated', data: {} });
    await send(url, body);
    await send(`${web.url}/second`, body);
    expect(await storedEvents(fleet)).toHaveLength(2);
  });

  it('in groups of many are stored once each, whatever the order', async () => {
    const bodies = Array.from({ length: 60 }, (_, index) =>
      luccaEvent({ id: `n${index}`, topic: 'employee.updated', data: { id: String(index) } }),
    );
    const answers = await Promise.all(
      [...bodies, ...bodies.toReversed(), ...bodies].map((body, index) =>
        send(`${(index % 2 === 0 ? web : other).url}/acme`, body),
      ),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const events = await storedEvents(fleet);
    expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(60);
    expect(events).toHaveLength(60);
  });
});

describe('what is not genuine', () => {
  const body = luccaEvent({ topic: 'employee.updated', data: {} });
  const good = luccaHeaders(body);

  const cases: readonly [string, string, Readonly<Record<string, string>>][] = [
    [
      'a wrong signature',
      'acme',
      { ...good, 'lucca-signature': good['lucca-signature']?.replace(/^./, '_') ?? '' },
    ],
    ['no signature', 'acme', { 'lucca-timestamp': good['lucca-timestamp'] ?? '' }],
    ['another secret', 'acme', luccaHeaders(body, 'guessed')],
    ['an old time', 'acme', luccaHeaders(body, WEBHOOK_SECRET, new Date(Date.now() - 330_000))],
    ['a time to come', 'acme', luccaHeaders(body, WEBHOOK_SECRET, new Date(Date.now() + 330_000))],
    ['a connection without a secret', 'bare', good],
    ['a provider without webhooks', 'mute', good],
    ['an unknown connection', 'nobody', good],
    ['what is no connection id', 'NO%20body', good],
  ];

  it.each(cases)('gets the same 401 and writes nothing: %s', async (_name, connection, headers) => {
    const answer = await send(`${web.url}/${connection}`, body, headers);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({
      code: 'webhook_refused',
      detail: 'This message is not accepted.',
    });
    expect(await storedEvents(fleet)).toEqual([]);
  });

  it.each(cases)('costs the same: one HMAC, and the inbox is not touched: %s', async (...given) => {
    const [, connection, headers] = given;
    const digests = vi.spyOn(Hmac.prototype, 'digest');
    const client = await fleet.runtime.db.pool.connect();
    try {
      await client.query('begin');
      await client.query('lock table sluice.webhook_events in access exclusive mode');
      expect((await send(`${web.url}/${connection}`, body, headers)).status).toBe(401);
      expect(digests).toHaveBeenCalledTimes(1);
    } finally {
      digests.mockRestore();
      await client.query('rollback');
      client.release();
    }
  });
});

describe('a flood of messages that nobody signed', () => {
  it('waits for its answers, which a genuine message does not', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let held = 0;
    const refusals = {
      turn() {
        held += 1;
        return released;
      },
    };
    const slow = await startIntake(fleet.runtime, { refusals });
    const body = luccaEvent({ topic: 'employee.updated', data: { id: 7 } });
    let answered = 0;
    const flood = ['acme', 'nobody', 'mute'].map(async (connection) => {
      const { status } = await send(`${slow.url}/${connection}`, body, luccaHeaders(body, 'guessed'));
      answered += 1;
      return status;
    });
    await expect.poll(() => held).toBe(3);
    expect((await send(`${slow.url}/acme`, body, luccaHeaders(body))).status).toBe(200);
    expect([answered, held]).toEqual([0, 3]);
    release();
    expect(await Promise.all(flood)).toEqual([401, 401, 401]);
    await slow.close();
  });
});

describe('a body beyond the cap', () => {
  const large = Buffer.alloc(1024 * 1024 + 1, 'x');

  it('gets 413, for known and unknown connections', async () => {
    for (const connection of ['acme', 'nobody'])
      expect((await send(`${web.url}/${connection}`, large)).status).toBe(413);
  });

  it('gets 413 in chunks too, without a length', async () => {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const part = Buffer.alloc(64 * 1024, 'x');
    for (let sent = 0; sent <= large.length; sent += part.length)
      socket.write(
        Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
      );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
    expect(await storedEvents(fleet)).toEqual([]);
  });
});

describe('a handshake', () => {
  it.each(['echo', 'challenge'])('by %s is answered with its value as plain text', async (parameter) => {
    const answer = await fetch(`${url}?${parameter}=${encodeURIComponent('iusiof24dsfxvcç834')}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await answer.text()).toBe('iusiof24dsfxvcç834');
  });

  it.each([
    ['without a challenge', 'acme', ''],
    ['that holds a page', 'acme', `?echo=${encodeURIComponent('<script>alert(1)</script>')}`],
    ['that is too long', 'acme', `?echo=${'x'.repeat(501)}`],
    ['with a line break', 'acme', '?echo=a%0d%0ab'],
    ['of an unknown connection', 'nobody', '?echo=abc'],
  ])('%s gets 401', async (_name, connection, query) => {
    expect((await fetch(`${web.url}/${connection}${query}`)).status).toBe(401);
  });
});

describe('while the database is in the way', () => {
  const blocked = async (statement: string, work: () => Promise<void>): Promise<void> => {
    const client = await fleet.runtime.db.pool.connect();
    try {
      await client.query('begin');
      await client.query(statement);
      await work();
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  it('a message gets 503 with Retry-After, and is stored when it comes again', async () => {
    const body = luccaEvent({ id: 'late', topic: 'employee.updated', data: {} });
    await blocked('lock table sluice.webhook_events in access exclusive mode', async () => {
      const answer = await send(url, body);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await answer.json()).toMatchObject({ code: 'webhooks_not_stored' });
    });
    await expect.poll(async () => (await send(url, body)).status).toBe(200);
    await expect
      .poll(() => storedEvents(fleet))
      .toMatchObject([{ event_id: 'https://sandbox.ilucca.net late' }]);
  });

  it('a message gets 503 when its secret can not be read', async () => {
    const body = luccaEvent({ topic: 'employee.updated', data: {} });
    await fleet.connect('slow', { credentials: credentials({ webhookSecret: WEBHOOK_SECRET }) });
    await blocked('lock table sluice.connections in access exclusive mode', async () => {
      expect((await send(`${web.url}/slow`, body)).status).toBe(503);
    });
  });

  it('a message gets 503 when its secret is encrypted with a key that is missing', async () => {
    await fleet.connect('lost', { credentials: credentials({ webhookSecret: WEBHOOK_SECRET }) });
    await fleet.runtime.db.pool.query(
      `update sluice.connections set credentials = replace(credentials, 'v1.test.', 'v1.gone.') where id = 'lost'`,
    );
    const body = luccaEvent({ topic: 'employee.updated', data: {} });
    expect((await send(`${web.url}/lost`, body)).status).toBe(503);
  });
});
