/**
 * Runs against the simulated LOKE, LockitNetwork and CoLoop: what each of them does differently. What all providers have to
 * do is in test/conformance.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { lockit as lockitDefinition } from '../../src/providers/lockit/index.ts';
import { clientOf, connect } from '../sandbox/oauth-client.ts';
import { dryRun } from '../../src/sync/dry-run.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

const fast = { attempts: 2, baseDelay: '20ms', maxDelay: '50ms' };

let fleet: Fleet;
let sandbox: Sandbox<'loke' | 'lockit' | 'coloop'>;
beforeAll(async () => {
  sandbox = await startSandbox({ providers: ['loke', 'lockit', 'coloop'], records: 30 });
  const { lockit, loke, coloop } = sandbox.providers;
  // the consent is given here and its token sent along: what is looked at are the streams
  const token = (await connect(clientOf(lockit, 'basic', {}))).access_token as string;
  const definition = {
    ...lockitDefinition,
    grantOf: () => 'none' as const,
    headers: () => ({ Authorization: `Bearer ${token}` }),
  };
  fleet = await startFleet({ providers: [definition] });
  const more = { settings: {}, retry: fast };
  await fleet.connect('loke', {
    ...more,
    provider: 'loke',
    credentials: loke.credentials,
    endpoints: { issuer: loke.urls.issuer, api: loke.urls.api },
  });
  await fleet.connect('lockit', {
    ...more,
    provider: 'lockit',
    credentials: lockit.credentials,
    endpoints: { api: lockit.urls.api },
  });
  await fleet.connect('coloop', {
    ...more,
    provider: 'coloop',
    credentials: { apiKey: coloop.apiKey },
    endpoints: { api: coloop.urls.api },
  });
});
afterAll(async () => {
  await fleet.close();
  await sandbox.close();
});

const bodies = async (id: string, stream: string): Promise<string[]> =>
  Array.from((await fleet.mirror(id, stream)).values(), sorted).toSorted();
/** JSON with sorted keys: Postgres orders them its own way. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    one !== null && typeof one === 'object' && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
async function expectMirror(id: 'loke' | 'lockit' | 'coloop'): Promise<void> {
  const { source } = sandbox.providers[id];
  for (const resource of source.resources)
    expect(await bodies(id, resource), resource).toEqual(source.list(resource).map(sorted).toSorted());
}

describe.each(['loke', 'lockit', 'coloop'] as const)('%s', (id) => {
  it('can be looked at before anything is mirrored, and after', async () => {
    const connection = await fleet.runtime.loadConnection(id, { requireUsable: true });
    const names = connection.streams.map(({ name }) => name);
    for (const round of ['before', 'after']) {
      const seen = await dryRun(fleet.runtime, connection, { streams: names, full: false });
      expect(seen.map(({ error, note }) => [round, error, note])).toEqual(
        names.map(() => [round, null, null]),
      );
      for (const { added, unchanged } of seen)
        expect(round === 'before' ? added : unchanged).toBeGreaterThan(0);
      if (round === 'before') await fleet.sync(id);
    }
  });
});

describe('LOKE', () => {
  it('reads of its customers and payments what is new, newest first, until it meets what it knows', async () => {
    const { loke } = sandbox.providers;
    Object.assign(loke.behaviour, { pageSize: 4 });
    const complete = await fleet.sync('loke', { full: true });
    for (const resource of ['customers', 'payments'])
      loke.source.edit({ resource, creates: 1, updates: 1, deletes: 0 });
    const next = await fleet.sync('loke');
    Object.assign(loke.behaviour, { pageSize: 1000 });
    for (const name of ['customers', 'payments']) {
      const [before, after] = [complete, next].map((run) =>
        run.streams.find((stream) => stream.name === name),
      );
      expect(after).toMatchObject({ mode: 'incremental', status: 'succeeded', added: 1, updated: 1 });
      expect(after?.pages).toBeLessThan(before?.pages ?? 0);
    }
    await expectMirror('loke');
  });

  it.each(['absolute', 'relative'] as const)('pages by its header, %s, on one token', async (style) => {
    const { loke } = sandbox.providers;
    Object.assign(loke.behaviour, { nextPage: style, pageSize: 4 });
    const run = await fleet.sync('loke', { full: true });
    Object.assign(loke.behaviour, { nextPage: 'absolute', pageSize: 1000 });
    expect(run).toMatchObject({ status: 'succeeded' });
    expect(run.streams.find(({ name }) => name === 'customers')?.pages).toBeGreaterThan(7);
    await expectMirror('loke');
    expect(loke.grants.clientTokens).toBe(1);
  });

  it('sends its token to no other host that the header names', async () => {
    const { loke } = sandbox.providers;
    loke.faults.add({ kind: 'next-link', href: 'http://127.0.0.1:1/organizations', path: '/organizations' });
    expect(await fleet.sync('loke')).toMatchObject({ error: { code: 'next_link_refused' } });
    await fleet.sync('loke');
  });

  it('loses an organization and all that it had when the add-on is uninstalled, once that is allowed', async () => {
    const { loke } = sandbox.providers;
    const [gone] = loke.source.list('organizations');
    loke.uninstall(gone?.id ?? '');
    expect(await fleet.sync('loke', { allowDeletes: true })).toMatchObject({ status: 'succeeded' });
    await expectMirror('loke');
    loke.install(gone?.id ?? '');
    expect(await fleet.sync('loke')).toMatchObject({ status: 'succeeded' });
    await expectMirror('loke');
  });
});

describe('LockitNetwork', () => {
  it('asks for nothing of projects that are not premium, and keeps what they had', async () => {
    const { lockit } = sandbox.providers;
    const refused = (): number => lockit.requests.counters().byStatus[403] ?? 0;
    const kept = [await bodies('lockit', 'episodes'), await bodies('lockit', 'scenes')];
    const project = lockit.source.list('projects').find(({ isPremium }) => isPremium === true);
    lockit.source.update('projects', project?.id ?? '', { isPremium: false });
    expect(await fleet.sync('lockit')).toMatchObject({ status: 'succeeded' });
    expect(refused()).toBe(0);
    expect([await bodies('lockit', 'episodes'), await bodies('lockit', 'scenes')]).toEqual(kept);
    expect(lockit.source.count('episodes')).toBeLessThan(kept[0]?.length ?? 0);
    lockit.source.update('projects', project?.id ?? '', { isPremium: true });
    expect(await fleet.sync('lockit')).toMatchObject({ status: 'succeeded' });
    await expectMirror('lockit');
  });
});

describe('CoLoop', () => {
  it('keeps a user who is in two organizations as a member of each', async () => {
    const { coloop } = sandbox.providers;
    const user = coloop.accounts[0]?.id ?? '';
    const ids = [...(await fleet.mirror('coloop', 'members')).keys()].filter((one) => one.endsWith(user));
    expect(ids).toHaveLength(coloop.source.list('members').filter((row) => row.id === user).length);
    expect(ids.length).toBeGreaterThan(1);
  });

  it('reads projects under the older key, and sends the API key without a token', async () => {
    const { coloop } = sandbox.providers;
    coloop.behaviour.projectsKey = 'projects';
    const run = await fleet.sync('coloop');
    coloop.behaviour.projectsKey = 'items';
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 0 });
    await expectMirror('coloop');
    expect(coloop.requests.counters().tokenRequests).toBe(0);
  });

  it('tries again what an error calls retriable, and nothing that it calls final', async () => {
    const { coloop } = sandbox.providers;
    const fail = (status: number, retriable: boolean, times: number) =>
      coloop.faults.add({
        kind: 'status',
        status,
        times,
        path: '/v1/organizations/',
        body: { errorCode: 'X', statusCode: status, retriable, message: 'x' },
      });
    fail(400, true, 1);
    expect(await fleet.sync('coloop')).toMatchObject({ status: 'succeeded' });
    fail(500, false, Number.POSITIVE_INFINITY);
    coloop.requests.clear();
    const run = await fleet.sync('coloop');
    coloop.faults.clear();
    expect(run).toMatchObject({ status: 'failed', error: { code: 'provider_refused' } });
    expect(coloop.requests.counters().byStatus).toEqual({ 500: 1 });
  });

  it('stops for a person when the key is refused', async () => {
    sandbox.providers.coloop.revokeApiKey();
    expect(await fleet.sync('coloop')).toMatchObject({ error: { code: 'provider_unauthorized' } });
  });
});
