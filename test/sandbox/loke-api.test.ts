/** The simulated LOKE's API: lists by header, sorts, who sees which organization, webhooks; one test for each refusal. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { walkConsent } from '../../sandbox/consent.ts';
import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LokeSandbox } from '../../sandbox/loke/server.ts';
import type { Edit } from '../../sandbox/source.ts';
import { send } from './lucca-client.ts';
import type { Called } from './lucca-client.ts';
import { clientOf, connect, post, read } from './oauth-client.ts';

let sandbox: Sandbox<'loke'>;
let loke: LokeSandbox;
let token: string;
let first: string;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['loke'], records: 60, controlPort: 0 });
  loke = sandbox.providers.loke;
  token = await clientToken();
  first = loke.source.list('organizations')[0]?.id ?? '';
});
afterAll(() => sandbox.close());

const client = () => clientOf(loke, 'basic', { scope: 'openid', prompt: 'consent' });
const clientToken = async (): Promise<string> =>
  (await post(client(), { grant_type: 'client_credentials' })).body.access_token as string;
const userToken = async (place: number): Promise<string> =>
  (await connect(client(), {}, { account: loke.accounts[place]?.id ?? '' })).access_token as string;
const get = (path: string, as = token): Promise<Called> => read(`${loke.urls.api}${path}`, as);
const ids = (answer: Called): string[] => answer.body.map((row: { id: string }) => row.id);

/** All pages of a list, by the header. */
async function walk(path: string, as = token): Promise<Called[]> {
  const pages: Called[] = [];
  for (let next: string | null = path; next !== null; next = pages.at(-1)?.headers.get('x-next-page') ?? null)
    pages.push(await read(new URL(next, loke.urls.api).href, as));
  return pages;
}

async function withPages<T>(pageSize: number, work: () => Promise<T>): Promise<T> {
  loke.behaviour.pageSize = pageSize;
  try {
    return await work();
  } finally {
    loke.behaviour.pageSize = 1000;
    loke.behaviour.nextPage = 'absolute';
  }
}

