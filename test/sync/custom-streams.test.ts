import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFloriday, type FloridaySandbox } from '../../sandbox/floriday/server.ts';
import { dryRun } from '../../src/sync/dry-run.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { answerFrom, SequenceFeed } from './sequence-feed.ts';

describe('an endpoint of Lucca that is described as a custom stream', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(async () => {
    await fleet.close();
  });

  /** A list of employees that left, which is no stream of the provider's. */
  const former = {
    name: 'former-employees',
    path: '/employees',
    query: { include: 'links', status: 'deactivated' },
    scopes: ['employees.readonly'],
    items: 'items',
    id: 'id',
    version: 'lastUpdatedAt',
    paging: { style: 'next-link', at: 'links.next.href', sizeParam: 'limit', pageSize: 1 },
  };
  const owned = {
    name: 'employments-of-employees',
    parent: 'employees',
    path: '/employments',
    query: { include: 'links', 'employee.id': '{parent}' },
    scopes: ['employments.readonly'],
    items: 'items',
    id: 'id',
    paging: { style: 'next-link', at: 'links.next', sizeParam: 'limit', pageSize: 100 },
    changes: 'full',
  };

  /** As the provider lists them: a stream of one's own leaves nothing out. */
  const asListed = (resource: string): Map<string, unknown> =>
    new Map(fleet.lucca.source.list(resource).map((row) => [String(row.id), row]));

  it('is mirrored page by page beside those that are shipped, with the scope that it needs', async () => {
    await fleet.connect('acme', { streams: ['departments'], customStreams: [former] });
    const run = await fleet.sync('acme');
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 1 });
    const left = new Map(
      [...asListed('employees')].filter(([, row]) => (row as { status?: unknown }).status === 'deactivated'),
    );
    expect(left.size).toBeGreaterThan(1);
    expect(await fleet.mirror('acme', 'former-employees')).toEqual(left);
    expect(run.streams.map(({ name, pages }) => [name, pages > 1])).toEqual([
      ['departments', false],
      ['former-employees', true],
    ]);
  });

  it('is listed once per record of a stream that is shipped', async () => {
    await fleet.connect('nested', { streams: ['employees', owned.name], customStreams: [owned, former] });
    const run = await fleet.sync('nested');
    expect(run.status).toBe('succeeded');
    expect(run.streams.map(({ name }) => name)).toEqual(['employees', owned.name]);
    expect(await fleet.mirror('nested', owned.name)).toEqual(asListed('employments'));
    const partitions = await fleet.runtime.db.pool.query<{ own: boolean }>(
      `select bool_and(partition = data #>> '{employee,id}') as own from sluice.records
        where connection_id = 'nested' and stream = $1`,
      [owned.name],
    );
    expect(partitions.rows[0]?.own).toBe(true);
  });
});

describe('a feed of Floriday that is described as a custom stream', () => {
  let fleet: Fleet;
  let simulated: FloridaySandbox;
  beforeAll(async () => {
    simulated = await startFloriday({ api: 'suppliers', records: 40, limits: { mode: 'off' } });
    fleet = await startFleet();
  });
  afterAll(async () => {
    await fleet.close();
    await simulated.close();
  });

  it('is read from number to number, with its deletions, and from the start for a new partner', async () => {
    const custom = {
      name: 'items-by-number',
      path: '/trade-items/sync/{sequence}',
      items: 'results',
      id: 'tradeItemId',
      scopes: ['catalog:read'],
      changes: 'sequence',
      restartsWith: 'connections',
      tombstones: [{ field: 'isDeleted', values: [true] }],
      paging: {
        style: 'sequence',
        sizeParam: 'limitResult',
        pageSize: 7,
        maximumAt: 'maximumSequenceNumber',
        numberAt: 'sequenceNumber',
        currentMaximumPath: '/trade-items/current-max-sequence',
      },
    };
    await fleet.connect('roses', {
      provider: 'floriday',
      settings: simulated.settings,
      credentials: simulated.credentials,
      endpoints: { token: simulated.urls.token, api: simulated.urls.api },
      streams: ['organizations'],
      customStreams: [custom],
    });
    const list = () =>
      new Map(simulated.source.list('trade-items').map((row) => [String(row.tradeItemId), row]));
    const first = await fleet.sync('roses');
    expect(first).toMatchObject({ status: 'succeeded' });
    expect(await fleet.mirror('roses', custom.name)).toEqual(list());

    simulated.source.edit({ resource: 'trade-items', creates: 2, updates: 1, deletes: 3 });
    const second = await fleet.sync('roses');
    expect(second.streams.find(({ name }) => name === custom.name)).toMatchObject({
      mode: 'incremental',
      status: 'succeeded',
      added: 2,
      updated: 1,
      deleted: 3,
    });
    expect(await fleet.mirror('roses', custom.name)).toEqual(list());
  });
});

