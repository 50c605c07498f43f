import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFloriday, type FloridaySandbox, type FloridaySource } from '../../sandbox/floriday/server.ts';
import { floriday } from '../../src/providers/floriday/index.ts';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { checkConnection } from '../../src/sync/check.ts';
import type { RunView } from '../../src/sync/history.ts';
import { idOf } from '../../src/sync/validate-page.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

type Api = 'suppliers' | 'customers';

const streamsOf = (api: Api): readonly StreamDefinition[] => floriday.streamsFor?.({ api }) ?? [];
const resourceOf = (stream: StreamDefinition) =>
  stream.path.replace('/sync', '').replace('/{sequence}', '').slice(1);
const named = (run: RunView) => Object.fromEntries(run.streams.map((stream) => [stream.name, stream]));

/** What a complete mirror of a stream holds, in the shape of `Fleet.mirror`. */
function truth(source: FloridaySource, stream: StreamDefinition): Map<string, unknown> {
  return new Map(source.list(resourceOf(stream)).map((row) => [idOf(stream, row) ?? '', row]));
}

describe.each<Api>(['suppliers', 'customers'])('a connection to the %s API of Floriday', (api) => {
  let fleet: Fleet;
  let simulated: FloridaySandbox;

  beforeAll(async () => {
    simulated = await startFloriday({ api, records: 40, limits: { mode: 'off' } });
    fleet = await startFleet();
    await fleet.connect('roses', connection(simulated, { streams: streamsOf(api).map(({ name }) => name) }));
  });
  afterAll(async () => {
    await fleet.close();
    await simulated.close();
  });

  const expectMirror = async (): Promise<void> => {
    for (const stream of streamsOf(api)) {
      const mirror = await fleet.mirror('roses', stream.name);
      const listed = truth(simulated.source, stream);
      // The source lists what the API gives to those who switch no filter off; we get that and more.
      const isFiltered = Object.keys(stream.query ?? {}).includes('postFilterSelectedTradeItems');
      if (isFiltered) expect(mirror.size, stream.name).toBeGreaterThan(listed.size);
      const same = isFiltered ? new Map([...mirror].filter(([id]) => listed.has(id))) : mirror;
      expect(same, stream.name).toEqual(listed);
    }
  };

  it('reads every feed with one token', async () => {
    const run = await fleet.sync('roses');
    expect(run).toMatchObject({ status: 'succeeded', error: null, tokenRequests: 1 });
    expect(run.streams).toHaveLength(streamsOf(api).length);
    expect(run.streams.filter((stream) => stream.rejected > 0 || stream.mode !== 'full')).toEqual([]);
  });

  it('costs one request a feed where nothing changed', async () => {
    simulated.requests.clear();
    const run = await fleet.sync('roses');
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 0 });
    expect(run.streams.filter((stream) => stream.mode !== 'incremental')).toEqual([]);
    // one feed of the suppliers API has no companion that tells its highest number
    expect(
      simulated.requests
        .list()
        .filter((entry) => entry.path.includes('/sync/') && !entry.path.includes('max')),
    ).toHaveLength(api === 'suppliers' ? 1 : 0);
  });

  it('gets what a new partner had before, with the run after the one that met it', async () => {
    await fleet.sync('roses');
    const partner = simulated.source.connectPartner();
    // so few suppliers' records belong to partners that this one may have none
    if (api === 'customers') expect(Object.keys(partner.shown)).not.toEqual([]);
    expect(named(await fleet.sync('roses')).connections).toMatchObject({ added: 1 });
    const run = await fleet.sync('roses');
    expect(run.status).toBe('succeeded');
    const modes = run.streams.filter((stream) => stream.mode === 'full').map((stream) => stream.name);
    expect(modes.sort()).toEqual(
      streamsOf(api)
        .filter((stream) => stream.restartsWith === 'connections')
        .map((stream) => stream.name)
        .sort(),
    );
    await expectMirror();
  });

  it('loses a partner by its mark, and keeps what came from it', async () => {
    await fleet.sync('roses');
    const before = await fleet.mirror('roses', 'trade-items');
    const [lost] = simulated.source.list('connections');
    simulated.source.remove('connections', lost?.id ?? '');
    const run = named(await fleet.sync('roses', { full: true }));
    expect(run.connections).toMatchObject({ deleted: 1, mode: 'full' });
    expect((await fleet.mirror('roses', 'connections')).has(lost?.id ?? '')).toBe(false);
    expect(await fleet.mirror('roses', 'trade-items')).toEqual(before);
  });
});

