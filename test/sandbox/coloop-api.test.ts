/** The simulated CoLoop's API: paths with their slashes, envelopes, the error body; one test for each refusal. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { CoLoopSandbox } from '../../sandbox/coloop/server.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import { send } from './lucca-client.ts';
import { clientOf, connect, read } from './oauth-client.ts';

let sandbox: Sandbox<'coloop'>;
let coloop: CoLoopSandbox;
let token: string;
let organization: string;
let project: string;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['coloop'], records: 12 });
  coloop = sandbox.providers.coloop;
  token = await tokenOf(0);
  organization = coloop.source.list('organizations')[0]?.id ?? '';
  project = String((await get(`/organizations/${organization}/projects/`)).body.items[0].id);
});
afterAll(() => sandbox.close());

const tokenOf = async (place: number): Promise<string> => {
  const account = coloop.accounts[place]?.email ?? '';
  const client = clientOf(coloop, 'post', { scope: 'email profile' });
  return (await connect(client, {}, { account })).access_token as string;
};
const get = (path: string, as = token) => read(`${coloop.urls.api}${path}`, as);
type Item = Readonly<Record<string, string>>;

const STRICT_ERROR = {
  errorCode: expect.any(String),
  statusCode: expect.any(Number),
  retriable: false,
  message: expect.any(String),
  correlationId: expect.any(String),
  timestamp: expect.any(String),
};

/** Everything that the account can read, by walking down. */
async function all(): Promise<Record<string, Item[]>> {
  const organizations = (await get('/organizations/')).body.items as Item[];
  const found: Record<string, Item[]> = { organizations, members: [], projects: [], memberships: [] };
  for (const { id } of organizations) {
    found['members']?.push(...(await get(`/organizations/${id}/members/`)).body.items);
    const projects = (await get(`/organizations/${id}/projects/`)).body.items as Item[];
    found['projects']?.push(...projects);
    for (const one of projects) {
      const path = `/organizations/${id}/projects/${one['id']}/memberships/`;
      found['memberships']?.push(...(await get(path)).body.items);
    }
  }
  return found;
}

describe('the lists', () => {
  test('stand under items and hold what the source holds, also after edits', async () => {
    const order = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    const compare = async (): Promise<void> => {
      const found = await all();
      for (const resource of coloop.source.resources)
        expect(found[resource]?.toSorted(order)).toEqual(coloop.source.list(resource).toSorted(order));
    };
    await compare();
    for (const resource of coloop.source.resources)
      coloop.source.edit({ resource, creates: 1, updates: 1, deletes: 1 });
    await compare();
    organization = coloop.source.list('organizations')[0]?.id ?? '';
    coloop.source.insert('projects', { parent: organization });
    project = String((await get(`/organizations/${organization}/projects/`)).body.items[0].id);
  });

  test('have exact sizes where they are asked for', async () => {
    const records = { organizations: 3, members: 10, projects: 7, memberships: 20 };
    const own = await startSandbox({ providers: ['coloop'], coloop: { records } });
    const { source } = own.providers.coloop;
    const counts = Object.fromEntries(source.resources.map((name) => [name, source.list(name).length]));
    await own.close();
    expect(counts).toEqual(records);
  });

  test('the account stands among the members of each of its organizations, under one id', async () => {
    for (const { id } of coloop.source.list('organizations').slice(0, 2)) {
      const { items } = (await get(`/organizations/${id}/members/`)).body;
      expect(items.map((one: Item) => one['id'])).toContain(coloop.accounts[0]?.id);
    }
  });

  test('of projects can stand under the older key', async () => {
    coloop.behaviour.projectsKey = 'projects';
    try {
      const { body } = await get(`/organizations/${organization}/projects/`);
      expect(Object.keys(body)).toEqual(['projects']);
      expect(Object.keys((await get('/organizations/')).body)).toEqual(['items']);
    } finally {
      coloop.behaviour.projectsKey = 'items';
    }
  });

  test('of members can be filtered by address', async () => {
    const [one] = (await get(`/organizations/${organization}/members/`)).body.items as Item[];
    const email = encodeURIComponent(one?.['email'] ?? '');
    const found = await get(`/organizations/${organization}/members/?email=${email}`);
    expect(found.body.items).toEqual([one]);
  });

  test('memberships have no id, and name project and user', async () => {
    const path = `/organizations/${organization}/projects/${project}/memberships/`;
    const [one] = (await get(path)).body.items as Item[];
    expect(Object.keys(one ?? {}).toSorted()).toEqual(['createdAt', 'projectId', 'role', 'user', 'userId']);
    expect(one?.['projectId']).toBe(project);
    const { id } = coloop.source.list('memberships')[0] ?? {};
    expect(id).toMatch(/^[0-9a-f-]{36}:user_/);
    expect(coloop.source.get('memberships', id ?? '')?.id).toBe(id);
  });
});

