/** The example consumer, run as its users run it: killed, started again, left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { apiOf } from '../../src/commands/api.ts';
import { createChangeWatch, type ChangeWatch } from '../../src/sync/change-watch.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { waitFor } from '../support/wait.ts';
import { startSite, type Site } from '../web/site.ts';

const script = join(import.meta.dirname, '..', '..', 'examples', 'consumer', 'consumer.mjs');

let fleet: Fleet;
let own: TestDatabase;
let site: Site;
let watch: ChangeWatch;
const running = new Set<Consumer>();
beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 40 } });
  own = await createTestDatabase();
  watch = createChangeWatch(fleet.runtime.db, { everyMs: 50, onTrouble: () => undefined });
  site = await startSite({
    api: apiOf(fleet.runtime, 'http://127.0.0.1:3000', watch),
    apiRate: { perMinute: 1_000_000, burst: 1_000_000 },
  });
  await fleet.connect('acme', { streams: ['employees'] });
  await sync();
});
afterEach(async () => {
  for (const consumer of running) await consumer.end('SIGKILL');
});
afterAll(async () => {
  watch.close();
  await site.close();
  await fleet.close();
  await own.drop();
});

interface Consumer {
  readonly child: ChildProcess;
  output(): string;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

function start(page: number): Consumer {
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env.PATH ?? '',
      SLUICE_URL: site.url,
      SLUICE_API_KEY: 'key-one',
      CONNECTION: 'acme',
      STREAM: 'employees',
      CONSUMER_DATABASE_URL: own.url,
      PAGE: String(page),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const closed = once(child, 'close');
  const consumer: Consumer = {
    child,
    output: () => output,
    async end(signal) {
      child.kill(signal);
      await closed;
      running.delete(consumer);
      return child.exitCode;
    },
  };
  running.add(consumer);
  return consumer;
}

const sync = async (): Promise<void> => {
  expect(await fleet.sync('acme')).toMatchObject({ status: 'succeeded' });
};
const employee = (index: number): string => String(fleet.lucca.source.list('employees')[index]?.id);
const copied = async (): Promise<Map<string, unknown>> => {
  const { rows } = await own.db.pool.query<{ id: string; record: unknown }>(
    `select id, record from consumer_records where feed = 'acme/employees'`,
  );
  return new Map(rows.map(({ id, record }) => [id, record]));
};
const position = async (): Promise<number> => {
  const exists = await own.db.pool.query<{ found: boolean }>(
    `select to_regclass('consumer_positions') is not null as found`,
  );
  if (exists.rows[0]?.found !== true) return 0;
  const { rows } = await own.db.pool.query<{ after: string }>(`select after from consumer_positions`);
  return Number(rows[0]?.after ?? 0);
};
const newest = async (): Promise<number> => {
  const { rows } = await fleet.runtime.db.pool.query<{ last_seq: string }>(
    `select last_seq from sluice.streams where connection_id = 'acme' and stream = 'employees'`,
  );
  return Number(rows[0]?.last_seq);
};
const caughtUp = async (consumer: Consumer): Promise<void> => {
  await waitFor(
    async () => ((await position()) === (await newest()) ? true : undefined),
    60_000,
    () => consumer.output(),
  );
  expect(await copied()).toEqual(await fleet.mirror('acme', 'employees'));
};

it('copies the stream, is killed on its way, and goes on where it was', { timeout: 120_000 }, async () => {
  const first = start(3);
  await waitFor(
    async () => ((await position()) > 0 ? true : undefined),
    60_000,
    () => first.output(),
  );
  await first.end('SIGKILL');
  const reached = await position();
  expect(reached).toBeGreaterThan(0);
  const second = start(3);
  await caughtUp(second);
  expect(second.output()).toContain(`following acme/employees after ${reached}\n`);

  fleet.lucca.source.update('employees', employee(0), { givenName: 'Zoë' });
  fleet.lucca.source.remove('employees', employee(1));
  await sync();
  await caughtUp(second);
  expect(await second.end('SIGTERM')).toBe(0);
  expect(second.output()).toMatch(/stopped\n$/);
});

it(
  'reads all records once more where it was away for longer than changes are kept',
  { timeout: 120_000 },
  async () => {
    const before = await position();
    fleet.lucca.source.remove('employees', employee(2));
    fleet.lucca.source.update('employees', employee(3), { givenName: 'Åsa' });
    await sync();
    // the removal of a record that it still has is kept no more
    await fleet.runtime.db.pool.query(`delete from sluice.changes where connection_id = 'acme'`);
    const consumer = start(7);
    await caughtUp(consumer);
    expect(consumer.output()).toContain(`position ${before} is not kept: reading all records`);
  },
);

it('finds its way back where the feed is younger than its position', { timeout: 120_000 }, async () => {
  await own.db.pool.query(`update consumer_positions set after = after + 1000`);
  await own.db.pool.query(`insert into consumer_records values ('acme/employees', 'ghost', '{}')`);
  await caughtUp(start(7));
});

it('of which two run at the same time ends with the same', { timeout: 120_000 }, async () => {
  const [one, other] = [start(2), start(2)];
  for (let index = 5; index < 20; index += 1)
    fleet.lucca.source.update('employees', employee(index), { givenName: `Two ${index}` });
  await sync();
  await caughtUp(one);
  await caughtUp(other);
});
