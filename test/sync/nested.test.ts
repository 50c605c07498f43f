import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const fast = { attempts: 2, baseDelay: '50ms', maxDelay: '100ms' };

describe('streams that are listed once per parent', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let parents: string[] = [];
  let children: Map<string, string[]> = new Map();
  let count = 0;
  let id = '';

  beforeAll(async () => {
    tiny = await startTinyProvider([
      tinyStream('leaves', { parent: 'children', path: '/children/{parent}/leaves' }),
      tinyStream('children', {
        parent: 'parents',
        path: '/parents/{parent}/children',
        schema: z.looseObject({ name: z.string() }),
      }),
      tinyStream('parents'),
      tinyStream('alone'),
    ]);
    fleet = await startFleet({ providers: [tiny.definition] });
  });
  afterAll(async () => {
    await fleet.close();
    await tiny.close();
  });
  beforeEach(async () => {
    parents = ['p1', 'p2', 'p3'];
    children = new Map(parents.map((parent) => [parent, [`${parent}-a`, `${parent}-b`, `${parent}-c`]]));
    tiny.answer = (url) => {
      const [, , kind, parent, nested] = url.pathname.split('/');
      if (kind === 'parents' && nested === undefined) return pageOf(url, parents, 2);
      if (kind === 'alone') return pageOf(url, ['x'], 2);
      if (kind === 'children') return pageOf(url, [`${parent}-leaf`], 2);
      const own = children.get(parent ?? '');
      return own === undefined ? undefined : pageOf(url, own, 2);
    };
    id = `c${(count += 1)}`;
    await fleet.connect(id, { ...tiny.connection, retry: fast });
    tiny.asked.splice(0);
  });

  const size = async (stream: string): Promise<number> => (await fleet.mirror(id, stream)).size;
  const byName = (run: Awaited<ReturnType<Fleet['sync']>>) =>
    Object.fromEntries(run.streams.map((stream) => [stream.name, stream]));

  it('run after their parent, one partition after the other, page by page', async () => {
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 1 });
    expect(await size('children')).toBe(9);
    expect(await size('leaves')).toBe(9);
    const nested = tiny.asked.filter((path) => path.includes('/children') && path.startsWith('/parents'));
    expect(nested).toEqual(
      parents.flatMap((parent) => [`/parents/${parent}/children`, `/parents/${parent}/children?page=2`]),
    );
    const last = (path: string): number => tiny.asked.findLastIndex((asked) => asked.startsWith(path));
    expect(tiny.asked.findIndex((path) => path.includes('/children'))).toBeGreaterThan(last('/parents?'));
    const partitions = await fleet.runtime.db.pool.query<{ partition: string; count: number }>(
      `select partition, count(*)::int as count from sluice.records where connection_id = $1 and stream = 'children'
        group by partition order by partition`,
      [id],
    );
    expect(partitions.rows).toEqual(parents.map((partition) => ({ partition, count: 3 })));
  });

  it('bring their parents along when they are asked for alone', async () => {
    const run = await fleet.sync(id, { streams: ['leaves'] });
    expect(run.streams.map((stream) => stream.name)).toEqual(['parents', 'children', 'leaves']);
    expect(run.status).toBe('succeeded');
  });

  it('fail with their parent, down to the grandchildren, and are not asked for', async () => {
    const answer = tiny.answer;
    tiny.answer = (url) => (url.pathname === '/api/parents' ? { status: 400, body: {} } : answer(url));
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'partial', error: { code: 'provider_refused' } });
    const streams = byName(run);
    expect(streams.alone).toMatchObject({ status: 'succeeded' });
    expect(streams.parents).toMatchObject({ status: 'failed', error: { code: 'provider_refused' } });
    for (const name of ['children', 'leaves'])
      expect(streams[name]).toMatchObject({
        status: 'failed',
        error: { code: 'parent_failed' },
        pages: 0,
      });
    expect(tiny.asked.filter((path) => path.includes('/children'))).toEqual([]);
  });

  it('lose the children of a parent that is gone, once its own deletion was accepted', async () => {
    await fleet.sync(id);
    parents = ['p1', 'p3'];
    children.delete('p2');
    const streams = byName(await fleet.sync(id));
    expect(streams.parents).toMatchObject({ deleted: 1 });
    expect(streams.children).toMatchObject({ deleted: 3, status: 'succeeded' });
    expect(await size('leaves')).toBe(6);
  });

  it('fail with a clear error where a parent’s id would make the address that of another list', async () => {
    await fleet.sync(id);
    parents = [...parents, '..'];
    tiny.asked.splice(0);
    const run = await fleet.sync(id, { streams: ['children'] });
    expect(byName(run).parents).toMatchObject({ status: 'succeeded', added: 1 });
    expect(byName(run).children).toMatchObject({
      status: 'failed',
      error: { code: 'parent_unaddressable' },
      deleted: 0,
    });
    expect(tiny.asked.filter((path) => path.startsWith('/children'))).toEqual([]);
    expect(await size('children')).toBe(9);
  });

  it('keep the children of a parent whose deletion is held', async () => {
    await fleet.sync(id);
    parents = [];
    children.delete('p2');
    tiny.asked.splice(0);
    const run = await fleet.sync(id, { streams: ['children'] });
    expect(run.status).toBe('held');
    const streams = byName(run);
    expect(streams.parents).toMatchObject({ status: 'held' });
    expect(streams.children).toMatchObject({ status: 'succeeded', deleted: 0, unchanged: 6 });
    expect(tiny.asked).toContain('/parents/p2/children');
    expect(await size('children')).toBe(9);
  });

  it('go on at the partition and page where a crash left them', async () => {
    const answer = tiny.answer;
    let failing = true;
    tiny.answer = (url) =>
      failing && url.pathname.includes('/p2/') && url.searchParams.get('page') === '2'
        ? { status: 503, headers: { 'retry-after': '1' }, body: {} }
        : answer(url);
    const runId = await fleet.runtime.jobs.askForRun({
      connectionId: id,
      trigger: 'command',
      priority: 1,
      streams: ['children'],
    });
    await expect.poll(() => tiny.asked.some((path) => path === '/parents/p2/children?page=2')).toBe(true);
    failing = false;
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded' });
    expect(tiny.asked.filter((path) => path.startsWith('/parents/p1/'))).toHaveLength(2);
    expect(tiny.asked.filter((path) => path === '/parents/p2/children')).toHaveLength(1);
    expect(await size('children')).toBe(9);
  });

  it('put aside what does not fit, and keep its stored self', async () => {
    await fleet.sync(id, { streams: ['children'] });
    const answer = tiny.answer;
    tiny.answer = (url) =>
      url.pathname.includes('/p1/')
        ? {
            body: {
              items: [
                { id: 'p1-a', name: 5 },
                { id: 'p1-b', name: 'b' },
                { id: 'p1-c', name: 'c' },
              ],
            },
          }
        : answer(url);
    const streams = byName(await fleet.sync(id, { streams: ['children'] }));
    expect(streams.children).toMatchObject({ status: 'succeeded', rejected: 1, updated: 2, deleted: 0 });
    expect((await fleet.mirror(id, 'children')).get('p1-a')).toMatchObject({ name: 'name of p1-a' });
  });
});
