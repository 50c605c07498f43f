import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunView } from '../../src/sync/history.ts';
import { ticketForRun } from '../../src/store/run-tickets.ts';
import { planRun, releaseStreams, requestRun } from '../../src/store/runs.ts';
import type { StreamJob } from '../../src/sync/context.ts';
import { syncStream } from '../../src/sync/stream-sync.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { answerFrom, feedStream, SequenceFeed } from './sequence-feed.ts';

const fast = { attempts: 2, baseDelay: '50ms', maxDelay: '100ms' };

describe('feeds that depend on partners', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let partners: SequenceFeed;
  let items: SequenceFeed;
  let own: Map<string, SequenceFeed>;
  let id = '';
  let count = 0;

  beforeAll(async () => {
    tiny = await startTinyProvider([
      feedStream('items', { restartsWith: 'partners' }),
      feedStream('groups', { parent: 'partners', query: { parent: '{parent}' } }),
      feedStream('custom', { optional: true }),
      feedStream('partners', { always: true }),
    ]);
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    partners = new SequenceFeed();
    items = new SequenceFeed();
    own = new Map();
    for (const name of ['p1', 'p2']) addPartner(name);
    for (const name of ['a', 'b', 'c', 'd']) items.put(name);
    tiny.answer = answerFrom((name, parent) => {
      if (name === 'partners') return partners;
      if (name === 'groups' && parent === null) return wholeFeed();
      return name === 'groups' ? own.get(parent ?? '') : items;
    });
    id = `r${(count += 1)}`;
    await fleet.connect(id, { ...tiny.connection, streams: ['items'], retry: fast });
  });

  function addPartner(name: string): void {
    partners.put(name);
    const feed = own.get(name) ?? new SequenceFeed();
    own.set(name, feed);
    for (const item of ['x', 'y', 'z', 'zz']) feed.put(`${name}-${item}`);
  }
  /** the companion of a feed per partner tells the highest number of all */
  function wholeFeed(): SequenceFeed {
    const whole = new SequenceFeed();
    whole.last = Math.max(0, ...[...own.values()].map((feed) => feed.last));
    return whole;
  }
  const sync = async (more: Parameters<Fleet['sync']>[1] = {}) => {
    tiny.asked.splice(0);
    const run = await fleet.sync(id, more);
    expect(run.status).toBe('succeeded');
    return byName(run);
  };
  const byName = (run: RunView) => Object.fromEntries(run.streams.map((stream) => [stream.name, stream]));
  const asked = (stream: string) => tiny.asked.filter((path) => path.startsWith(`/${stream}/sync/`));
  const keys = async (stream: string) => [...(await fleet.mirror(id, stream)).keys()].sort();

  it('read the partners in every run, chosen or not, and before the others', async () => {
    const first = await sync();
    expect(Object.keys(first).sort()).toEqual(['items', 'partners']);
    const order = tiny.asked.map((path) => path.split('/')[1]);
    expect(order.lastIndexOf('partners')).toBeLessThan(order.indexOf('items'));
    expect(Object.keys(await sync({ streams: ['items'] })).sort()).toEqual(['items', 'partners']);
  });

  it('refuse a run of a stream that there is not, although partners are always read', async () => {
    const run = await fleet.sync(id, { streams: ['nothing'] });
    expect(run).toMatchObject({ status: 'failed', streams: [], error: { code: 'config_invalid' } });
  });

  it('start from 0 with the run after the one that met a new partner', async () => {
    await sync();
    expect((await sync()).items).toMatchObject({ mode: 'incremental' });
    addPartner('p3');
    // what the partner brings stands far below the numbers that were read
    items.entries.set('old', { record: { id: 'old', n: 2 }, number: 2 });
    items.put('new');
    const meeting = await sync();
    expect(meeting.partners).toMatchObject({ added: 1 });
    expect(meeting.items).toMatchObject({ mode: 'incremental', added: 1 });
    expect(await keys('items')).not.toContain('old');
    const next = await sync();
    expect(next.items).toMatchObject({ mode: 'full', added: 1 });
    expect(asked('items')[0]).toBe('/items/sync/0?size=3');
    expect(await keys('items')).toContain('old');
    expect((await sync()).items).toMatchObject({ mode: 'incremental', pages: 0 });
  });

  it('start again for a partner that comes back, not for one that leaves or changes', async () => {
    await sync();
    partners.put('p1', { isDeleted: true });
    partners.put('p2', { name: 'renamed' });
    expect((await sync()).partners).toMatchObject({ deleted: 1, updated: 1, added: 0 });
    expect((await sync()).items).toMatchObject({ mode: 'incremental' });
    partners.put('p1');
    expect((await sync()).partners).toMatchObject({ added: 1 });
    expect((await sync()).items).toMatchObject({ mode: 'full' });
  });

  it('keep the wish to start again when the run that should have is cut short before its first page', async () => {
    await sync();
    addPartner('p3');
    await sync();
    const answer = tiny.answer;
    tiny.answer = (url) => (url.pathname.includes('/items/') ? { status: 400, body: {} } : answer(url));
    expect((await fleet.sync(id)).status).toBe('partial');
    tiny.answer = answer;
    expect((await sync()).items).toMatchObject({ mode: 'full' });
  });

  it('leave out what is optional, unless it is named', async () => {
    await fleet.connect(id, { ...tiny.connection, retry: fast });
    expect(Object.keys(await sync()).sort()).toEqual(['groups', 'items', 'partners']);
    await fleet.connect(id, { ...tiny.connection, streams: ['custom'], retry: fast });
    expect(Object.keys(await sync()).sort()).toEqual(['custom', 'partners']);
    expect(Object.keys(await sync({ streams: ['custom'] })).sort()).toEqual(['custom', 'partners']);
  });

  it('that are read once per partner keep a number for each, and read a new one from 0', async () => {
    await fleet.connect(id, { ...tiny.connection, streams: ['groups'], retry: fast });
    expect((await sync()).groups).toMatchObject({ mode: 'full', added: 8, pages: 4 });
    expect(asked('groups')).toEqual(
      ['p1', 'p2'].flatMap((parent) => [0, 3].map((from) => `/groups/sync/${from}?parent=${parent}&size=3`)),
    );
    expect((await sync()).groups).toMatchObject({ mode: 'incremental', pages: 0 });
    own.get('p2')?.put('p2-x', { name: 'new' });
    addPartner('p3');
    expect((await sync()).groups).toMatchObject({ mode: 'incremental', added: 4, updated: 1 });
    expect(asked('groups')).toEqual([
      '/groups/sync/4?parent=p1&size=3',
      '/groups/sync/4?parent=p2&size=3',
      '/groups/sync/0?parent=p3&size=3',
      '/groups/sync/3?parent=p3&size=3',
      // the highest number of all partners is 5, so that only an answer tells that this one has no more
      '/groups/sync/4?parent=p3&size=3',
    ]);
  });

  it('lose what a partner had together with the partner, and get all of it when it comes back', async () => {
    await fleet.connect(id, { ...tiny.connection, streams: ['groups'], retry: fast });
    await sync();
    partners.put('p1', { isDeleted: true });
    expect((await sync()).groups).toMatchObject({ deleted: 4 });
    expect(await keys('groups')).toEqual(['p2-x', 'p2-y', 'p2-z', 'p2-zz']);
    partners.put('p1');
    expect((await sync()).groups).toMatchObject({ added: 4 });
    expect(asked('groups')).toEqual([0, 3].map((from) => `/groups/sync/${from}?parent=p1&size=3`));
  });
});

