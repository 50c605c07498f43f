/** The inbox and the endpoints from the command line: what is printed, with which exit code, and what a replay may do. */
import { createHmac } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { freePort } from '../support/port.ts';
import { endAll, type SluiceProcess } from '../support/process.ts';
import { waitFor } from '../support/wait.ts';
import { openBench, type Bench, type Env } from './bench.ts';

let bench: Bench;
let record: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  bench = await openBench({ employees: 3 });
  record = bench.lucca.source.list('employees')[0] ?? {};
  await bench.apply({ acme: bench.connection({ streams: ['employees'] }) });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

/** As the intake stores it; what a worker then makes of it is another test's. */
async function store(id: string, status: string, body: object, error: object | null = null): Promise<void> {
  await bench.query(
    `insert into sluice.webhook_events (id, connection_id, dedupe_key, event_id, type, body, body_hash, status, error)
     values ('${id}', 'acme', '${id}', 'evt-${id}', 'employee.updated', convert_to($json$${JSON.stringify(body)}$json$, 'UTF8'),
             sha256('${createHmac('sha256', 'x').update(id).digest('hex')}'), '${status}', ${error === null ? 'null' : `'${JSON.stringify(error)}'`})`,
  );
}

it('events lists what came, in the documented shape, and one in detail', async () => {
  await store(
    'e1',
    'dead',
    { topic: 'employee.updated', data: 7 },
    { code: 'webhook_unreadable', kind: 'data', message: 'no', advice: 'x' },
  );
  await store('e2', 'processed', { topic: 'employee.updated', data: record });
  const [all, dead, one, unknown, wrong, nobody, none] = await Promise.all([
    bench.run(['events', '--json']),
    bench.run(['events', '--status', 'dead', '--connection', 'acme']),
    bench.run(['events', 'e2', '--json']),
    bench.run(['events', 'e9', '--json']),
    bench.run(['events', '--status', 'lost', '--json']),
    bench.run(['events', '--connection', 'acne']),
    bench.run(['events', '--status', 'ignored']),
  ]);
  expect(none).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('No event is ignored.'),
  });
  expect(all).toMatchObject({ code: 0 });
  expect(all.json.data.map((event: any) => [event.id, event.connection, event.status])).toEqual([
    ['e2', 'acme', 'processed'],
    ['e1', 'acme', 'dead'],
  ]);
  expect(all.json.data[1]).toMatchObject({
    type: 'employee.updated',
    receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    attempts: 0,
    error: { code: 'webhook_unreadable' },
  });
  expect(dead).toMatchObject({ code: 0 });
  expect(dead.stdout).toMatch(/^EVENT .*ERROR\ne1 .* dead .*webhook_unreadable\n$/);
  expect(one.json.event).toMatchObject({ id: 'e2', body: expect.stringContaining('employee.updated') });
  expect([unknown.code, unknown.json.error.code]).toEqual([3, 'not_found']);
  expect(wrong.code).toBe(2);
  expect(nobody).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringContaining('did you mean acme?'),
  });
});

it('events replay applies again by id or by status and time, keeps who asked, and brings no old state back', async () => {
  await bench.run(['sync', 'acme', '--wait']);
  const older = { ...record, givenName: 'stale', lastUpdatedAt: '2001-01-01T00:00:00Z' };
  await store('e3', 'dead', {
    id: 'evt-3',
    topic: 'employee.updated',
    occurredAt: '2001-01-01T00:00:00Z',
    data: older,
  });
  const [unknown, both, neither, nobody] = await Promise.all([
    bench.run(['events', 'replay', 'e9', '--json']),
    bench.run(['events', 'replay', 'e3', '--status', 'dead', '--since', '1h', '--json']),
    bench.run(['events', 'replay', '--status', 'dead', '--json']),
    bench.run(['events', 'replay', '--connection', 'acne', '--status', 'dead', '--since', '1h', '--json']),
  ]);
  expect([unknown.code, both.code, neither.code, nobody.code]).toEqual([3, 2, 2, 3]);
  expect((await bench.run(['events', 'replay', 'e2', '--json'])).json).toEqual({ replayed: ['e2'] });
  const several = await bench.run(['events', 'replay', '--status', 'dead', '--since', '1h', '--json']);
  expect(several.json.replayed.sort()).toEqual(['e1', 'e3']);
  const rows = await bench.query(
    `select replays, replayed_by as by, replayed_at > now() - interval '5 minutes' as recent from sluice.webhook_events`,
  );
  const by = `${userInfo().username}@${hostname()}`;
  expect(rows).toEqual([1, 2, 3].map(() => ({ replays: 1, by, recent: true })));
  const audit = await bench.query(
    `select actor, outcome, details ->> 'status' as status from sluice.audit_log
      where action = 'events.replay' and outcome = 'done' order by id`,
  );
  expect(audit).toEqual([
    { actor: by, outcome: 'done', status: null },
    { actor: by, outcome: 'done', status: 'dead' },
  ]);
  // a worker that joins for a sync carries them out
  await bench.run(['sync', 'acme', '--wait']);
  await expect
    .poll(
      async () => {
        await bench.run(['sync', 'acme', '--wait']);
        return bench.query(`select id, status from sluice.webhook_events order by id`);
      },
      { timeout: 60_000 },
    )
    .toEqual([
      { id: 'e1', status: 'ignored' },
      { id: 'e2', status: 'processed' },
      { id: 'e3', status: 'processed' },
    ]);
  const [stored] = await bench.query<{ name: string }>(
    `select data ->> 'givenName' as name from sluice.records where record_id = '${String(record['id'])}'`,
  );
  expect(stored?.name).toBe(record['givenName']);
});

