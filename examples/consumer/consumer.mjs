/**
 * A consumer of the change feed: keeps a table of its own equal to one stream of Sluice, and goes on where it was after
 * any restart. It needs nothing of Sluice but an API key; copy it and change `apply`.
 *
 *   SLUICE_URL=http://127.0.0.1:3000 SLUICE_API_KEY=… CONNECTION=acme-hr STREAM=employees \
 *   CONSUMER_DATABASE_URL=postgres://… node consumer.mjs
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const { SLUICE_URL, SLUICE_API_KEY, CONNECTION, STREAM, CONSUMER_DATABASE_URL, PAGE = '500' } = process.env;
for (const [name, value] of Object.entries({
  SLUICE_URL,
  SLUICE_API_KEY,
  CONNECTION,
  STREAM,
  CONSUMER_DATABASE_URL,
})) {
  if (!value) throw new Error(`Set ${name}.`);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());

const feed = `${CONNECTION}/${STREAM}`;
const db = new pg.Pool({ connectionString: CONSUMER_DATABASE_URL, max: 2 });
await db.query(`
  create table if not exists consumer_positions (feed text primary key, after bigint not null);
  create table if not exists consumer_records (
    feed text not null, id text not null, record jsonb not null, primary key (feed, id))`);
await db.query(`insert into consumer_positions (feed, after) values ($1, 0) on conflict do nothing`, [feed]);

let failures = 0;
for (let first = true; !stop.signal.aborted; first = false) {
  try {
    const after = await position();
    if (first) console.log(`following ${feed} after ${after}`);
    await step(after);
    failures = 0;
  } catch (error) {
    if (stop.signal.aborted) break;
    // Sluice or the database is away, or asks us to slow down: what was not committed comes again
    failures += 1;
    const seconds = error.retryAfter ?? Math.min(30, 2 ** failures);
    console.error(`${error.message}; trying again in ${seconds} s`);
    await sleep(seconds * 1000, undefined, { signal: stop.signal }).catch(() => {});
  }
}
await db.end();
console.log('stopped');

/** One page of changes, or a fresh start where the feed says that our position is of no use. */
async function step(after) {
  const path = `changes?after=${after}&limit=${PAGE}&wait=20s`;
  const { status, body } = await get(path);
  // older than what is kept: from the oldest change that is left on, all of them come again, which does no harm
  if (status === 410) return copyAll(after, body.earliest - 1);
  // the feed is younger than we are: its database was restored from a backup
  if (status === 409) return copyAll(after, body.last);
  if (body.data.length === 0) return;
  const newest = body.data.at(-1).seq;
  const moved = await inTransaction(after, newest, async (client) => {
    for (const change of body.data) await apply(client, change);
  });
  if (moved) console.log(`applied ${body.data.length} changes, up to ${newest} of ${body.last}`);
}

/** `record` is the record as it is now, so that to apply a change twice, or an older one later, does no harm. */
async function apply(client, { id, record }) {
  // purged since: a later change tells which record is gone
  if (id === null) return;
  if (record === null) {
    await client.query(`delete from consumer_records where feed = $1 and id = $2`, [feed, id]);
  } else {
    await client.query(
      `insert into consumer_records (feed, id, record) values ($1, $2, $3)
       on conflict (feed, id) do update set record = excluded.record`,
      [feed, id, JSON.stringify(record)],
    );
  }
}

/** Reads every record and removes what is no more. What changes meanwhile comes with the changes after `next`. */
async function copyAll(after, next) {
  console.log(`position ${after} is not kept: reading all records`);
  await inTransaction(after, next, async (client) => {
    const seen = [];
    for (let cursor = ''; cursor !== null;) {
      const { body } = await get(`records?limit=${PAGE}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      for (const { id, record } of body.data) await apply(client, { id, record });
      seen.push(...body.data.map(({ id }) => id));
      cursor = body.next;
    }
    await client.query(`delete from consumer_records where feed = $1 and id <> all($2::text[])`, [
      feed,
      seen,
    ]);
  });
}

async function position() {
  const { rows } = await db.query(`select after from consumer_positions where feed = $1`, [feed]);
  return Number(rows[0].after);
}

/**
 * Rows and position commit together, so a crash at any moment loses nothing and repeats at most a page. Where another
 * instance was faster, nothing is written: it has done the same. Returns whether it was us.
 */
async function inTransaction(after, next, work) {
  const client = await db.connect();
  try {
    await client.query('begin');
    const moved = await client.query(
      `update consumer_positions set after = $3 where feed = $1 and after = $2`,
      [feed, after, next],
    );
    if (moved.rowCount === 1) await work(client);
    await client.query('commit');
    return moved.rowCount === 1;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

async function get(path) {
  const url = `${SLUICE_URL}/v1/connections/${CONNECTION}/streams/${STREAM}/${path}`;
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${SLUICE_API_KEY}` },
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]),
  });
  const body = await response.json();
  if (response.ok || body.code === 'feed_truncated' || body.code === 'cursor_ahead')
    return { status: response.status, body };
  const error = new Error(`${body.code}: ${body.detail} ${body.advice}`);
  const wait = Number(response.headers.get('retry-after'));
  if (wait > 0) error.retryAfter = wait;
  throw error;
}