describe('a list', () => {
  test('is a bare array of at most 1000, without the header when that is all', async () => {
    const answer = await get(`/organizations/${first}/customers`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-next-page')).toBeNull();
    expect(answer.body).toHaveLength(20);
    expect(loke.behaviour.pageSize).toBe(1000);
  });

  test.each(['absolute', 'relative'] as const)(
    'goes on by the header, %s, with its other parameters, to the end',
    (style) =>
      withPages(7, async () => {
        loke.behaviour.nextPage = style;
        const path = `/organizations/${first}/customers?sort=updated`;
        const pages = await walk(path);
        expect(pages.map(({ body }) => body.length)).toEqual([7, 7, 6]);
        const header = pages[0]?.headers.get('x-next-page') ?? '';
        expect(header.startsWith(style === 'absolute' ? `${loke.urls.api}/` : '/organizations/')).toBe(true);
        expect(header).toContain('sort=updated');
        const seen = pages.flatMap(ids);
        expect(new Set(seen).size).toBe(20);
      }),
  );

  test.each(['organizations', 'locations', 'customers', 'payments'])(
    'of %s has exactly what the source has',
    async (name) => {
      const seen: Called[] = [];
      if (name === 'organizations') seen.push(await get('/organizations'));
      else
        for (const { id } of loke.source.list('organizations'))
          seen.push(await get(`/organizations/${id}/${name}`));
      const all = seen.flatMap(({ body }) => body);
      const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
      expect(all.toSorted(byId)).toEqual(loke.source.list(name).toSorted(byId));
      expect(all).toHaveLength(loke.source.count(name));
    },
  );

  test('sorted by updated has the latest edit first; by created, which is the default, the latest creation', async () => {
    const path = `/organizations/${first}/customers`;
    const [oldest] = (await get(path)).body.slice(-1);
    loke.source.update('customers', oldest.id, { phoneNumber: '+61400000000' });
    const updated = (await get(`${path}?sort=updated`)).body;
    expect(updated[0]).toMatchObject({ id: oldest.id, phoneNumber: '+61400000000' });
    const times = updated.map((row: { updatedAt: string }) => row.updatedAt);
    expect(times).toEqual(times.toSorted().toReversed());
    const [, second] = updated;
    loke.source.update('customers', second.id, { phoneNumber: '+61400000001' });
    loke.source.update('customers', oldest.id, { phoneNumber: '+61400000002' });
    expect(ids(await get(`${path}?sort=updated`)).slice(0, 2)).toEqual([oldest.id, second.id]);
    const created = (await get(path)).body;
    expect(created.at(-1).id).toBe(oldest.id);
    expect(created).toEqual((await get(`${path}?sort=created`)).body);
    const made = loke.source.insert('customers', { parent: first });
    expect(ids(await get(path))[0]).toBe(made.id);
  });

  test('shows an edited record only at the front, and its walk goes on after one', () =>
    withPages(5, async () => {
      const path = `/organizations/${first}/payments?sort=updated`;
      const [page] = await walk(path);
      const last = (await walk(path)).at(-1)?.body.at(-1).id;
      loke.source.update('payments', last, { state: 'REFUNDED' });
      const rest = await walk(page?.headers.get('x-next-page') ?? '');
      expect(rest.flatMap(ids)).not.toContain(last);
      expect(ids(await get(path))[0]).toBe(last);
    }));

  test('can be filtered as documented', async () => {
    const customers = `/organizations/${first}/customers`;
    const [one] = (await get(customers)).body;
    const filter = (name: string, value: string) => get(`${customers}?${name}=${encodeURIComponent(value)}`);
    expect(ids(await filter('email', one.email))).toEqual([one.id]);
    expect(ids(await filter('phoneNumber', one.phoneNumber))).toContain(one.id);
    const [place] = (await get(`/organizations/${first}/locations`)).body;
    const paid = await get(`/organizations/${first}/payments?locationId=${place.id}`);
    expect(new Set(paid.body.map((row: { locationId: string }) => row.locationId))).toEqual(
      new Set([place.id]),
    );
    const named = await get(`/organizations/${first}/locations?query=${encodeURIComponent(place.name)}`);
    expect(ids(named)).toContain(place.id);
  });

  test.each([
    ['an undocumented parameter', '?limit=5'],
    ['a sort that does not exist', '?sort=name'],
    ['a cursor made by hand', '?after=MC4xLngu'],
    ['a parameter given twice', '?sort=created&sort=updated'],
  ])('is refused with %s', async (_name, query) => {
    const answer = await get(`/organizations/${first}/customers${query}`);
    expect(answer.status).toBe(400);
    expect(Object.keys(answer.body)).toEqual(['message', 'type', 'instance', 'documentation']);
  });

  test('refuses a cursor of another order', () =>
    withPages(5, async () => {
      const page = await get(`/organizations/${first}/customers?sort=updated`);
      const next = new URL(page.headers.get('x-next-page') ?? '');
      next.searchParams.set('sort', 'created');
      expect((await read(next.href, token)).status).toBe(400);
    }));
});

describe('a request', () => {
  test.each([['Bearer made-up'], ['Basic abc'], ['']])('with the credentials %j is 401', async (value) => {
    const answer = await send(`${loke.urls.api}/organizations`, { headers: { authorization: value } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('with a revoked or expired token is 401', async () => {
    loke.tokens.lifetimeSeconds = 1;
    const short = await clientToken();
    loke.tokens.lifetimeSeconds = 3600;
    expect((await get('/organizations', short)).status).toBe(200);
    await expect.poll(async () => (await get('/organizations', short)).status).toBe(401);
    const other = await userToken(0);
    expect(loke.revokeTokens()).toBeGreaterThan(0);
    expect((await get('/organizations', other)).status).toBe(401);
    token = await clientToken();
  });

  test.each([
    '/',
    '/organizations/',
    '/customers',
    '/organizations/x/menus',
    '/organizations/x/customers/y/z',
  ])('for %s is 404', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test('for a single record finds it, and is 404 for an unknown one', async () => {
    const [one] = (await get(`/organizations/${first}/customers`)).body;
    expect((await get(`/organizations/${first}/customers/${one.id}`)).body).toEqual(one);
    expect((await get(`/organizations/${first}`)).body.id).toBe(first);
    expect((await get(`/organizations/${first}/customers/nobody`)).status).toBe(404);
    expect((await get('/organizations/nobody')).status).toBe(404);
  });

  test('that would write is 405', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await send(`${loke.urls.api}/organizations`, { method: 'POST', headers });
    expect(answer.status).toBe(405);
  });
});

describe('an organization', () => {
  test('without the add-on is seen by nobody, and refused', async () => {
    const [hidden = ''] = loke.uninstalled();
    expect(ids(await get('/organizations'))).not.toContain(hidden);
    expect((await get(`/organizations/${hidden}/customers`)).status).toBe(403);
    loke.behaviour.hiddenStatus = 404;
    try {
      expect((await get(`/organizations/${hidden}/customers`)).status).toBe(404);
    } finally {
      loke.behaviour.hiddenStatus = 403;
    }
  });

  test('is seen by a user who has access to it, the others are not', async () => {
    for (const [place, account] of loke.accounts.entries()) {
      const seen = ids(await get('/organizations', await userToken(place)));
      const expected = ids(await get('/organizations')).filter((id) => account.organizations.has(id));
      expect(seen).toEqual(expected);
    }
    const theirs = await userToken(1);
    expect((await get(`/organizations/${first}/customers`, theirs)).status).toBe(403);
  });

  test('appears when a user installs the add-on by the install link, and goes when it is uninstalled', async () => {
    const account = loke.accounts[0];
    const id = loke.uninstalled().find((one) => account?.organizations.has(one)) ?? '';
    const page = await send(loke.installLink, {});
    expect([page.status, page.text.includes(id)]).toEqual([200, true]);
    const install = (organization: string, by = account?.id ?? '') =>
      send(loke.installLink, {
        method: 'POST',
        body: new URLSearchParams({ account: by, organization, decision: 'install' }),
      });
    expect((await install(id, loke.accounts[1]?.id)).status).toBe(403);
    expect((await install(id)).status).toBe(200);
    expect(ids(await get('/organizations'))).toContain(id);
    expect((await get(`/organizations/${id}/customers`)).body).toHaveLength(20);
    loke.uninstall(id);
    expect(ids(await get('/organizations'))).not.toContain(id);
    expect((await get(`/organizations/${id}/customers`)).status).toBe(403);
    const unknown = loke.installLink.replace(/client=.*/, 'client=nobody');
    expect((await send(unknown, {})).status).toBe(404);
  });
});

describe('webhooks', () => {
  const hook = { url: 'https://sluice.example/webhooks/x', secret: 's3cret', events: ['customer.updated'] };
  const call = (method: string, path: string, body?: unknown): Promise<Called> =>
    send(`${loke.urls.api}/organizations/${first}/webhooks${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test('are registered under a reference, again without harm, listed without the secret, and removed', async () => {
    expect((await call('PUT', '/sluice', hook)).status).toBe(200);
    expect((await call('PUT', '/sluice', { ...hook, events: ['payment.completed'] })).status).toBe(200);
    const listed = await call('GET', '');
    expect(listed.body).toEqual([{ ref: 'sluice', url: hook.url, events: ['payment.completed'] }]);
    expect(loke.webhooks()).toMatchObject([{ organizationId: first, ref: 'sluice', secret: 's3cret' }]);
    expect((await call('DELETE', '/sluice')).status).toBe(204);
    expect((await call('DELETE', '/sluice')).status).toBe(404);
    expect(loke.webhooks()).toEqual([]);
  });

  test('go with the add-on', async () => {
    await call('PUT', '/sluice', hook);
    loke.uninstall(first);
    expect(loke.webhooks()).toEqual([]);
    loke.install(first);
  });

  test.each([
    ['no URL', { ...hook, url: 'sluice' }],
    ['no secret', { url: hook.url, events: hook.events }],
    ['no events', { ...hook, events: [] }],
    ['an unknown event', { ...hook, events: ['customer.deleted'] }],
    ['no object', 'x'],
  ])('with %s are refused', async (_name, body) => {
    expect((await call('PUT', '/sluice', body)).status).toBe(400);
  });

  test('can be told of every edit', () => {
    const edits: Edit[] = [];
    const stop = loke.source.onEdit((edit) => edits.push(edit));
    const { created, updated, deleted } = loke.source.edit({ creates: 1, updates: 1, deletes: 1 });
    stop();
    loke.source.edit({ updates: 1 });
    expect(edits.map(({ operation, id }) => [operation, id])).toEqual([
      ['updated', updated[0]],
      ['deleted', deleted[0]],
      ['created', created[0]],
    ]);
    const owners = loke.source.list('organizations').map(({ id }) => id);
    expect(owners).toContain(edits[0]?.owner);
    expect(edits[0]?.previous?.['phoneNumber']).not.toBe(edits[0]?.record['phoneNumber']);
  });
});

test('a fault can send the header elsewhere, and the control server knows the commands', async () => {
  loke.faults.add({ kind: 'next-link', href: 'https://evil.example/x' });
  const answer = await get('/organizations');
  expect(answer.headers.get('x-next-page')).toBe('https://evil.example/x');
  const command = (name: string, body: unknown) =>
    send(`${sandbox.control}/_sandbox/loke/${name}`, { method: 'POST', body: JSON.stringify(body) });
  expect((await command('uninstall', { organization: first })).status).toBe(200);
  expect((await command('uninstalled', {})).body.items).toContain(first);
  expect((await command('install', { organization: first })).status).toBe(200);
  expect((await command('grants', {})).body.clientTokens).toBe(loke.grants.clientTokens);
});

test('a walk of the consent fails clearly for an account that does not exist', async () => {
  const url = `${loke.urls.authorization}?response_type=code&client_id=${loke.credentials.clientId}&redirect_uri=${encodeURIComponent('http://127.0.0.1:3000/oauth/callback')}`;
  await expect(walkConsent(url, { account: 'nobody' })).rejects.toThrow("nobody can sign in as 'nobody'");
});
