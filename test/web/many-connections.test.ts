/** The console with several hundred connections, and with a week of runs: pages stay short, and ask the database few times. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActivity } from '../../src/sync/activity.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { waitFor } from '../support/wait.ts';
import { startReadingSite, type ReadingSite } from './reading-site.ts';

const MANY = 500;
/** of a page */
const ROWS = 50;
/** that the overview names */
const NAMED = 25;
const HOUR_MS = 3_600_000;

let fleet: Fleet;
let site: ReadingSite;

beforeAll(async () => {
  fleet = await startFleet({ lucca: { records: 1 }, workers: false });
  await fleet.connect('c-0000', { schedule: 'every 5m' });
  const { pool } = fleet.database.db;
  await pool.query(
    `insert into sluice.connections (id, provider, managed_by, config, credentials, state)
     select 'c-' || lpad(n::text, 4, '0'), case when n % 5 = 0 then 'floriday' else provider end, managed_by, config,
            credentials, case when n % 10 = 1 then 'paused' when n % 10 = 2 then 'needs_attention'
                              when n % 10 = 3 then 'needs_reconnect' else 'active' end
       from sluice.connections, generate_series(1, $1::int) n where id = 'c-0000'`,
    [MANY - 1],
  );
  await pool.query(
    `insert into sluice.streams (connection_id, stream, last_seq, last_success_at)
     select id, 'employees', 3, now() - interval '2 hours' from sluice.connections`,
  );
  await pool.query(
    `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
     select id, 'employees', n::text, '{}', '', n, 'test', now() from sluice.connections, generate_series(1, 3) n`,
  );
  // 24 runs of each, over eight days
  await pool.query(
    `insert into sluice.runs (id, connection_id, status, trigger, created_at, started_at, finished_at)
     select id || '-' || n, id, case when n % 6 = 0 then 'failed' else 'succeeded' end, 'schedule', at, at, at
       from sluice.connections, generate_series(1, 24) n, lateral (select now() - n * interval '8 hours' as at) ended`,
  );
  await pool.query(
    `insert into sluice.run_streams (run_id, stream, status, added, requests)
     select id, 'employees', 'succeeded', 2, 3 from sluice.runs`,
  );
  site = await startReadingSite(fleet);
});
afterAll(async () => {
  await site.close();
  await fleet.close();
});

const read: ReadingSite['read'] = (path, status) => site.read(path, status);
const idsIn = (html: string): string[] =>
  [...html.matchAll(/<th role="rowheader"[^>]*><a href="\/connections\/([^"]+)">/g)].map(([, id = '']) => id);
const nextOf = (html: string): string | undefined =>
  /<a href="([^"]+)">Next<\/a>/.exec(html)?.[1]?.replaceAll('&amp;', '&');
async function walk(path: string): Promise<string[]> {
  const ids: string[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const html = await read(next);
    const found = idsIn(html);
    expect(found.length).toBeLessThanOrEqual(ROWS);
    ids.push(...found);
    next = nextOf(html);
  }
  return ids;
}

describe('the list of connections', () => {
  it('is read page by page, each connection once, with its records', async () => {
    const first = await read('/connections');
    expect(first).toContain('50 of 500 connections, by id');
    expect(first).toMatch(/>3<span class="small">employees/);
    const all = await walk('/connections');
    expect(all).toHaveLength(MANY);
    expect(new Set(all).size).toBe(MANY);
    const second = await read(nextOf(first) ?? '');
    expect(second).toContain('<a href="/connections">First</a>');
    await read('/connections?cursor=made-up', 400);
  });

  it('is searched by id and provider, and narrowed to states, on every page', async () => {
    expect(await walk('/connections?search=C-049')).toHaveLength(10);
    expect(await walk('/connections?search=flori')).toHaveLength(99);
    // what means something to `like` is a text here
    expect(await read('/connections?search=%25')).toContain('No connection fits.');
    expect(await walk('/connections?state=paused')).toHaveLength(50);
    expect(await walk('/connections?state=needs_person')).toHaveLength(100);
    const both = await read('/connections?state=needs_attention&search=c-04');
    expect(both).toContain('10 connections that fit');
    expect(both).toMatch(/<option value="needs_attention" selected/);
    expect(both).toContain('value="c-04"');
    const next = nextOf(await read('/connections?search=lucca')) ?? '';
    expect(next).toContain('search=lucca');
    await read('/connections?search=%00', 400);
  });

  it('asks no statement for each of them', async () => {
    const counted = await statements(() => read('/connections'));
    expect(counted).toBeLessThan(8);
  });
});

describe('the list of runs', () => {
  it('takes the id of a connection, and suggests a few of them', async () => {
    const html = await read('/runs');
    expect(html.length).toBeLessThan(90_000);
    // a field that a form sends without a script, named by its label
    expect(html).toMatch(
      /<form [^>]*method="get" action="\/runs"><label>Connection<input type="text" name="connection" value="" list="connection-ids"/,
    );
    const suggested = [...html.matchAll(/<option value="(c-\d+)">/g)].map(([, id]) => id);
    expect(suggested).toHaveLength(ROWS);
    expect(new Set(suggested).size).toBe(ROWS);
    expect(suggested[0]).toBe(/<a href="\/runs\/(c-\d+)-1">/.exec(html)?.[1]);
    expect(await statements(() => read('/runs'))).toBeLessThan(6);
  });

  it('shows the runs of the one that was typed, and says that there is none of that id', async () => {
    const html = await read('/runs?connection=+c-0499+');
    expect(html).toContain('name="connection" value="c-0499"');
    expect(html.match(/href="\/runs\/c-0499-\d+"/g)).toHaveLength(24);
    expect(html).not.toContain('There is no connection');
    const none = await read('/runs?connection=c-9');
    expect(none).toContain('No run fits.');
    expect(none).toContain('There is no connection <code>c-9</code>');
    expect(none).toContain('href="/connections?search=c-9"');
  });
});