it('webhooks register and status say what they do not know, what is refused, and what needs a person', async () => {
  const [unknown, missing, none] = await Promise.all([
    bench.run(['webhooks', 'register', 'acmee', '--json']),
    bench.run(['webhooks', 'register', 'acme', '--json'], { PUBLIC_URL: undefined }),
    bench.run(['webhooks', 'status', 'acme', '--json']),
  ]);
  expect([unknown.code, unknown.json.error.code]).toEqual([3, 'not_found']);
  expect([missing.code, missing.json.error.code]).toEqual([2, 'public_url_missing']);
  // nothing answers the challenge there
  const refused = await bench.run(['webhooks', 'register', 'acme', '--json'], {
    PUBLIC_URL: 'http://127.0.0.1:9',
  });
  expect([refused.code, refused.json.error.code]).toEqual([1, 'webhook_registration_failed']);
  expect([none.code, none.json]).toEqual([0, { data: [] }]);
  // an endpoint that the provider no longer has
  await bench.query(
    `insert into sluice.webhook_endpoints (connection_id, reference, url, secrets, state)
     values ('acme', '999', 'https://sluice.example/webhooks/acme', 'never read', 'active')`,
  );
  const down = await bench.run(['webhooks', 'status', 'acme', '--json']);
  expect(down).toMatchObject({ code: 4 });
  expect(down.json.data).toMatchObject([
    { place: '', state: 'missing', error: { code: 'webhook_endpoint_down', advice: expect.any(String) } },
  ]);
  await bench.expectNoSecrets();
});