describe('connections to Floriday', () => {
  let fleet: Fleet;
  let simulated: FloridaySandbox;

  beforeAll(async () => {
    simulated = await startFloriday({ records: 20, limits: { mode: 'off' } });
    fleet = await startFleet();
  });
  afterAll(async () => {
    await fleet.close();
    await simulated.close();
  });
  const tokenRequests = () => simulated.requests.list().filter((entry) => entry.method === 'POST');

  it('of one application share one token, whatever their API keys', async () => {
    const ids = Array.from({ length: 40 }, (_, at) => `org-${at}`);
    for (const id of ids) {
      const { apiKey } = simulated.addOrganization({ records: 3 });
      await fleet.connect(id, connection(simulated, { streams: ['trade-items'], apiKey }));
    }
    simulated.requests.clear();
    const asked = await Promise.all(
      ids.map((id) => fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'command', priority: 1 })),
    );
    const runs = await Promise.all(asked.map((runId) => fleet.ended(runId, 80_000)));
    expect(runs.map((run) => run.status)).toEqual(ids.map(() => 'succeeded'));
    expect(tokenRequests()).toHaveLength(1);
    expect(runs.reduce((sum, run) => sum + run.tokenRequests, 0)).toBe(1);
    const first = await fleet.mirror('org-0', 'trade-items');
    const second = await fleet.mirror('org-1', 'trade-items');
    expect(first.size).toBe(3);
    expect([...first.keys()].filter((id) => second.has(id))).toEqual([]);
  }, 90_000);

  it('find the token endpoint from the issuer, or take the one that is named', async () => {
    await fleet.connect('by-issuer', connection(simulated, { streams: ['base-items'] }));
    expect((await fleet.sync('by-issuer')).status).toBe('succeeded');
    const { token, api } = simulated.urls;
    const other = simulated.addApplication();
    const metadata = () => simulated.requests.list().filter((entry) => entry.path.includes('.well-known'));
    simulated.requests.clear();
    await fleet.connect('by-token', {
      ...connection(simulated, { streams: ['base-items'] }),
      credentials: { ...simulated.credentials, clientId: other.clientId, clientSecret: other.clientSecret },
      endpoints: { token, issuer: 'http://127.0.0.1:1/nobody', api },
    });
    expect((await fleet.sync('by-token')).status).toBe('succeeded');
    expect(metadata()).toEqual([]);
    expect(tokenRequests()).toHaveLength(1);
  });

  it('work with an application that has the scopes of the chosen streams and no others', async () => {
    const application = simulated.addApplication({
      scopes: ['role:app', 'network:read', 'fulfillment:read'],
    });
    const credentials = {
      ...simulated.credentials,
      clientId: application.clientId,
      clientSecret: application.clientSecret,
    };
    await fleet.connect('narrow', { ...connection(simulated, { streams: ['batches'] }), credentials });
    expect((await fleet.sync('narrow')).status).toBe('succeeded');
    const checked = await check('narrow');
    expect(checked.steps.at(-1)).toMatchObject({
      name: 'api',
      ok: true,
      detail: expect.stringContaining('connections') as string,
    });
  });

  it('are checked by their identity, which names a key that was withdrawn', async () => {
    const { apiKey } = simulated.addOrganization({ records: 3 });
    await fleet.connect('checked', connection(simulated, { streams: ['organizations'], apiKey }));
    const checked = await check('checked');
    expect(checked.steps.at(-1)).toMatchObject({
      name: 'api',
      ok: true,
      detail: expect.stringContaining('/identities') as string,
    });
    simulated.removeApiKey(apiKey);
    expect((await check('checked')).error).toMatchObject({
      code: 'provider_forbidden',
      message: expect.stringContaining('API key') as string,
    });
  });

  it('page in the size that the connection asks for', async () => {
    await fleet.connect('small', {
      ...connection(simulated, { streams: ['trade-items', 'price-groups'] }),
      limits: { pageSize: 5 },
    });
    simulated.requests.clear();
    const run = named(await fleet.sync('small'));
    expect(run['trade-items']).toMatchObject({ added: 20 });
    expect(run['trade-items']?.pages).toBeGreaterThanOrEqual(4);
    const sizes = (resource: string, parameter: string) =>
      simulated.requests
        .list()
        .filter((entry) => entry.path.includes(`/${resource}/sync/`))
        .map((entry) => entry.query[parameter]);
    expect(sizes('trade-items', 'limitResult')).toEqual(Array(run['trade-items']?.pages).fill('5'));
    expect(sizes('price-groups', 'limit')).toEqual(Array(run['price-groups']?.pages).fill('5'));
  });

  const check = (id: string) => {
    const { db, tokens, outbound, loadConnection, now } = fleet.runtime;
    return checkConnection({ db, tokens, outbound, loadConnection, now }, id);
  };
});

describe('the custom synchronisation of Floriday', () => {
  it('is read from the start after it was rebuilt', async () => {
    const simulated = await startFloriday({ api: 'customers', records: 40, limits: { mode: 'off' } });
    const fleet = await startFleet();
    try {
      await fleet.connect('custom', connection(simulated, { streams: ['supply-lines-custom'] }));
      const stream = streamsOf('customers').find(({ name }) => name === 'supply-lines-custom');
      if (stream === undefined) throw new Error('there is no such stream');
      await fleet.sync('custom');
      expect(await fleet.mirror('custom', stream.name)).toEqual(truth(simulated.source, stream));
      simulated.source.edit({ resource: 'supply-lines/custom', creates: 2, updates: 5, deletes: 1 });
      await fleet.sync('custom');
      simulated.customSync.startRebuild();
      simulated.customSync.finishRebuild();
      simulated.source.edit({ resource: 'supply-lines/custom', updates: 1 });
      await fleet.sync('custom');
      expect(await fleet.mirror('custom', stream.name)).toEqual(truth(simulated.source, stream));
    } finally {
      await fleet.close();
      await simulated.close();
    }
  });
});

function connection(
  simulated: FloridaySandbox,
  { streams, apiKey }: { readonly streams: readonly string[]; readonly apiKey?: string },
): Record<string, unknown> {
  return {
    provider: 'floriday',
    settings: simulated.settings,
    credentials: { ...simulated.credentials, ...(apiKey === undefined ? {} : { apiKey }) },
    endpoints: { issuer: simulated.urls.issuer, api: simulated.urls.api },
    streams,
  };
}
