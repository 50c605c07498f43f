import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setMaxListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/errors.ts';
import { noRequests, type RequestCounts } from '../../src/outbound/client.ts';
import type { RequestEntry } from '../../src/store/run-timeline.ts';
import type { ResolvedConnection } from '../../src/providers/connection.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

const EMPLOYEES = '/lucca-api/employees';
const PATH = '*/employees';

describe('a request to a provider', () => {
  let fleet: Fleet;
  let connection: ResolvedConnection;
  let counts: RequestCounts;
  let flows = 0;
  let flow = '';

  beforeAll(async () => {
    fleet = await startFleet({ workers: false, requestTimeoutMs: 500, lucca: { records: { employees: 5 } } });
    await fleet.connect('acme');
    connection = await fleet.runtime.loadConnection('acme', { requireUsable: true });
  });
  afterAll(() => fleet.close());
  beforeEach(async () => {
    counts = noRequests();
    flow = `flow-${(flows += 1)}`;
    // a tenant of its own, so that the pause after one test's 429 isn't the next one's
    connection = { ...connection, settings: { ...connection.settings, host: `${flow}.example` } };
    fleet.lucca.requests.clear();
    await fleet.tokens.forgetFailures();
  });
  afterEach(() => fleet.lucca.faults.clear());

  const url = (): string => `${new URL(fleet.lucca.urls.api).origin}${EMPLOYEES}`;
  const get = (target = url(), signal?: AbortSignal) =>
    fleet.runtime.outbound.getJson({
      connection,
      flow,
      url: target,
      counts,
      ...(connection.streams[0] === undefined ? {} : { stream: connection.streams[0] }),
      ...(signal === undefined ? {} : { signal }),
    });
  const failure = async (promise: Promise<unknown>): Promise<SluiceError> => {
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof SluiceError)) throw new Error(`not a SluiceError: ${String(error)}`);
    return error;
  };
  const statuses = () =>
    fleet.lucca.requests
      .list()
      .filter((entry) => entry.path === EMPLOYEES)
      .map((entry) => entry.status);

  it('answers parsed JSON with one token and one request', async () => {
    const answer = await get();
    expect((answer.body as { items: unknown[] }).items).toHaveLength(5);
    expect(counts).toMatchObject({ requests: 1, retries: 0, tokenRequests: 1 });
  });

  it('gets one new token after a 401 and replays at once', async () => {
    await get();
    const revoked = fleet.lucca.requests.list().at(-1)?.tokenFingerprint;
    fleet.lucca.revokeTokens();
    await get();
    expect(statuses()).toEqual([200, 401, 200]);
    expect(fleet.lucca.requests.list().at(-1)?.tokenFingerprint).not.toBe(revoked);
    expect(counts).toMatchObject({ requests: 3, retries: 1, tokenRequests: 2 });
  });

  it('keeps a trail: each time it was sent, why again, what came back, and how old its token was', async () => {
    const trail = () => counts.entries as RequestEntry[];
    await get();
    expect(trail()).toMatchObject([{ status: 200, attempt: 1, token: { new: true } }]);
    fleet.lucca.revokeTokens();
    fleet.lucca.faults.add({ kind: 'status', status: 503, path: PATH, times: 1, skip: 1 });
    fleet.lucca.faults.add({ kind: 'reset', when: 'before-headers', path: PATH, times: 1, skip: 1 });
    const answer = await get();
    expect(trail()).toMatchObject([
      { status: 200 },
      { kind: 'request', status: 401, error: null, attempt: 1, token: { new: false } },
      { status: 503, attempt: 2, token: { new: true } },
      { status: null, error: 'network_error', attempt: 3 },
      { status: 200, attempt: 4, token: { new: false } },
    ]);
    // besides them, a busy machine waits for a token or a turn
    const again = trail().map(({ waits }) =>
      waits.map(({ reason }) => reason).filter((reason) => reason === 'replay' || reason === 'quick_retry'),
    );
    expect(again).toEqual([[], [], ['replay'], ['quick_retry'], ['quick_retry']]);
    for (const { token } of trail()) expect(token?.ageSeconds).toBeLessThan(60);
    expect(answer.request).toBe(trail().at(-1));
    for (const { at, ms, path, waits } of trail()) {
      expect(path).toBe(EMPLOYEES);
      expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
      expect(ms).toBeGreaterThanOrEqual(0);
      for (const wait of waits) expect(wait.ms).toBeGreaterThanOrEqual(0);
    }
    expect(counts.requests).toBe(trail().length);
  });

  it('gives up on a second 401, and asks for no third token within the cool-down', async () => {
    fleet.lucca.faults.add({ kind: 'status', status: 401, path: PATH, times: Infinity });
    expect(await failure(get())).toMatchObject({ code: 'provider_unauthorized' });
    expect(statuses()).toEqual([401, 401]);
    expect(await failure(get())).toMatchObject({ code: 'provider_unauthorized' });
    expect(statuses()).toEqual([401, 401, 401]);
    expect(counts.tokenRequests).toBe(2);
    expect(fleet.lucca.requests.counters().tokenRequests).toBe(2);
  });

  it.each([
    ['a 503', { kind: 'status', status: 503 }],
    ['a 408', { kind: 'status', status: 408 }],
    ['a reset connection', { kind: 'reset', when: 'before-headers' }],
    ['a reset in the body', { kind: 'reset', when: 'in-body' }],
  ] as const)('tries twice more in place after %s', async (_name, fault) => {
    fleet.lucca.faults.add({ ...fault, path: PATH, times: 2 });
    await get();
    expect(counts).toMatchObject({ requests: 3, retries: 2 });
  });

  it('stops after the second quick retry, well within five seconds', async () => {
    fleet.lucca.faults.add({ kind: 'status', status: 500, path: PATH, times: Infinity });
    const started = performance.now();
    expect(await failure(get())).toMatchObject({ code: 'provider_unavailable', kind: 'transient' });
    expect(statuses()).toEqual([500, 500, 500]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it.each([
    ['a 503 that names a moment', 503, { 'retry-after': '30' }, 'provider_unavailable', 30],
    ['a 429', 429, { 'retry-after': '12' }, 'provider_rate_limited', 12],
    ['a 429 without a hint', 429, {}, 'provider_rate_limited', undefined],
    ['a 423', 423, {}, 'provider_not_ready', undefined],
    ['a 403', 403, {}, 'provider_forbidden', undefined],
    ['a 400', 400, {}, 'provider_refused', undefined],
  ] as const)('does not repeat %s in place', async (_name, status, headers, code, seconds) => {
    fleet.lucca.faults.add({ kind: 'status', status, headers, path: PATH, times: Infinity });
    const before = Date.now();
    const error = await failure(get());
    expect(error).toMatchObject({ code, details: { status } });
    expect(statuses()).toEqual([status]);
    const { retryAt } = error.details;
    if (seconds === undefined) expect(retryAt).toBeUndefined();
    else expect(Math.abs(Number(retryAt) - before - seconds * 1_000)).toBeLessThan(2_000);
  });

  it('waits for a hanging answer once, no longer than its timeout', async () => {
    fleet.lucca.faults.add({ kind: 'hang', path: PATH, times: Infinity });
    expect(await failure(get())).toMatchObject({ code: 'request_timeout' });
    expect(counts.requests).toBe(1);
  });

  it('names the missing scope of a 403, and no secret in any error', async () => {
    const secrets = [fleet.lucca.credentials.clientSecret];
    fleet.lucca.faults.add({ kind: 'status', status: 403, path: PATH });
    const forbidden = await failure(get());
    expect(forbidden.message).toContain('employees.readonly');
    fleet.lucca.faults.add({ kind: 'status', status: 401, path: PATH, times: 2 });
    fleet.lucca.faults.add({ kind: 'html', path: PATH });
    const errors = [forbidden, await failure(get()), await failure(get())];
    expect(errors.map((error) => error.code)).toEqual([
      'provider_forbidden',
      'provider_unauthorized',
      'response_unreadable',
    ]);
    for (const error of errors) {
      const shown = JSON.stringify([error.report(), error.details, String(error.cause)]);
      for (const secret of secrets) expect(shown).not.toContain(secret);
      expect(shown).not.toMatch(/bearer/i);
    }
  });

  describe('with a server in the way', () => {
    let trap: Server;
    const caught: { url: string | undefined; headers: Record<string, unknown> }[] = [];
    const origin = (): string => `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
    beforeAll(async () => {
      trap = createServer((request, response) => {
        caught.push({ url: request.url, headers: request.headers });
        response.setHeader('content-type', 'application/json').end('{"items":[]}');
      });
      await new Promise<void>((resolve) => void trap.listen(0, '127.0.0.1', resolve));
    });
    beforeEach(() => void caught.splice(0));
    afterAll(async () => {
      trap.closeAllConnections();
      await new Promise((resolve) => trap.close(resolve));
    });

    it('sends the version header and the token to the connection’s own API', async () => {
      const own = { ...connection, endpoints: { ...connection.endpoints, api: `${origin()}/api` } };
      await fleet.runtime.outbound.getJson({ connection: own, flow, url: `${origin()}/api/x`, counts });
      expect(caught).toHaveLength(1);
      expect(caught[0]?.headers).toMatchObject({
        'api-version': '2024-11-01',
        authorization: expect.stringMatching(/^Bearer \S+$/) as string,
      });
    });

    it.each(['a next link', 'a redirect'])('never sends anything to another origin: %s', async (how) => {
      if (how === 'a next link') {
        expect(await failure(get(`${origin()}/lucca-api/employees?page=2`))).toMatchObject({
          code: 'next_link_refused',
        });
        expect(counts.tokenRequests).toBe(0);
      } else {
        fleet.lucca.faults.add({ kind: 'redirect', location: `${origin()}/steal`, path: PATH });
        expect(await failure(get())).toMatchObject({ code: 'redirect_refused' });
      }
      expect(caught).toEqual([]);
    });
  });

  it('shares one shutdown signal among many requests without a warning, and ends them all with it', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    fleet.lucca.faults.add({ kind: 'hang', path: PATH, times: Infinity });
    const all = Array.from({ length: 25 }, () => get(url(), stop.signal));
    const settled = Promise.allSettled(all);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('stopping'));
    expect((await settled).map((result) => result.status)).toEqual(Array(25).fill('rejected'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });
});
