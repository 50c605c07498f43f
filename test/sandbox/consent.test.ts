/** What the demo and the tests rely on: walking a consent in plain fetch, and one seed giving one world on every port. */

import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';

import { walkConsent } from '../../sandbox/consent.ts';
import { PROVIDER_IDS, startSandbox } from '../../sandbox/index.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: (path: string) => { status: number; location?: string; body?: string }) {
  const server = createServer((request, response) => {
    const { status, location, body } = answer(request.url ?? '/');
    response.writeHead(status, {
      'set-cookie': ['a=1; Path=/', 'b=2; Path=/elsewhere'],
      ...(location === undefined ? {} : { location }),
    });
    response.end(`${body ?? ''}${request.headers.cookie ?? ''}`);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('walking a consent', () => {
  test('may begin at a link that leads to the provider, and never opens the callback', async () => {
    const sandbox = await startSandbox({ providers: ['lockit'], records: 1 });
    const { lockit } = sandbox.providers;
    const opened: string[] = [];
    const origin = await serve((path) => {
      opened.push(path);
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: lockit.credentials.clientId,
        redirect_uri: `${origin}/oauth/callback`,
        state: 's',
      });
      return { status: 302, location: `${lockit.urls.authorization}?${query.toString()}` };
    });
    lockit.allowRedirect(`${origin}/oauth/callback`);
    const end = new URL(await walkConsent(`${origin}/connect/x`));
    await sandbox.close();
    expect([end.origin, end.pathname, end.searchParams.get('state')]).toEqual([
      origin,
      '/oauth/callback',
      's',
    ]);
    expect(opened).toEqual(['/connect/x']);
  });

  test('fails with what the page says where it is no form', async () => {
    const origin = await serve(() => ({ status: 500, body: '<h1>Broken</h1>' }));
    await expect(walkConsent(origin)).rejects.toThrow(/answered 500: Broken/);
  });

  test('keeps cookies by their path, and ends a loop', async () => {
    const seen: string[] = [];
    const origin = await serve((path) => {
      seen.push(path);
      return seen.length < 3
        ? { status: 302, location: `/${seen.length}` }
        : { status: 200, body: 'cookies: ' };
    });
    await expect(walkConsent(origin)).rejects.toThrow(/cookies: a=1$/);
    const loop = await serve(() => ({ status: 302, location: '/again' }));
    await expect(walkConsent(loop)).rejects.toThrow('did not end');
  });
});

test('one seed gives one world, whatever the port; another seed another', async () => {
  const providers = PROVIDER_IDS.filter((id) => ['loke', 'lockit', 'coloop'].includes(id));
  const worlds: string[] = [];
  for (const seed of [5, 5, 6]) {
    const sandbox = await startSandbox({ providers, records: 30, seed });
    const all = Object.values(sandbox.providers).map(({ source, credentials }) => {
      for (const resource of source.resources) source.edit({ resource, creates: 1, updates: 1 });
      return [credentials, source.resources.map((resource) => source.list(resource))];
    });
    worlds.push(JSON.stringify(all));
    await sandbox.close();
  }
  expect(worlds[0]).toBe(worlds[1]);
  expect(worlds[0]).not.toBe(worlds[2]);
});

test.each(['loke', 'lockit', 'coloop'] as const)(
  'the edits of %s touch what they name and nothing else',
  async (id) => {
    const sandbox = await startSandbox({ providers: [id], records: 40 });
    const { source } = sandbox.providers[id] as {
      source: import('../../sandbox/contract.ts').Source;
    };
    const [resource = ''] = source.resources;
    const before = new Map(source.list(resource).map((row) => [row.id, JSON.stringify(row)]));
    const { created, updated, deleted } = source.edit({ creates: 3, updates: 5, deletes: 4 });
    const after = new Map(source.list(resource).map((row) => [row.id, JSON.stringify(row)]));
    expect([created.length, updated.length, deleted.length]).toEqual([3, 5, 4]);
    expect(created.every((one) => !before.has(one) && after.has(one))).toBe(true);
    expect(deleted.every((one) => before.has(one) && !after.has(one))).toBe(true);
    for (const [one, row] of before) {
      if (deleted.includes(one)) continue;
      expect(after.get(one) === row).toBe(!updated.includes(one));
    }
    const [gone = ''] = deleted;
    expect(() => source.update(resource, gone, {})).toThrow(gone);
    expect(source.insert(resource, { id: gone }).id).toBe(gone);
    source.resize(resource, 7);
    expect([source.count(resource), source.list(resource).length]).toEqual([7, 7]);
    expect(() => source.edit({ deletes: 8 })).toThrow('too few');
    expect(() => source.list('salaries')).toThrow("no resource 'salaries'");
    await sandbox.close();
  },
);
