import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KEPT_FIRST, KEPT_LAST, type RequestEntry } from '../../src/store/run-timeline.ts';
import { noRequests } from '../../src/outbound/client.ts';
import { give, take } from '../../src/sync/pass.ts';
import { runView, type RunView } from '../../src/sync/history.ts';
import { timelineView, type EntryView } from '../../src/sync/timeline.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const fast = { attempts: 3, baseDelay: '50ms', maxDelay: '200ms' };
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1));

describe('the timeline of a run', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let count = 0;
  let id = '';
  beforeAll(async () => {
    tiny = await startTinyProvider([
      tinyStream('a'),
      tinyStream('b'),
      tinyStream('children', { path: '/a/{parent}/children', parent: 'a' }),
    ]);
    fleet = await startFleet({ providers: [tiny.definition], lucca: { records: 10 } });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    await fleet.tokens.forgetFailures();
  });
  afterEach(() => fleet.lucca.faults.clear());

  const timeline = async (run: RunView): Promise<EntryView[]> => [
    ...(await timelineView(fleet.runtime.db, run.id)).timeline,
  ];
  const syncTiny = async (streams: string[], more: object = {}): Promise<RunView> => {
    await fleet.connect(id, { ...tiny.connection, streams, retry: fast, ...more });
    return fleet.sync(id);
  };

  it('has each request with its page, what the page did, and one new token', async () => {
    tiny.answer = (url) => pageOf(url, ids(25), 10);
    const run = await syncTiny(['a', 'b'], { limits: { concurrency: 1 } });
    const entries = await timeline(run);
    expect(entries).toHaveLength(run.requests);
    const none = { added: 0, updated: 0, deleted: 0, unchanged: 0, rejected: 0 };
    for (const stream of ['a', 'b'])
      expect(entries.filter((entry) => entry.stream === stream)).toMatchObject([
        { path: `/api/${stream}`, status: 200, attempt: 1, page: 1, records: { ...none, added: 10 } },
        { path: `/api/${stream}?page=…`, status: 200, page: 2, records: { ...none, added: 10 } },
        { path: `/api/${stream}?page=…`, status: 200, page: 3, records: { ...none, added: 5 } },
      ]);
    expect(entries.map((entry) => entry.kind === 'request' && entry.token?.new)).toEqual([
      true,
      ...Array.from({ length: 5 }, () => false),
    ]);
    const times = entries.map(({ at }) => at);
    expect(times).toEqual(times.toSorted());

    const again = await timeline(await fleet.sync(id));
    expect(again[0]).toMatchObject({ page: 1, records: { ...none, unchanged: 10 }, token: { new: true } });
  });

  it('says why a delivery waited, until when, and loses nothing of the requests that failed', async () => {
    let refusals = 2;
    tiny.answer = (url) => {
      if (url.searchParams.get('page') !== '2' || (refusals -= 1) < 0) return pageOf(url, ids(25), 10);
      return refusals === 1
        ? { status: 429, headers: { 'retry-after': '1' }, body: {} }
        : { status: 503, headers: { 'retry-after': '0.2' }, body: {} };
    };
    const run = await syncTiny(['a']);
    expect(run).toMatchObject({ status: 'succeeded' });
    const entries = await timeline(run);
    expect(entries).toMatchObject([
      { status: 200, page: 1 },
      { status: 429, page: null, records: null },
      { kind: 'wait', reason: 'rate_limit', error: 'provider_rate_limited', attempt: null },
      { status: 503, page: null },
      { kind: 'wait', reason: 'retry_after', error: 'provider_unavailable', attempt: 1 },
      { status: 200, page: 2, records: { added: 10 } },
      { status: 200, page: 3, records: { added: 5 } },
    ]);
    expect(entries.filter(({ kind }) => kind === 'request')).toHaveLength(run.requests);
    for (const [index, entry] of entries.entries()) {
      if (entry.kind !== 'wait') continue;
      const next = entries[index + 1];
      expect(Date.parse(entry.until ?? '')).toBeGreaterThanOrEqual(Date.parse(entry.at));
      expect(Date.parse(next?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(entry.until ?? ''));
    }
  });

  it('has the requests of a stream that failed for good, and of a page that was lost with its transaction', async () => {
    tiny.answer = () => ({ status: 400, body: {} });
    const failed = await syncTiny(['a']);
    expect(failed).toMatchObject({ status: 'failed' });
    expect(await timeline(failed)).toMatchObject([{ status: 400, page: null }]);

    tiny.answer = (url) => pageOf(url, ids(5), 10);
    const { pool } = fleet.database.db;
    // the first page alone: a sequence isn't rolled back
    await pool.query('create sequence sluice.refusals');
    await pool.query(`create function sluice.refuse() returns trigger language plpgsql as
      $$ begin if nextval('sluice.refusals') = 1 then
           raise exception 'no' using errcode = 'serialization_failure'; end if; return new; end $$`);
    await pool.query(`create trigger refuse before insert on sluice.changes
      for each row execute function sluice.refuse()`);
    const run = await syncTiny(['a']);
    await pool.query('drop trigger refuse on sluice.changes');
    const entries = await timeline(run);
    expect(run).toMatchObject({ status: 'succeeded', requests: 2 });
    expect(entries).toMatchObject([
      { status: 200, page: null },
      { kind: 'wait', reason: 'backoff', attempt: 1 },
      { status: 200, page: 1, records: { added: 5 } },
    ]);
  });

  it('shows a replay after a 401 and the time it took to get the token', async () => {
    await fleet.connect(id, { streams: ['employees'], limits: { pageSize: 5 }, retry: fast });
    fleet.lucca.faults.add({ kind: 'status', status: 401, path: '*/employees', skip: 1, times: 1 });
    const run = await fleet.sync(id);
    expect(await timeline(run)).toMatchObject([
      { status: 200, page: 1, token: { new: true } },
      { status: 401, attempt: 1, page: null, token: { new: false } },
      { status: 200, attempt: 2, page: 2, waits: [{ reason: 'replay' }], token: { new: true } },
    ]);
    expect(run).toMatchObject({ requests: 3, retries: 1, tokenRequests: 2 });
  });

  it('shows the turn that a request waited for under the rate limit', async () => {
    await fleet.connect(id, {
      streams: ['employees'],
      limits: { pageSize: 5, requestsPerMinute: 60 },
      retry: fast,
    });
    await fleet.runtime.db.pool.query('delete from sluice.rate_limits');
    const entries: EntryView[] = [];
    // six come at once
    while (entries.length < 8) entries.push(...(await timeline(await fleet.sync(id))));
    const waits = entries.flatMap((entry) => (entry.kind === 'request' ? entry.waits : []));
    expect(waits).toContainEqual({ reason: 'rate_limit', ms: expect.any(Number) });
  });

  it('goes past a parent that is gone with the request that said so', async () => {
    tiny.answer = (url) => {
      if (url.pathname === '/api/a') return pageOf(url, ids(2), 10);
      return url.pathname.includes('/1/') ? { status: 404, body: {} } : pageOf(url, ids(1), 10);
    };
    const run = await syncTiny(['a', 'children']);
    expect((await timeline(run)).filter(({ stream }) => stream === 'children')).toMatchObject([
      { status: 404, path: '/api/a/1/children', page: null },
      { status: 200, path: '/api/a/2/children', page: 1 },
    ]);
  });

  it('keeps the first and the last of many, and says how many it left out', async () => {
    const pages = KEPT_FIRST + KEPT_LAST + 37;
    tiny.answer = (url) => pageOf(url, ids(pages), 1);
    const run = await syncTiny(['a']);
    expect(run).toMatchObject({ status: 'succeeded', requests: pages });
    const view = await timelineView(fleet.runtime.db, run.id);
    expect(view.timelineOmitted).toEqual({ a: 37 });
    const numbers = view.timeline.map((entry) => (entry.kind === 'request' ? entry.page : null));
    expect(numbers).toEqual([
      ...Array.from({ length: KEPT_FIRST }, (_, index) => index + 1),
      ...Array.from({ length: KEPT_LAST }, (_, index) => pages - KEPT_LAST + index + 1),
    ]);
  });

  it('goes with its run, and no secret stands in it', async () => {
    tiny.answer = (url) => pageOf(url, ids(25), 10);
    const run = await syncTiny(['a']);
    const { pool } = fleet.database.db;
    const stored = await pool.query<{ row: string }>(
      'select t::text as row from sluice.run_timeline t where run_id = $1',
      [run.id],
    );
    expect(stored.rows).toHaveLength(3);
    expect(JSON.stringify(stored.rows)).not.toMatch(/Bearer|page=\d/);
    await pool.query('delete from sluice.runs where id = $1', [run.id]);
    expect(await runView(fleet.runtime.db, run.id)).toBeUndefined();
    expect((await timelineView(fleet.runtime.db, run.id)).timeline).toEqual([]);
  });
});

it('what was asked ahead of a page stays for the next one, and comes back where the page could not be stored', () => {
  const entry = (path: string): RequestEntry => ({
    kind: 'request',
    at: 0,
    path,
    status: 200,
    error: null,
    ms: 1,
    attempt: 1,
    waits: [],
    token: { ageSeconds: 0, new: false },
  });
  const [failed, page, ahead] = [entry('/failed'), entry('/page'), entry('/ahead')];
  const counts = { ...noRequests(), requests: 3 };
  counts.entries.push(failed, page, ahead);
  const spent = take(counts, page);
  expect(spent).toEqual({ requests: 3, retries: 0, tokenRequests: 0, entries: [failed, page], page });
  expect(counts).toEqual({ ...noRequests(), entries: [ahead] });
  give(counts, spent);
  expect(counts).toEqual({ ...noRequests(), requests: 3, entries: [failed, page, ahead] });
  // with an outcome instead of a page
  expect(take(counts).entries).toEqual([failed, page, ahead]);
  expect(counts.entries).toEqual([]);
});
