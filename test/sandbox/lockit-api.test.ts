/** The simulated LockitNetwork's API: projects, episodes, scenes as bare arrays; one test for each refusal. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { LockitSandbox } from '../../sandbox/lockit/server.ts';
import { send } from './lucca-client.ts';
import { clientOf, connect, read } from './oauth-client.ts';

let sandbox: Sandbox<'lockit'>;
let lockit: LockitSandbox;
let token: string;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['lockit'], records: 50 });
  lockit = sandbox.providers.lockit;
  token = await tokenOf(0);
});
afterAll(() => sandbox.close());

const tokenOf = async (place: number): Promise<string> => {
  const account = lockit.accounts[place]?.email ?? '';
  return (await connect(clientOf(lockit, 'basic', {}), {}, { account })).access_token as string;
};
const get = (path: string, as = token) => read(`${lockit.urls.api}${path}`, as);
type Item = Readonly<Record<string, unknown>>;
const list = async (path: string): Promise<Item[]> => (await get(path)).body as Item[];
const byUuid = (a: Item, b: Item): number => (String(a['uuid']) < String(b['uuid']) ? -1 : 1);

/** Everything that can be read, by walking down. */
async function all(): Promise<Record<string, Item[]>> {
  const projects = await list('/projects');
  const found: Record<string, Item[]> = { projects, episodes: [], scenes: [] };
  for (const { uuid, isPremium } of projects) {
    if (isPremium !== true) continue;
    const episodes = await list(`/projects/${String(uuid)}/episodes`);
    found['episodes']?.push(...episodes);
    for (const episode of episodes)
      found['scenes']?.push(
        ...(await list(`/projects/${String(uuid)}/episodes/${String(episode['uuid'])}/scenes`)),
      );
  }
  return found;
}

describe('the lists', () => {
  test('are bare arrays that hold what the source holds, also after edits', async () => {
    expect(lockit.source.count('scenes')).toBe(50);
    const compare = async (): Promise<void> => {
      const found = await all();
      for (const resource of lockit.source.resources)
        expect(found[resource]?.toSorted(byUuid)).toEqual(lockit.source.list(resource).toSorted(byUuid));
    };
    await compare();
    for (const resource of lockit.source.resources)
      lockit.source.edit({ resource, creates: 2, updates: 2, deletes: 1 });
    await compare();
  });

  test('have ids of 32 hex digits, and records without an enumerable id of ours', async () => {
    const [project] = await list('/projects');
    expect(project?.['uuid']).toMatch(/^[0-9a-f]{32}$/);
    expect(Object.keys(project ?? {})).toEqual([
      'uuid',
      'name',
      'isSeries',
      'isPremium',
      'productionCompany',
      'created',
    ]);
    const [row] = lockit.source.list('projects');
    expect([row?.id, Object.keys(row ?? {}).includes('id')]).toEqual([row?.['uuid'], false]);
  });

  test('give single records by id', async () => {
    const [project] = await list('/projects');
    const path = `/projects/${String(project?.['uuid'])}`;
    expect((await get(path)).body).toEqual(project);
    const [episode] = await list(`${path}/episodes`);
    expect((await get(`${path}/episodes/${String(episode?.['uuid'])}`)).body).toEqual(episode);
    const scenes = `${path}/episodes/${String(episode?.['uuid'])}/scenes`;
    const [scene] = await list(scenes);
    expect((await get(`${scenes}/${String(scene?.['uuid'])}`)).body).toEqual(scene);
    expect(scene?.['episode']).toBe(episode?.['uuid']);
  });
});

describe('a request', () => {
  test('for anything of a project that is not premium is refused, the project itself is shown', async () => {
    const project = (await list('/projects')).find(({ isPremium }) => isPremium === false);
    const path = `/projects/${String(project?.['uuid'])}`;
    expect((await get(path)).status).toBe(200);
    expect((await get(`${path}/episodes`)).status).toBe(403);
    lockit.behaviour.notPremiumStatus = 402;
    try {
      expect((await get(`${path}/episodes`)).status).toBe(402);
    } finally {
      lockit.behaviour.notPremiumStatus = 403;
    }
  });

  test("for another user's project is 404, and each sees his own", async () => {
    const other = await tokenOf(1);
    const theirs = (await get('/projects', other)).body as Item[];
    expect(theirs).toHaveLength(1);
    const path = `/projects/${String(theirs[0]?.['uuid'])}`;
    expect((await get(path, other)).status).toBe(200);
    expect((await get(path)).status).toBe(404);
    expect((await list('/projects')).map(({ uuid }) => uuid)).not.toContain(theirs[0]?.['uuid']);
  });

  test.each(['/', '/projects/', '/project', '/projects/x/takes', '/projects/x', '/v1/projects'])(
    'for %s is 404',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  test('for an unknown episode or scene is 404', async () => {
    const [project] = await list('/projects');
    const path = `/projects/${String(project?.['uuid'])}/episodes`;
    const [episode] = await list(path);
    expect((await get(`${path}/x`)).status).toBe(404);
    expect((await get(`${path}/x/scenes`)).status).toBe(404);
    expect((await get(`${path}/${String(episode?.['uuid'])}/scenes/x`)).status).toBe(404);
    expect((await get(`${path}/${String(episode?.['uuid'])}/takes`)).status).toBe(404);
  });

  test('with a query is 400, one that writes is 405', async () => {
    expect((await get('/projects?page=2')).status).toBe(400);
    const headers = { authorization: `Bearer ${token}` };
    expect((await send(`${lockit.urls.api}/projects`, { method: 'POST', headers })).status).toBe(405);
  });

  test.each([['Bearer made-up'], ['Basic abc'], ['']])('with the credentials %j is 401', async (value) => {
    const answer = await send(`${lockit.urls.api}/projects`, { headers: { authorization: value } });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });

  test('with the token in the query is 401', async () => {
    expect((await send(`${lockit.urls.api}/projects?token=${token}`, {})).status).toBe(401);
  });

  test('with a revoked token is 401', async () => {
    const short = await tokenOf(0);
    expect(lockit.revokeTokens()).toBeGreaterThan(0);
    expect((await get('/projects', short)).status).toBe(401);
    token = await tokenOf(0);
  });
});
