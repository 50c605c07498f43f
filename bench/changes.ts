/** `changes`: a page of the change feed at its beginning, in the middle and at its end, with a million changes. */
import { openDb, type Db } from '../src/store/db.ts';
import { PAGE_SQL, readChanges } from '../src/sync/read-changes.ts';
import type { Bench, BenchContext } from './contract.ts';
import { median } from './rounds.ts';
import { startServers } from './servers.ts';

const CHANGES = 1_000_000;
const RECORDS = 200_000;
const KEY = { connectionId: 'bench', stream: 'orders' };
const PAGE = 100;
/** Pages for each place; the median is shown. */
const ROUNDS = 200;
/** The first ones find cold caches. */
const WARM_UP = 20;

interface PlaceFigures {
  readonly after: number;
  readonly medianMs: number;
  readonly slowestMs: number;
}

interface ChangesFigures {
  readonly changes: number;
  readonly records: number;
  readonly page: number;
  readonly places: readonly PlaceFigures[];
  /** node types and indexes of the deepest page's plan, the outermost first */
  readonly plan: readonly string[];
}

export const changes: Bench<ChangesFigures> = {
  async run(context) {
    context.progress('starting servers');
    const servers = await startServers();
    try {
      const db = openDb({ url: servers.postgresUrl, max: 2, applicationName: 'bench' });
      try {
        return await measured(db, context);
      } finally {
        await db.close();
      }
    } finally {
      await servers.close();
    }
  },

  print({ changes: count, records, page, places, plan }) {
    return [
      `a page of ${page} changes, of ${count} on ${records} records`,
      ...places.map(
        ({ after, medianMs, slowestMs }) =>
          `after ${String(after).padStart(7)}   median ${medianMs.toFixed(2)} ms   slowest ${slowestMs.toFixed(2)} ms`,
      ),
      `plan: ${plan.join(', ')}`,
    ];
  },
};

async function measured(db: Db, { progress, signal }: BenchContext): Promise<ChangesFigures> {
  progress(`writing ${CHANGES} changes`);
  await fill(db);
  progress('reading');
  const afters = [0, CHANGES / 2, CHANGES - PAGE];
  const times = afters.map((): number[] => []);
  // by turns, so that whatever else the machine does falls on all places alike
  for (let round = 0; round < WARM_UP + ROUNDS && !signal.aborted; round += 1) {
    for (const [place, after] of afters.entries()) {
      const started = performance.now();
      await readChanges(db, KEY, { after, limit: PAGE });
      if (round >= WARM_UP) times[place]?.push(performance.now() - started);
    }
  }
  const places = afters.map((after, place) => {
    const taken = times[place] ?? [];
    return { after, medianMs: median(taken), slowestMs: Math.max(...taken) };
  });
  return { changes: CHANGES, records: RECORDS, page: PAGE, places, plan: await planOf(db, CHANGES - PAGE) };
}

async function fill(db: Db): Promise<void> {
  const body = JSON.stringify({ status: 'OPEN', note: 'x'.repeat(400) });
  await db.pool.query(`insert into sluice.streams (connection_id, stream, last_seq) values ($1, $2, $3)`, [
    KEY.connectionId,
    KEY.stream,
    CHANGES,
  ]);
  await db.pool.query(
    `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
     select $1, $2, 'r' || n, $4::jsonb, '', n, 'bench', now() from generate_series(0, $3::int - 1) n`,
    [KEY.connectionId, KEY.stream, RECORDS, body],
  );
  await db.pool.query(
    `insert into sluice.changes (connection_id, stream, seq, op, record_id, changed_at)
     select $1, $2, n, 'updated', 'r' || (n * 7919 % $4), now() from generate_series(1, $3::bigint) n`,
    [KEY.connectionId, KEY.stream, CHANGES, RECORDS],
  );
  await db.pool.query('vacuum analyze sluice.changes, sluice.records, sluice.streams');
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

async function planOf(db: Db, after: number): Promise<string[]> {
  const result = await db.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (format json) ${PAGE_SQL}`,
    [KEY.connectionId, KEY.stream, after, PAGE],
  );
  const root = result.rows[0]?.['QUERY PLAN'][0].Plan;
  const names = (node: PlanNode): string[] => [
    node['Index Name'] === undefined ? node['Node Type'] : `${node['Node Type']} ${node['Index Name']}`,
    ...(node.Plans ?? []).flatMap(names),
  ];
  return root === undefined ? [] : names(root);
}