describe('a pass over a sequence feed that is interrupted', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  const feed = new SequenceFeed();

  beforeAll(async () => {
    tiny = await startTinyProvider([feedStream('things')]);
    fleet = await startFleet({ workers: false, providers: [tiny.definition] });
    await fleet.connect('acme', { ...tiny.connection, retry: fast });
    for (let at = 0; at < 10; at += 1) feed.put(`k${at}`);
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });

  it('goes on from its checkpoint: nothing committed is asked for again, and the end stays where it was', async () => {
    const { db, outbound, tokens, loadConnection, logger, now } = fleet.runtime;
    const context = { db, outbound, tokens, loadConnection, logger, now, random: () => 0, owner: 'test' };
    const { runId } = await requestRun(db, { connectionId: 'acme', trigger: 'command', priority: 1 });
    await ticketForRun(db, runId);
    await planRun(db, runId, () => [{ stream: 'things', wave: 0, mode: 'full' }]);
    const { tickets } = await releaseStreams(db, runId, { concurrency: 4, parents: new Map() });
    const stopping = new AbortController();
    const job: StreamJob = {
      runId,
      stream: 'things',
      jobId: tickets[0]?.jobId ?? '',
      shutdown: stopping.signal,
    };

    const answer = answerFrom(() => feed);
    let reached = false;
    tiny.answer = async (url) => {
      if (!url.pathname.endsWith('/sync/6')) return answer(url) ?? { status: 404, body: {} };
      reached = true;
      return new Promise<never>(() => {});
    };
    const first = syncStream(context, job);
    const row = async () =>
      (
        await db.pool.query<{ pages: number; added: number; cursor: { sequence: number } }>(
          `select r.pages, r.added, s.cursor from sluice.run_streams r join sluice.streams s on s.stream = r.stream
            where r.run_id = $1`,
          [runId],
        )
      ).rows[0];
    await waitFor(async () => (reached && (await row())?.pages === 2 ? true : undefined), 5_000);
    stopping.abort();
    expect(await first).toEqual({ outcome: 'returned' });
    expect(await row()).toMatchObject({ pages: 2, added: 6, cursor: { sequence: 6 } });

    for (let at = 10; at < 20; at += 1) feed.put(`k${at}`);
    tiny.answer = answer;
    tiny.asked.splice(0);
    expect(await syncStream(context, { ...job, shutdown: new AbortController().signal })).toEqual({
      outcome: 'done',
    });
    expect(tiny.asked).toEqual(['/things/sync/6?size=3', '/things/sync/9?size=3']);
    expect(await row()).toMatchObject({ pages: 4, added: 12, cursor: { sequence: 12 } });
  });
});
