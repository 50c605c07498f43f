/** Processes killed at random points under load: what was acknowledged is stored, and applied once. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startFleet, waitFor, type Fleet } from '../../support/fleet.ts';
import { freePort } from '../../support/port.ts';
import { endAll, startSluice, type SluiceProcess } from '../../support/process.ts';
import {
  luccaEvent,
  luccaHeaders,
  send,
  settledEvents,
  storedEvents,
  WEBHOOK_SECRET,
} from '../../support/webhooks.ts';

const KILLS = 8;
let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet({ workers: false, lucca: { records: 12 } });
  await fleet.connect('acme', {
    streams: ['employees'],
    credentials: { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET },
  });
}, 120_000);
afterEach(endAll);
afterAll(() => fleet.close());

const web = (port: number): SluiceProcess =>
  startSluice(['web'], {
    cwd: process.cwd(),
    env: { ...fleet.env, HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` },
  });

it('200 copies at once to two web processes are one event, and all are acknowledged', async () => {
  const ports = [await freePort(), await freePort()];
  const processes = ports.map(web);
  await Promise.all(processes.map((process) => process.said('ready', 60_000)));
  const body = luccaEvent({ id: 'same', topic: 'employee.updated', data: { id: '7' } });
  const headers = luccaHeaders(body);
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, copy) => {
      const url = `http://127.0.0.1:${ports[copy % 2]}/webhooks/acme`;
      // as a provider does: a busy machine may ask for patience
      for (;;) {
        const { status } = await send(url, body, headers);
        if (status !== 503) return status;
      }
    }),
  );
  expect(new Set(answers)).toEqual(new Set([200]));
  const [event, ...more] = await storedEvents(fleet);
  expect(more).toEqual([]);
  expect(event).toMatchObject({ event_id: expect.stringContaining('same'), conflicts: 0 });
  // copies are counted beside the answer
  await expect.poll(async () => (await storedEvents(fleet))[0]?.duplicates).toBeGreaterThanOrEqual(199);
  await Promise.all(processes.map((process) => process.end('SIGTERM')));
  await fleet.runtime.db.pool.query('truncate sluice.webhook_events');
}, 120_000);

it('kill -9 of web and worker processes under load loses no acknowledged message and doubles none', async () => {
  const ports = [await freePort(), await freePort()];
  const worker = (): SluiceProcess => startSluice(['worker'], { cwd: process.cwd(), env: fleet.env });
  const seats: { run: SluiceProcess; readonly start: () => SluiceProcess }[] = [
    ...ports.map((port) => () => web(port)),
    worker,
    worker,
  ].map((start) => ({ run: start(), start }));
  await Promise.all(seats.map(({ run }) => run.said('ready', 60_000)));

  const acknowledged = new Map<string, string>();
  const stop = new AbortController();
  const sending = (): boolean => !stop.signal.aborted;
  let made = 0;
  const sender = async (): Promise<void> => {
    while (sending()) {
      const place = (made += 1);
      const record = `r${place % 40}`;
      const at = new Date(Date.UTC(2026, 0, 1) + place * 1_000).toISOString();
      const data = { id: record, type: 'employee', givenName: `state ${place}`, lastUpdatedAt: at };
      const body = luccaEvent({ id: `m${place}`, topic: 'employee.updated', occurredAt: at, data });
      // as a provider does: until somebody says that he has it
      for (let attempt = 0; sending() || attempt === 0; attempt += 1) {
        const port = ports[(place + attempt) % ports.length] ?? 0;
        const answer = await send(`http://127.0.0.1:${port}/webhooks/acme`, body).catch(() => undefined);
        if (answer?.status === 200) {
          acknowledged.set(`m${place}`, record);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const senders = Array.from({ length: 4 }, sender);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = acknowledged.size;
    await waitFor(() => (acknowledged.size >= before + 15 ? true : undefined), 60_000);
    const seat = seats[(kill * 7 + 1) % seats.length];
    if (seat === undefined) continue;
    await seat.run.end('SIGKILL');
    seat.run = seat.start();
  }
  stop.abort();
  await Promise.all(senders);

  const events = await settledEvents(fleet, 120_000);
  const stored = new Set(events.map(({ event_id }) => event_id?.split(' ').at(-1)));
  expect([...acknowledged.keys()].filter((id) => !stored.has(id))).toEqual([]);
  expect(stored.size).toBe(events.length);
  expect(events.filter(({ status }) => status !== 'processed')).toEqual([]);
  // each change is one event's, and the feed has no gap
  const changes = await fleet.runtime.db.pool.query<{ numbers: string; newest: string }>(
    `select count(*) as numbers, max(seq) as newest from sluice.changes where connection_id = 'acme'`,
  );
  const told = events.reduce(
    (sum, { outcome }) => sum + Number(outcome?.added) + Number(outcome?.updated),
    0,
  );
  expect(changes.rows[0]).toEqual({ numbers: String(told), newest: String(told) });
  // and each record is as its newest event says
  const newest = new Map<string, number>();
  for (const { body } of events) {
    const { id, givenName } = (JSON.parse(String(body)) as { data: { id: string; givenName: string } }).data;
    newest.set(id, Math.max(newest.get(id) ?? 0, Number(givenName.split(' ')[1])));
  }
  const mirror = await fleet.mirror('acme', 'employees');
  for (const [id, place] of newest) expect(mirror.get(id)).toMatchObject({ givenName: `state ${place}` });
  await Promise.all(seats.map(({ run }) => run.end('SIGKILL')));
}, 300_000);