test('single records stand under data, an organization with a slash and without a role, a project without', async () => {
  const { role, ...rest } = (await get('/organizations/')).body.items[0];
  expect(role).toBe('admin');
  expect((await get(`/organizations/${organization}/`)).body).toEqual({ data: rest });
  expect((await get(`/organizations/${organization}/projects/${project}`)).body.data.id).toBe(project);
});

test('the twins without an organization answer too', async () => {
  expect((await get('/organization/')).body.data.id).toBe(organization);
  expect((await get('/organization/members/')).body.items.length).toBeGreaterThan(0);
  expect((await get('/projects/')).body.items[0].id).toBe(project);
  expect((await get(`/projects/${project}`)).body.data.id).toBe(project);
  expect((await get(`/projects/${project}/memberships/`)).body.items[0].projectId).toBe(project);
});

describe('a request', () => {
  test.each([
    ['a list without its slash', () => '/organizations'],
    ['members without their slash', () => `/organizations/${organization}/members`],
    ['an organization without its slash', () => `/organizations/${organization}`],
    ['a project with a slash', () => `/organizations/${organization}/projects/${project}/`],
    ['an unknown organization', () => '/organizations/nobody/'],
    ['projects of an unknown organization', () => '/organizations/nobody/projects/'],
    ['an unknown project', () => `/organizations/${organization}/projects/nobody`],
    [
      'memberships of an unknown project',
      () => `/organizations/${organization}/projects/nobody/memberships/`,
    ],
    ['transcripts', () => `/organizations/${organization}/projects/${project}/transcripts/`],
  ])('for %s is 404 with the strict error body', async (_name, path) => {
    const answer = await get(path());
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ ...STRICT_ERROR, statusCode: 404 });
  });

  test("for another account's organization is 404, and each sees his own", async () => {
    const other = await tokenOf(1);
    const theirs = (await get('/organizations/', other)).body.items as Item[];
    expect(theirs).toHaveLength(1);
    expect((await get(`/organizations/${theirs[0]?.['id']}/`, other)).status).toBe(200);
    expect((await get(`/organizations/${theirs[0]?.['id']}/`)).status).toBe(404);
    expect((await get(`/organizations/${organization}/projects/`, other)).status).toBe(404);
    expect((await get(`/projects/${project}`, other)).status).toBe(404);
  });

  test.each([['?page=2'], ['?limit=5'], ['?updatedSince=2025-01-01']])(
    'with the undocumented parameter %s is 400',
    async (query) => {
      const answer = await get(`/organizations/${organization}/projects/${query}`);
      expect([answer.status, answer.body]).toEqual([400, { ...STRICT_ERROR, statusCode: 400 }]);
    },
  );

  test('that would write is 405', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await send(`${coloop.urls.api}/organizations/`, { method: 'POST', headers });
    expect([answer.status, answer.body.retriable]).toEqual([405, false]);
  });

  test('with the API key alone is answered like one of its account', async () => {
    const headers = { 'x-api-key': coloop.apiKey };
    const answer = await send(`${coloop.urls.api}/organizations/`, { headers });
    expect(answer.body).toEqual((await get('/organizations/')).body);
  });

  test.each([
    ['nothing', {}],
    ['a made-up token', { authorization: 'Bearer made-up' }],
    ['a made-up key', { 'x-api-key': 'made-up' }],
    ['the key as a token', { authorization: 'Bearer coloop-sandbox-key-1' }],
    ['a bad token beside a good key', { authorization: 'Bearer x', 'x-api-key': 'coloop-sandbox-key-1' }],
  ])('with %s is 401', async (_name, headers) => {
    const answer = await send(`${coloop.urls.api}/organizations/`, { headers });
    expect([answer.status, answer.body]).toEqual([401, { ...STRICT_ERROR, statusCode: 401 }]);
  });

  test('with a revoked token or key is 401', async () => {
    const old = await tokenOf(0);
    expect(coloop.revokeTokens()).toBeGreaterThan(0);
    expect((await get('/organizations/', old)).status).toBe(401);
    coloop.revokeApiKey();
    const headers = { 'x-api-key': coloop.apiKey };
    expect((await send(`${coloop.urls.api}/organizations/`, { headers })).status).toBe(401);
    token = await tokenOf(0);
  });
});
