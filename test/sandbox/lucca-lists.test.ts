/** Lists of the simulated Lucca: paging, what comes only when asked for, filters, and refused queries. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { get, tokenOf, walk } from './lucca-client.ts';

let sandbox: Sandbox<'lucca'>;
let lucca: LuccaSandbox;
let token: string;
beforeAll(async () => {
  sandbox = await startSandbox({
    providers: ['lucca'],
    records: 130,
    lucca: { limits: { requests: 100_000 } },
  });
  lucca = sandbox.providers.lucca;
  token = await tokenOf(lucca);
});
afterAll(() => sandbox.close());

describe('a list', () => {
  test('has 25 records, and neither links nor a total unless they are asked for', async () => {
    const { body } = await get(lucca, token, '/employees');
    expect(Object.keys(body)).toEqual(['type', 'url', 'items']);
    expect(body.type).toBe('employees');
    expect(body.items).toHaveLength(25);
    expect(body.items[0]).not.toHaveProperty('links');
  });

  test('brings exactly what is asked for', async () => {
    const total = await get(lucca, token, '/employees?include=totalCount');
    expect(total.body.totalCount).toBe(130);
    expect(total.body).not.toHaveProperty('links');
    const links = await get(lucca, token, '/employees?include=links');
    expect(links.body.links).toEqual({ prev: null, next: { href: expect.any(String) } });
    expect(links.body).not.toHaveProperty('totalCount');
    expect(links.body.items[0].links.employments.href).toContain('/employments?employee.id=');
  });

  test('takes include as one list and as a repeated parameter', async () => {
    for (const query of ['include=links,totalCount', 'include=links&include=totalCount']) {
      const { body } = await get(lucca, token, `/employees?${query}`);
      expect(body).toMatchObject({ totalCount: 130, links: { prev: null } });
    }
  });

  test('embeds the records behind its references', async () => {
    const { body } = await get(lucca, token, '/employees?limit=3&include=embedded');
    for (const row of body.items) {
      expect(body.embedded.employment[row.applicableEmployment.id].employee.id).toBe(row.id);
      expect(body.embedded['job-position'][row.applicableJobPosition.id].employee.id).toBe(row.id);
    }
    const requests = await get(lucca, token, '/leave-requests?limit=1&include=embedded');
    const [request] = requests.body.items;
    expect(Object.keys(requests.body.embedded.employee[request.employee.id])).toEqual([
      'id',
      'type',
      'url',
      'givenName',
      'familyName',
    ]);
    expect((await get(lucca, token, '/departments?include=embedded')).body.embedded).toEqual({});
  });

  test('of no records at all is empty, with a total of 0', async () => {
    const { body } = await get(lucca, token, '/employees?limit=0&include=totalCount,links');
    expect(body).toMatchObject({ items: [], totalCount: 130, links: { prev: null, next: null } });
  });
});

describe('a single record', () => {
  test('is the one of the list, with links only when asked for', async () => {
    const [row] = (await get(lucca, token, '/leaves?limit=1&include=links')).body.items;
    expect((await get(lucca, token, `/leaves/${row.id}?include=links`)).body).toEqual(row);
    const { links: _links, ...rest } = row;
    expect((await get(lucca, token, `/leaves/${row.id}`)).body).toEqual(rest);
  });

  test('knows no parameter but include', async () => {
    const [row] = lucca.source.list('leaves');
    expect((await get(lucca, token, `/leaves/${row?.id}?limit=5`)).status).toBe(400);
  });
});

describe('paging', () => {
  test('gives each record of each resource exactly once, in id order', async () => {
    for (const resource of lucca.source.resources) {
      const pages = await walk(lucca, token, `/${resource}?limit=17&include=links,totalCount`);
      const items = pages.flatMap(({ body }) => body.items);
      expect(items).toEqual(lucca.source.list(resource));
      const ids = items.map(({ id }) => Number(id));
      expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
      for (const { body } of pages.slice(0, -1)) expect(body.items).toHaveLength(17);
      for (const { body } of pages) expect(body.totalCount).toBe(items.length);
    }
  });

  test('goes on where it was while records come and go', async () => {
    const first = await get(lucca, token, '/departments?limit=4&include=links');
    const rest = lucca.source.list('departments').slice(4);
    lucca.source.remove('departments', first.body.items[3].id);
    lucca.source.remove('departments', rest[0]?.id ?? '');
    const added = lucca.source.insert('departments');
    const pages = await walk(lucca, token, first.body.links.next.href);
    const ids = pages.flatMap(({ body }) => body.items.map(({ id }: { id: string }) => id));
    expect(ids).toEqual([...rest.slice(1).map(({ id }) => id), added.id]);
  });

  test('goes back to the same pages', async () => {
    const pages = await walk(lucca, token, '/employees?limit=50&include=links');
    const back = await get(lucca, token, pages[2]?.body.links.prev.href);
    expect(back.body.items).toEqual(pages[1]?.body.items);
    const start = await get(lucca, token, back.body.links.prev.href);
    expect(start.body.items).toEqual(pages[0]?.body.items);
    expect(start.body.links.prev).toBeNull();
  });

  test('links are absolute, on the address that was called, and keep the rest of the query', async () => {
    const { body } = await get(lucca, token, '/employees?include=links,totalCount&limit=10&status=active');
    const next = new URL(body.links.next.href);
    expect(next.origin).toBe(new URL(lucca.urls.api).origin);
    expect(Object.fromEntries(next.searchParams)).toEqual({
      include: 'links,totalCount',
      limit: '10',
      status: 'active',
      page: expect.stringMatching(/^![\w-]+$/),
    });
  });

  test('takes page numbers from 1, as documented and discouraged', async () => {
    const all = lucca.source.list('employees').map(({ id }) => id);
    const { body } = await get(lucca, token, '/employees?limit=20&page=3&include=links');
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual(all.slice(40, 60));
    const after = await get(lucca, token, body.links.next.href);
    expect(after.body.items[0].id).toBe(all[60]);
    expect((await get(lucca, token, '/employees?page=1000')).body.items).toEqual([]);
  });

  test('of the default size takes fewer than 40 requests for all resources', async () => {
    const own = await startSandbox({ providers: ['lucca'] });
    try {
      const { source } = own.providers.lucca;
      const pages = source.resources.map((resource) => Math.ceil(source.count(resource) / 100));
      expect(pages.reduce((sum, count) => sum + count)).toBeLessThan(40);
      expect(Math.max(...pages)).toBeGreaterThan(3);
    } finally {
      await own.close();
    }
  });
});

describe('a query is refused', () => {
  test.each([
    ['limit', 'limit=101'],
    ['limit', 'limit=-1'],
    ['limit', 'limit=ten'],
    ['limit', 'limit=2.5'],
    ['limit', 'limit='],
    ['limit', 'limit=5&limit=6'],
    ['page', 'page=!S7DHF'],
    ['page', 'page=0'],
    ['page', 'page=next'],
    ['page', 'page='],
    ['include', 'include=everything'],
    ['include', 'include=links,totalcount'],
    ['include', 'include='],
    ['sort', 'sort=lastUpdatedAt'],
    ['sort', 'sort='],
    ['modifiedSince', 'modifiedSince=2025-01-01'],
    ['lastUpdatedAt.between', 'lastUpdatedAt.between=2025-01-01--..'],
    ['offset', 'offset=100'],
    ['id', 'id='],
    ['applicableEmployment.startsOn.between', 'applicableEmployment.startsOn.between=2024'],
  ])('for its %s: %s', async (parameter, query) => {
    const answer = await get(lucca, token, `/employees?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(Object.keys(answer.body.errors)).toEqual([parameter]);
  });

  test('for a cursor of another resource, another filter or another order', async () => {
    const { body } = await get(lucca, token, '/employees?limit=10&include=links');
    const page = new URL(body.links.next.href).searchParams.get('page');
    expect((await get(lucca, token, `/employees?limit=30&page=${page}`)).status).toBe(200);
    for (const path of ['/leaves?', '/employees?status=active&', '/employees?sort=-id&']) {
      expect((await get(lucca, token, `${path}page=${page}`)).status).toBe(400);
    }
  });

  test('for a filter whose target is not simulated, by 501', async () => {
    expect((await get(lucca, token, '/employees?applicableEmployment.template.term=fixed')).status).toBe(501);
  });
});

describe('a filter', () => {
  const ids = async (path: string): Promise<string[]> => {
    const pages = await walk(lucca, token, `${path}&limit=20&include=links`);
    return pages.flatMap(({ body }) => body.items.map(({ id }: { id: string }) => id));
  };
  const expected = (resource: string, test_: (row: any) => boolean): string[] =>
    lucca.source
      .list(resource)
      .filter(test_)
      .map(({ id }) => id);

  test('takes a list of values', async () => {
    const found = await ids('/employees?status=upcoming,deactivated');
    expect(found).toEqual(expected('employees', ({ status }) => status !== 'active'));
    expect(found.length).toBeGreaterThan(5);
  });

  test('takes null for no value', async () => {
    const found = await ids('/employees?email=null');
    expect(found).toEqual(expected('employees', ({ email }) => email === null));
    expect(found.length).toBeGreaterThan(0);
  });

  test('follows references', async () => {
    const [unit] = lucca.source.list('departments');
    const found = await ids(`/employees?applicableJobPosition.department.id=${unit?.id}`);
    const positions = new Map(lucca.source.list('job-positions').map((row) => [row.id, row]));
    const unitOf = (row: any): string => (positions.get(row.applicableJobPosition.id) as any).department.id;
    expect(found).toEqual(expected('employees', (row) => unitOf(row) === unit?.id));
    expect(found.length).toBeGreaterThan(0);
  });

  test('takes ranges of dates, both ends included, each end open if wished', async () => {
    const { startsOn } = lucca.source.list('leaves')[5] as unknown as { startsOn: string };
    expect(await ids(`/leaves?startsOn.between=${startsOn}--${startsOn}`)).toEqual(
      expected('leaves', (row) => row.startsOn === startsOn),
    );
    expect(await ids(`/leaves?startsOn.between=..--${startsOn}`)).toEqual(
      expected('leaves', (row) => row.startsOn <= startsOn),
    );
  });

  test('and an order hold over all pages', async () => {
    const pages = await walk(
      lucca,
      token,
      '/employees?status=active&sort=-familyName,id&limit=20&include=links',
    );
    const rows = pages.flatMap(({ body }) => body.items);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(rows.length).toBe(expected('employees', ({ status }) => status === 'active').length);
    for (const [at, row] of rows.entries()) {
      if (at > 0) expect(row.familyName <= rows[at - 1].familyName).toBe(true);
    }
  });

  test('by name finds the beginning of a word', async () => {
    const { familyName } = lucca.source.list('employees')[3] as unknown as { familyName: string };
    const found = await ids(`/employees?search=${encodeURIComponent(familyName.slice(0, 4).toLowerCase())}`);
    expect(found).toContain(lucca.source.list('employees')[3]?.id);
  });
});