describe('endpoints at the simulated providers, by processes', () => {
  // a dozen commands, beside two web processes and a worker
  vi.setConfig({ testTimeout: 240_000 });

  let sandbox: Sandbox<'floriday' | 'loke'>;
  /** the address of a web process each; the second is the one after a change of PUBLIC_URL */
  const addresses: string[] = [];
  const webs: SluiceProcess[] = [];
  let worker: SluiceProcess;

  beforeAll(async () => {
    sandbox = await startSandbox({ providers: ['floriday', 'loke'], limits: 'off', records: 4 });
    const { floriday, loke } = sandbox.providers;
    for (const { deliveries } of [bench.lucca, floriday, loke]) deliveries.settings.timeScale = 0.001;
    await bench.apply({
      acme: bench.connection({ streams: ['employees'] }),
      roses: {
        provider: 'floriday',
        settings: floriday.settings,
        credentials: floriday.credentials,
        endpoints: { token: floriday.urls.token, api: floriday.urls.api },
        streams: ['batches'],
        schedule: 'manual',
      },
      venues: {
        provider: 'loke',
        credentials: loke.credentials,
        endpoints: { issuer: loke.urls.issuer, token: loke.urls.token, api: loke.urls.api },
        streams: ['organizations', 'customers'],
        schedule: 'manual',
      },
    });
    await bench.query(`delete from sluice.webhook_endpoints`);
    for (let at = 0; at < 2; at += 1) {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const web = bench.start(['web'], { PORT: String(port), HOST: '127.0.0.1', PUBLIC_URL: url });
      webs.push(web);
      await web.said('ready', 60_000);
      addresses.push(url);
    }
    worker = bench.start(['worker']);
    await worker.said('ready', 60_000);
    // its endpoints belong to organizations
    expect(await bench.run(['sync', 'venues', '--wait', '--json'])).toMatchObject({ code: 0 });
  }, 240_000);
  afterAll(async () => {
    await Promise.all([worker, ...webs].map((process) => process.end('SIGTERM')));
    await sandbox.close();
  });

  interface Made {
    readonly id: string;
    readonly url: string;
    readonly secret: string;
  }
  /** What stands at the provider. */
  const made: Readonly<Record<string, () => Made[]>> = {
    acme: () =>
      bench.lucca.webhooks.endpoints().map(({ id, webhookUrl, secret }) => ({ id, url: webhookUrl, secret })),
    roses: () =>
      sandbox.providers.floriday.webhooks.subscriptions().map(({ callbackUrl }) => {
        const [url = '', query] = callbackUrl.split('?');
        const secret = new URLSearchParams(query).get('key') ?? '';
        return { id: secret, url, secret };
      }),
    venues: () =>
      sandbox.providers.loke
        .webhooks()
        .map(({ organizationId, url, secret }) => ({ id: `${organizationId} ${secret}`, url, secret })),
  };
  const places = (id: string): string[] =>
    id === 'venues'
      ? sandbox.providers.loke.source
          .list('organizations')
          .map((row) => String(row['id']))
          .sort()
      : [''];
  const at = (url: string | undefined): Env => ({ PUBLIC_URL: url });

  it.each(['acme', 'roses', 'venues'])(
    'of %s are registered once, seen by status, and made anew for another PUBLIC_URL',
    async (id) => {
      const [first = '', second = ''] = addresses;
      const standing = made[id] ?? (() => []);
      const said: string[] = [];
      /** Runs a command that succeeds, and returns its endpoints. */
      const ask = async (verb: 'register' | 'status', url: string): Promise<any[]> => {
        const { code, stdout, json } = await bench.run(['webhooks', verb, id, '--json'], at(url));
        expect([code, Object.keys(json)], stdout).toEqual([0, ['data']]);
        said.push(stdout);
        return json.data;
      };
      /** Waits until it is confirmed, where a provider asks for that: a worker answers. */
      const active = (url: string): Promise<any[]> =>
        waitFor(async () => {
          const data = await ask('status', url);
          return data.every(({ state }) => state === 'active') ? data : undefined;
        }, 60_000);

      expect(await ask('status', first)).toEqual([]);
      const views = await ask('register', first);
      expect(views).toEqual(
        places(id).map((place) => ({
          place,
          url: `${first}/webhooks/${id}`,
          // nothing can be asked at Floriday, which confirms by a message
          state: id === 'roses' ? expect.stringMatching(/^(unknown|active)$/) : 'active',
          registeredAt: expect.stringMatching(/^\d{4}-.*Z$/),
          checkedAt: expect.toBeOneOf([null, expect.stringMatching(/^\d{4}-.*Z$/)]),
          error: null,
        })),
      );
      const before = standing();
      expect(before.map(({ url }) => url)).toEqual(places(id).map(() => `${first}/webhooks/${id}`));
      expect((await active(first)).map(({ place }) => place)).toEqual(places(id));

      // a second time: nothing new, and what stands is left alone
      expect((await ask('register', first)).map(({ url }) => url)).toEqual(views.map(({ url }) => url));
      expect(standing()).toEqual(before);

      // another PUBLIC_URL: as many as before, all of them there
      const moved = await ask('register', second);
      expect(moved.map(({ url }) => url)).toEqual(places(id).map(() => `${second}/webhooks/${id}`));
      expect(standing().map(({ url }) => url)).toEqual(places(id).map(() => `${second}/webhooks/${id}`));
      expect((await active(second)).map(({ url }) => url)).toEqual(moved.map(({ url }) => url));

      const table = await bench.run(['webhooks', 'status', id], at(second));
      expect(table).toMatchObject({ code: 0 });
      expect(table.stdout).toMatch(/^URL +PLACE +STATE +REGISTERED +CHECKED *\n/);
      for (const { secret } of [...before, ...standing()]) {
        expect(secret.length).toBeGreaterThan(20);
        expect(said.join('\n') + table.stdout).not.toContain(secret);
        await bench.expectNoSecrets(secret);
      }
    },
  );

  it('that a provider suspends need a person (exit code 4), until they are registered again', async () => {
    const [, url] = addresses;
    const [endpoint] = bench.lucca.webhooks.endpoints();
    bench.lucca.webhooks.setStatus(endpoint?.id ?? '', 'suspended');
    const down = await bench.run(['webhooks', 'status', 'acme', '--json'], at(url));
    expect(down).toMatchObject({ code: 4 });
    expect(down.json.data).toMatchObject([{ state: 'suspended', error: { code: 'webhook_endpoint_down' } }]);
    // a worker looks by itself, once an hour: now
    await worker.end('SIGTERM');
    await bench.query(`update sluice.webhook_endpoints set state = 'active', error = null`);
    await bench.query(
      `update bullmq.job set process_at_ms = 0
        where queue = 'maintenance' and name = 'webhook-endpoints' and state = 'delayed'`,
    );
    worker = bench.start(['worker'], at(url));
    await worker.said('webhook_endpoint_down', 60_000);
    expect(
      (await bench.query(`select state from sluice.webhook_endpoints where connection_id = 'acme'`))[0],
    ).toEqual({ state: 'suspended' });
    const again = await bench.run(['webhooks', 'register', 'acme', '--json'], at(url));
    expect([again.code, again.json.data[0].state]).toEqual([0, 'active']);
    expect(bench.lucca.webhooks.endpoints()).toHaveLength(1);
    const renewed = await bench.run(['webhooks', 'register', 'acme', '--renew', '--json'], at(url));
    expect(renewed).toMatchObject({ code: 0 });
    expect(bench.lucca.webhooks.endpoints().map(({ id }) => id)).not.toEqual([endpoint?.id]);
  });
});
