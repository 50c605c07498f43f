import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../sandbox/faults.ts';
import { startFleet, truth, type Fleet } from '../support/fleet.ts';

const PATH = '*/employees';
const COUNT = 40;

describe('a run whose provider answers badly', () => {
  let fleet: Fleet;
  const rejections: unknown[] = [];
  const warnings: Error[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);
  const onWarning = (warning: Error): void => void warnings.push(warning);

  beforeAll(async () => {
    process.on('unhandledRejection', onRejection);
    process.on('warning', onWarning);
    fleet = await startFleet({
      // long enough for 64 MiB on a busy machine: the cap must be met before the time is up
      requestTimeoutMs: 10_000,
      lucca: { records: { employees: COUNT, departments: 3 } },
    });
    // 10 a page: faults hit one page of several
    await fleet.connect('acme', { streams: ['employees', 'departments'], limits: { pageSize: 10 } });
    await fleet.sync('acme');
  });
  afterEach(() => fleet.lucca.faults.clear());
  afterAll(async () => {
    await fleet.close();
    process.off('unhandledRejection', onRejection);
    process.off('warning', onWarning);
    expect(rejections).toEqual([]);
    expect(warnings.filter((warning) => warning.name === 'MaxListenersExceededWarning')).toEqual([]);
  });

  const employees = async () => {
    const run = await fleet.sync('acme', { streams: ['employees'] });
    const [stream] = run.streams;
    if (stream === undefined) throw new Error('the run has no stream');
    return { run, stream };
  };
  const live = async (): Promise<number> => (await fleet.mirror('acme', 'employees')).size;
  const rejected = async (runId: string) =>
    (
      await fleet.runtime.db.pool.query<{ record_id: string | null; reason: string; raw: Buffer }>(
        'select record_id, reason, raw from sluice.rejected_records where run_id = $1',
        [runId],
      )
    ).rows;

  it.each([
    ['an HTML page with 200', { kind: 'html' }, 'response_unreadable'],
    ['truncated JSON', { kind: 'truncate' }, 'response_unreadable'],
    ['a body of 10 GB', { kind: 'flood' }, 'response_too_large'],
    ['10 GB in a few megabytes of gzip', { kind: 'flood', gzip: true }, 'response_too_large'],
    ['a redirect', { kind: 'redirect', location: 'https://example.com/' }, 'redirect_refused'],
    ['a next link to another host', { kind: 'next-link', href: 'http://127.0.0.2:9/x' }, 'next_link_refused'],
    [
      'a next link that is no URL',
      { kind: 'patch', set: { links: { next: { href: 5 } } } },
      'response_unexpected',
    ],
    ['no items', { kind: 'patch', remove: ['items'] }, 'response_unexpected'],
  ] as const satisfies readonly (readonly [string, Fault, string])[])(
    'fails at once on %s, keeps what it has, and is well with the next run',
    async (_name, fault, code) => {
      const before = process.memoryUsage().rss;
      fleet.lucca.faults.add({ ...fault, path: PATH, skip: 1 });
      const { run, stream } = await employees();
      expect(run).toMatchObject({ status: 'failed', error: { code } });
      expect(stream).toMatchObject({ status: 'failed', error: { code, kind: 'data' }, deleted: 0 });
      expect(stream.error?.advice).not.toBe('');
      expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 ** 2);
      expect(await live()).toBe(COUNT);
      expect((await employees()).run.status).toBe('succeeded');
    },
  );

  it('ends a list that goes round in circles', async () => {
    const first = `${fleet.lucca.urls.api}/employees?include=links%2CtotalCount&limit=10`;
    fleet.lucca.faults.add({ kind: 'next-link', href: first, path: PATH, skip: 2 });
    const { stream } = await employees();
    expect(stream).toMatchObject({ status: 'failed', error: { code: 'paging_loop' }, pages: 3 });
    expect(await live()).toBe(COUNT);
  });

  it.each([
    ['a reset in the body', { kind: 'reset', when: 'in-body' }, 1],
    ['a hanging answer', { kind: 'hang' }, 0],
    ['a 503', { kind: 'status', status: 503, times: 4 }, 2],
  ] as const)('gets over %s by itself', async (_name, fault, retries) => {
    fleet.lucca.faults.add({ ...fault, path: PATH, skip: 1 });
    const { run, stream } = await employees();
    expect(run.status).toBe('succeeded');
    expect(stream).toMatchObject({ unchanged: COUNT, pages: 4, error: null });
    expect(run.retries).toBeGreaterThanOrEqual(retries);
  });

  it('puts aside a record that cannot be stored, and goes on', async () => {
    fleet.lucca.faults.add({ kind: 'nul', field: 'phoneNumber', index: 3, path: PATH, skip: 1 });
    const { run, stream } = await employees();
    expect(run.status).toBe('succeeded');
    expect(stream).toMatchObject({ rejected: 1, unchanged: COUNT - 1, deleted: 0 });
    const [row] = await rejected(run.id);
    expect(row?.reason).toContain('U+0000');
    expect(JSON.parse(row?.raw.toString() ?? '')).toMatchObject({ id: row?.record_id });
    expect(await live()).toBe(COUNT);
  });

  it('deletes nothing while a record cannot be told from the vanished ones', async () => {
    const [gone] = [...truth(fleet.lucca, 'employees').keys()];
    fleet.lucca.source.remove('employees', gone ?? '');
    fleet.lucca.faults.add({ kind: 'bad-record', field: 'id', path: PATH, skip: 1 });
    const { run, stream } = await employees();
    expect(stream).toMatchObject({ status: 'succeeded', rejected: 1, deleted: 0 });
    expect(await rejected(run.id)).toMatchObject([{ record_id: null }]);
    expect(await live()).toBe(COUNT);
    expect((await employees()).stream).toMatchObject({ deleted: 1 });
    fleet.lucca.source.insert('employees', { id: gone });
    expect((await employees()).stream).toMatchObject({ added: 1 });
  });

  it('counts a record once that comes at the end of a page and at the start of the next', async () => {
    fleet.lucca.faults.add({ kind: 'duplicate', path: PATH, times: Infinity });
    fleet.lucca.source.edit({ updates: COUNT });
    const { stream } = await employees();
    expect(stream).toMatchObject({ status: 'succeeded', updated: COUNT, unchanged: 3, added: 0, deleted: 0 });
    expect(await fleet.mirror('acme', 'employees')).toEqual(truth(fleet.lucca, 'employees'));
  });

  it('holds the deletes of an empty answer, says how to allow them, and obeys', async () => {
    const empty = { kind: 'patch', set: { items: [], links: null }, path: PATH } as const;
    fleet.lucca.faults.add(empty);
    const { run, stream } = await employees();
    expect(run).toMatchObject({ status: 'held', error: { code: 'deletes_held' } });
    expect(stream).toMatchObject({ status: 'held', deleted: 0 });
    expect(run.error?.advice).toContain('sluice sync acme --stream employees --allow-deletes');
    expect(run.error?.message).toContain(`${COUNT} of ${COUNT}`);
    expect(await live()).toBe(COUNT);
    fleet.lucca.faults.add(empty);
    const allowed = await fleet.sync('acme', { streams: ['employees'], allowDeletes: true });
    expect(allowed.streams[0]).toMatchObject({ status: 'succeeded', deleted: COUNT });
    expect(await live()).toBe(0);
    expect((await employees()).stream).toMatchObject({ status: 'succeeded', added: COUNT });
    expect(await fleet.mirror('acme', 'employees')).toEqual(truth(fleet.lucca, 'employees'));
  });
});
