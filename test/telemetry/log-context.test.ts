/** Every line of a job says which job, run and connection it is about, as real workers write it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { luccaEvent, send, startIntake, WEBHOOK_SECRET, type TestIntake } from '../support/webhooks.ts';

type Line = Readonly<Record<string, unknown>>;

describe('the log of a worker', () => {
  const log: string[] = [];
  let fleet: Fleet;
  let intake: TestIntake;
  beforeAll(async () => {
    fleet = await startFleet({ log });
    const credentials = { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET };
    for (const id of ['acme', 'other']) await fleet.connect(id, { credentials, streams: ['employees'] });
    intake = await startIntake(fleet.runtime);
  });
  afterAll(async () => {
    await intake.close();
    await fleet.close();
  });
  const lines = (isIt: (line: Line) => boolean): Line[] =>
    log.map((line) => JSON.parse(line) as Line).filter(isIt);

  it('names queue, job, run and connection on each line of two runs at once, and mixes none up', async () => {
    fleet.lucca.faults.add({ kind: 'status', path: '*/employees', status: 500, times: Infinity });
    const runs = await Promise.all([fleet.sync('acme'), fleet.sync('other')]);
    fleet.lucca.faults.clear();
    const messages = new Set<unknown>();
    for (const [index, connection] of ['acme', 'other'].entries()) {
      const runId = runs[index]?.id;
      const own = lines((line) => line.runId === runId);
      expect(own.length).toBeGreaterThan(5);
      for (const line of own) {
        messages.add(line.msg);
        // the first line of a delivery comes before anything has been read
        const isFirst = line.msg === 'job began';
        expect(isFirst ? connection : line.connection, JSON.stringify(line)).toBe(connection);
        expect(['runs', 'streams']).toContain(line.queue);
        expect(line.jobId).toMatch(new RegExp(`^${runId}\\.`));
        if (line.queue === 'streams') expect(line.stream).toBe('employees');
      }
    }
    expect([...messages]).toEqual(
      expect.arrayContaining(['job began', 'stream waits', 'stream failed', 'run ended', 'job ended']),
    );
  });

  it('names the event and its connection on the lines of a webhook', async () => {
    const body = luccaEvent({ topic: 'employee.deleted', data: { id: '1' } });
    expect((await send(`${intake.url}/acme`, body)).status).toBe(200);
    const ended = await waitFor(
      () => lines((line) => line.queue === 'webhooks' && line.msg === 'job ended')[0],
      30_000,
    );
    expect(ended).toMatchObject({ connection: 'acme', outcome: 'done' });
    expect(ended.jobId).toMatch(new RegExp(`^${String(ended.eventId)}\\.`));
  });

  it('holds no name twice on a line', () => {
    expect(log.length).toBeGreaterThan(20);
    // a name that stands there twice is dropped by the parser
    for (const line of log) expect(`${JSON.stringify(JSON.parse(line))}\n`).toBe(line);
  });
});