describe('the overview', () => {
  it('names the first of many, says how many there are, and where the others stand', async () => {
    const html = await read('/');
    expect(html).toContain('All 500 connections');
    expect(idsIn(html).length).toBeLessThanOrEqual(NAMED);
    expect(html.match(/<li class="bad">/g)).toHaveLength(NAMED);
    expect(html).toContain('Needs a person (100)');
    expect(html).toContain('And 75 more:');
    expect(html).toContain('href="/connections?state=needs_person"');
    expect(html.length).toBeLessThan(120_000);
    expect(await statements(() => read('/'))).toBeLessThan(12);
  });

  it('shows a day or a week, by links that need no script', async () => {
    const day = await read('/');
    expect(day).toContain('Last 24 hours');
    expect(day).toContain('data-hours="24"');
    expect(day).toMatch(/<a href="\/" aria-current="true">24 h<\/a><a href="\/\?days=7">7 d<\/a>/);
    const week = await read('/?days=7');
    expect(week).toContain('Last 7 days');
    expect(week).toContain('data-hours="168"');
    expect(week).toMatch(/2[01],000 changes by 10,[05]00 runs/);
    expect(week).toContain('href="/?days=7" id="refresh"');
    // every eight hours 500 runs end, 21 times in a week; with the hour that is running it may be one less
    expect(week).toMatch(/2[01],000 changes by 10,[05]00 runs/);
    await read('/?days=3', 400);
    const { hours, missing } = JSON.parse(await read('/activity?hours=168')) as {
      hours: { succeeded: number; failed: number; added: number }[];
      missing: number;
    };
    expect([hours.length, missing]).toEqual([168, 0]);
    const sum = (field: 'succeeded' | 'failed' | 'added'): number =>
      hours.reduce((total, hour) => total + hour[field], 0);
    expect(sum('added')).toBe(2 * (sum('succeeded') + sum('failed')));
    expect(sum('failed')).toBe(3 * MANY);
  });
});

describe('activity', () => {
  it('asks for a few hours at a time, by the index on the end of runs, and once for what is over', async () => {
    const { pool } = fleet.database.db;
    const asked: string[] = [];
    const spy = {
      pool: { query: (...given: [string, unknown[]]) => (asked.push(given[0]), pool.query(...given)) },
    };
    const activity = createActivity(spy as never, () => Date.now());
    const { missing } = await activity.lately(168);
    expect(missing).toBe(0);
    const first = asked.length;
    // 168 hours, six of them a statement, and the running one
    expect(first).toBeGreaterThan(25);
    expect(first).toBeLessThan(35);
    await activity.lately(168);
    await activity.lately(24);
    expect(asked.length - first).toBeLessThanOrEqual(2);
    await pool.query('analyze sluice.runs');
    const from = Date.now() - 100 * HOUR_MS;
    const plan = await pool.query<{ 'QUERY PLAN': string }>(`explain ${asked[0] ?? ''}`, [
      new Date(from).toISOString(),
      new Date(from + 6 * HOUR_MS).toISOString(),
    ]);
    expect(plan.rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('runs_by_end');
  });

  it('keeps nobody waiting for a database that is slow: it says how much is missing, and adds it up meanwhile', async () => {
    const { pool } = fleet.database.db;
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const slow = {
      pool: {
        query: async (text: string, values: [string, string | null]) => {
          // hours that are over have an end
          if (values[1] !== null) await gate;
          return pool.query(text, values);
        },
      },
    };
    const activity = createActivity(slow as never, () => Date.now(), 50);
    const { hours, missing } = await activity.lately(168);
    expect(hours).toHaveLength(168);
    expect(missing).toBeGreaterThanOrEqual(166);
    open();
    await waitFor(async () => ((await activity.lately(168)).missing === 0 ? true : undefined), 20_000);
    const later = await activity.lately(168);
    expect(later.hours.reduce((sum, hour) => sum + hour.failed, 0)).toBe(3 * MANY);
  });
});

// last: it takes connections away
describe('a choice of connections', () => {
  it('stands in the list of runs as long as there are fifty, one that was removed besides', async () => {
    const { pool } = fleet.database.db;
    await pool.query(`delete from sluice.connections where id > 'c-0050'`);
    expect(await read('/runs')).toContain('<input type="text" name="connection"');
    await pool.query(`delete from sluice.connections where id = 'c-0050'`);
    const html = await read('/runs?connection=c-0499');
    expect(html).not.toContain('<input type="text"');
    expect(html.match(/<option value="c-\d+"/g)).toHaveLength(ROWS + 1);
    expect(html).toMatch(/<option value="c-0499" selected/);
    expect(html.match(/href="\/runs\/c-0499-\d+"/g)).toHaveLength(24);
  });
});

/** How many statements the database was sent meanwhile by this process's main pool. */
async function statements(work: () => Promise<unknown>): Promise<number> {
  const { pool } = fleet.runtime.db;
  const query = pool.query.bind(pool);
  let count = 0;
  pool.query = ((...given: Parameters<typeof query>) => {
    count += 1;
    return query(...given);
  }) as typeof pool.query;
  try {
    await work();
  } finally {
    pool.query = query;
  }
  return count;
}
