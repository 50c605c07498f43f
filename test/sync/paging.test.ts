import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ResolvedConnection } from '../../src/providers/connection.ts';
import type { Paging, StreamDefinition } from '../../src/providers/contract.ts';
import { firstPage, nextPage } from '../../src/sync/paging.ts';

const connection = (pageSize?: number): ResolvedConnection =>
  ({
    endpoints: { api: 'https://api.example.com/v1' },
    limits: { concurrency: 4, ...(pageSize === undefined ? {} : { pageSize }) },
  }) as ResolvedConnection;

const stream = (paging: Paging, more: Partial<StreamDefinition> = {}): StreamDefinition => ({
  name: 'things',
  title: 'Things',
  path: '/things',
  scopes: [],
  items: 'items',
  id: 'id',
  paging,
  changes: { detect: 'full' },
  schema: z.looseObject({}),
  evidence: 'unverified',
  ...more,
});

const next = (
  paging: Paging,
  answer: { url?: string; body?: unknown; headers?: Record<string, string>; itemCount?: number },
  size?: number,
): string | undefined =>
  nextPage(connection(size), stream(paging), {
    url: answer.url ?? 'https://api.example.com/v1/things?x=1',
    headers: new Headers(answer.headers),
    body: answer.body ?? {},
    itemCount: answer.itemCount ?? 0,
  });

describe('the first page', () => {
  it('lies below the API base, with the stream’s query and page size', () => {
    const paging: Paging = { style: 'next-link', at: 'next', sizeParam: 'limit', pageSize: 50 };
    const definition = stream(paging, { query: { include: 'a,b' } });
    expect(firstPage(connection(), definition)).toBe(
      'https://api.example.com/v1/things?include=a%2Cb&limit=50',
    );
    expect(firstPage(connection(7), definition)).toContain('limit=7');
  });

  it('names the parent, encoded so that it stays one part of the path', () => {
    const definition = stream({ style: 'none' }, { path: '/parents/{parent}/things', parent: 'parents' });
    expect(firstPage(connection(), definition, 'a/../b?c#d é')).toBe(
      'https://api.example.com/v1/parents/a%2F..%2Fb%3Fc%23d%20%C3%A9/things',
    );
  });

  it.each(['.', '..'])(
    'is refused for a parent whose id is %s: it would be the address of another list',
    (id) => {
      const paging: Paging = { style: 'none' };
      const nested = (path: string): StreamDefinition => stream(paging, { path, parent: 'parents' });
      const refused = expect.objectContaining({ code: 'parent_unaddressable' }) as Error;
      expect(() => firstPage(connection(), nested('/parents/{parent}/things'), id)).toThrow(refused);
      expect(() => firstPage(connection(), nested('/parents/{parent}?x=1'), id)).toThrow(refused);
      expect(() => firstPage(connection(), nested('/a/{grandparent}/b/{parent}'), 'p', id)).toThrow(refused);
      // where it is a part of something else, it does no harm
      expect(firstPage(connection(), nested('/parents/p{parent}/things'), id)).toContain(
        `/parents/p${id}/things`,
      );
      const asked = stream(paging, { path: '/things', parent: 'parents', query: { parent: '{parent}' } });
      expect(firstPage(connection(), asked, id)).toBe(`https://api.example.com/v1/things?parent=${id}`);
    },
  );

  it.each(['...', '%2E%2E', '.a'])('keeps the parent %s one part of the path', (id) => {
    const definition = stream({ style: 'none' }, { path: '/parents/{parent}/things', parent: 'parents' });
    expect(new URL(firstPage(connection(), definition, id)).pathname).toBe(
      `/v1/parents/${encodeURIComponent(id)}/things`,
    );
  });

  it('begins where the style begins', () => {
    const offset: Paging = { style: 'offset', offsetParam: 'skip', sizeParam: 'take', pageSize: 10 };
    const page: Paging = { style: 'page', pageParam: 'p', sizeParam: 'n', pageSize: 10 };
    expect(firstPage(connection(), stream(offset))).toContain('take=10&skip=0');
    expect(firstPage(connection(), stream(page))).toContain('n=10&p=1');
    expect(firstPage(connection(), stream({ ...page, firstPage: 0 }))).toContain('p=0');
  });
});

describe('the next link', () => {
  const paging: Paging = { style: 'next-link', at: 'links.next' };
  it.each([
    ['absolute', 'https://api.example.com/v1/things?page=2', 'https://api.example.com/v1/things?page=2'],
    ['relative to the host', '/v1/things?page=2', 'https://api.example.com/v1/things?page=2'],
    ['relative to the page', '?page=2', 'https://api.example.com/v1/things?page=2'],
    ['an object with href', { href: '/v1/things?page=2' }, 'https://api.example.com/v1/things?page=2'],
    ['on another host, which is refused when it is asked', '//evil.test/x', 'https://evil.test/x'],
  ])('may be %s', (_name, link, expected) => {
    expect(next(paging, { body: { links: { next: link } } })).toBe(expected);
  });

  it.each([[null], [undefined], [''], [{ href: null }], [{}]])('is the end when it is %j', (link) => {
    expect(next(paging, { body: { links: { next: link } } })).toBeUndefined();
  });

  it.each([[5], [true], [['a']], [[]], ['http://'], [{ href: 5 }]])('fails loudly when it is %j', (link) => {
    expect(() => next(paging, { body: { links: { next: link } } })).toThrow(
      expect.objectContaining({ code: 'response_unexpected' }),
    );
  });

  it('is read from a header', () => {
    const header: Paging = { style: 'next-header', header: 'X-Next' };
    expect(next(header, { headers: { 'x-next': '/v1/things?c=2' } })).toBe(
      'https://api.example.com/v1/things?c=2',
    );
    expect(next(header, {})).toBeUndefined();
  });
});

describe('counting styles', () => {
  const offset: Paging = { style: 'offset', offsetParam: 'skip', sizeParam: 'take', pageSize: 10 };
  const page: Paging = { style: 'page', pageParam: 'p', sizeParam: 'n', pageSize: 10 };

  it.each([
    ['a full page by offset', offset, 'skip=20&take=10', 10, undefined, 'skip=30&take=10'],
    ['more than was asked for', offset, 'skip=20&take=10', 12, undefined, 'skip=32&take=10'],
    ['a short page by offset', offset, 'skip=20&take=10', 9, undefined, undefined],
    ['a full page by number', page, 'p=3&n=10', 10, undefined, 'p=4&n=10'],
    ['a short page by number', page, 'p=3&n=10', 9, undefined, undefined],
    ['an empty page', page, 'p=3&n=10', 0, undefined, undefined],
    ['a page of the size that the user chose', page, 'p=3&n=5', 5, 5, 'p=4&n=5'],
  ] as const)('goes on after %s', (_name, paging, query, itemCount, size, expected) => {
    const base = 'https://api.example.com/v1/things';
    expect(next(paging, { url: `${base}?${query}`, itemCount }, size)).toBe(
      expected === undefined ? undefined : `${base}?${expected}`,
    );
  });

  it('ends a list that comes at once', () => {
    expect(next({ style: 'none' }, { itemCount: 1_000 })).toBeUndefined();
  });
});