describe('a custom stream', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  beforeEach(async () => {
    tiny = await startTinyProvider([tinyStream('shipped')]);
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterEach(async () => {
    await fleet.close();
    await tiny.close();
  });

  const connect = (customStreams: readonly object[], streams?: readonly string[]): Promise<void> =>
    fleet.connect('t', { ...tiny.connection, customStreams, ...(streams && { streams }) });
  const feed = {
    name: 'feed',
    path: '/feed/sync/{sequence}',
    items: 'items',
    id: 'id',
    changes: 'sequence',
    paging: {
      style: 'sequence',
      sizeParam: 'size',
      pageSize: 3,
      maximumAt: 'top',
      numberAt: 'n',
      currentMaximumPath: '/feed/maximum',
    },
  };
  const ids = async (stream: string): Promise<string[]> =>
    [...(await fleet.mirror('t', stream)).keys()].sort();

  it('is read by offset, by page number and by a header', async () => {
    const rows = Array.from({ length: 7 }, (_, index) => ({ id: `r${index}` }));
    const cut = (from: number, size: number) => rows.slice(from, from + size);
    tiny.answer = (url) => {
      const get = (name: string): number => Number(url.searchParams.get(name));
      const size = get('take');
      if (url.pathname === '/api/offset') return { body: cut(get('from'), size) };
      if (url.pathname === '/api/page') return { body: { d: cut(get('p') * size, size) } };
      const at = get('at');
      const next = at + size < rows.length ? { 'x-next': `?take=${size}&at=${at + size}` } : {};
      return { headers: next, body: { d: cut(at, size) } };
    };
    const size = { sizeParam: 'take', pageSize: 3 };
    await connect(
      [
        {
          name: 'by-offset',
          path: '/offset',
          id: 'id',
          paging: { style: 'offset', offsetParam: 'from', ...size },
        },
        {
          name: 'by-page',
          path: '/page',
          items: 'd',
          id: 'id',
          paging: { style: 'page', pageParam: 'p', firstPage: 0, ...size },
        },
        {
          name: 'by-header',
          path: '/header',
          items: 'd',
          id: 'id',
          paging: { style: 'next-header', header: 'X-Next', ...size },
        },
      ],
      ['by-offset', 'by-page', 'by-header'],
    );
    const run = await fleet.sync('t');
    expect(run).toMatchObject({ status: 'succeeded', error: null });
    for (const name of ['by-offset', 'by-page', 'by-header'])
      expect(await ids(name), name).toEqual(rows.map(({ id }) => id));
    expect(tiny.asked).toHaveLength(9);
  });

  it('is deleted from by its tombstones although it is read in full, at once', async () => {
    let gone: readonly string[] = [];
    tiny.answer = () => ({ body: ['a', 'b', 'c'].map((id) => ({ id, state: { gone: gone.includes(id) } })) });
    const list = {
      name: 'list',
      path: '/list',
      id: 'id',
      tombstones: [{ field: 'state.gone', values: [true] }],
    };
    await connect([list], ['list']);
    await fleet.sync('t');
    expect(await ids('list')).toEqual(['a', 'b', 'c']);

    gone = ['b'];
    const connection = await fleet.runtime.loadConnection('t', { requireUsable: true });
    const [look] = await dryRun(fleet.runtime, connection, { streams: ['list'], full: false });
    expect(look).toMatchObject({ records: 3, unchanged: 2, deleted: 1, more: false, error: null });
    const run = await fleet.sync('t');
    expect(run.streams).toMatchObject([{ status: 'succeeded', deleted: 1, unchanged: 2 }]);
    expect(await ids('list')).toEqual(['a', 'c']);

    gone = ['a', 'b', 'c'];
    expect((await fleet.sync('t')).streams).toMatchObject([{ status: 'succeeded', deleted: 2 }]);
    expect(await ids('list')).toEqual([]);
  });

  it('begins from the start where its feed is another one, and goes on where only its name for people changed', async () => {
    const [old, other] = [new SequenceFeed(), new SequenceFeed()];
    for (const id of ['a', 'b', 'c', 'd', 'e']) old.put(id);
    for (const id of ['x', 'y']) other.put(id, { key: `k${id}` });
    tiny.answer = answerFrom((name) => (name === 'feed' ? old : name === 'other' ? other : undefined));
    await connect([feed], ['feed']);
    await fleet.sync('t');
    expect((await fleet.sync('t')).streams).toMatchObject([{ mode: 'incremental' }]);

    await connect([{ ...feed, docs: 'https://example.com/feed' }], ['feed']);
    expect((await fleet.sync('t')).streams).toMatchObject([{ mode: 'incremental' }]);

    // its numbers are far below those that were read of the old one
    const paging = { ...feed.paging, currentMaximumPath: '/other/maximum' };
    await connect([{ ...feed, path: '/other/sync/{sequence}', paging }], ['feed']);
    const connection = await fleet.runtime.loadConnection('t', { requireUsable: true });
    const [look] = await dryRun(fleet.runtime, connection, { streams: ['feed'], full: false });
    expect(look).toMatchObject({ records: 2, added: 2 });
    expect((await fleet.sync('t')).streams).toMatchObject([{ mode: 'full', added: 2 }]);
    expect(await ids('feed')).toEqual(['a', 'b', 'c', 'd', 'e', 'x', 'y']);

    await connect([{ ...feed, path: '/other/sync/{sequence}', id: 'key', paging }], ['feed']);
    expect((await fleet.sync('t')).streams).toMatchObject([{ mode: 'full', added: 2 }]);
    expect(await ids('feed')).toContain('kx');
  });

  it('that is read in full replaces its records where its list or its id is another one', async () => {
    tiny.answer = (url) =>
      url.pathname === '/api/list'
        ? { body: ['a', 'b'].map((id) => ({ id, key: `k${id}` })) }
        : { body: ['c', 'd', 'e'].map((id) => ({ id, key: `k${id}` })) };
    await connect([{ name: 'list', path: '/list', id: 'id' }], ['list']);
    await fleet.sync('t');
    await connect([{ name: 'list', path: '/list', id: 'key' }], ['list']);
    expect((await fleet.sync('t')).streams).toMatchObject([{ status: 'succeeded', added: 2, deleted: 2 }]);
    expect(await ids('list')).toEqual(['ka', 'kb']);
    await connect([{ name: 'list', path: '/more', id: 'key' }], ['list']);
    expect((await fleet.sync('t')).streams).toMatchObject([{ status: 'succeeded', added: 3, deleted: 2 }]);
    expect(await ids('list')).toEqual(['kc', 'kd', 'ke']);
  });

  it('is mirrored besides all that is shipped where no stream is named', async () => {
    tiny.answer = (url) => pageOf(url, ['a', 'b', 'c'], 2);
    await connect([
      { name: 'mine', path: '/mine', items: 'items', id: 'id', paging: { style: 'next-link', at: 'next' } },
    ]);
    expect((await fleet.sync('t')).streams.map(({ name, added }) => [name, added])).toEqual([
      ['mine', 3],
      ['shipped', 3],
    ]);
  });
});
