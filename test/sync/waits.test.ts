import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findConnection } from '../../src/store/connections.ts';
import { runView } from '../../src/sync/history.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';

const TOKEN = '/connect/token';
const fast = { attempts: 3, baseDelay: '50ms', maxDelay: '200ms' };

describe('a run whose provider refuses or delays', () => {
  let fleet: Fleet;
  let count = 0;
  let id = '';
  beforeAll(async () => {
    fleet = await startFleet({ lucca: { records: 10 } });
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    fleet.lucca.requests.clear();
    // what the test before taught the fleet about the token endpoint
    await fleet.tokens.forgetFailures();
  });
  afterEach(() => fleet.lucca.faults.clear());
  afterAll(() => fleet.close());

  const connection = async () => findConnection(fleet.runtime.db.pool, id);
  const ask = (streams?: string[]): Promise<string> =>
    fleet.runtime.jobs.askForRun({
      connectionId: id,
      trigger: 'command',
      priority: 1,
      ...(streams === undefined ? {} : { streams }),
    });
  const streamRow = async (runId: string, stream: string) =>
    (
      await fleet.runtime.db.pool.query<{ status: string; attempts: number; waited: string }>(
        'select status, attempts, waited from sluice.run_streams where run_id = $1 and stream = $2',
        [runId, stream],
      )
    ).rows[0];

  it('is partial when one stream is forbidden, and names the scope', async () => {
    await fleet.connect(id, { streams: ['employees', 'departments', 'leaves'], retry: fast });
    fleet.lucca.faults.add({ kind: 'status', status: 403, path: '*/leaves', times: Infinity });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'partial', error: { code: 'provider_forbidden' }, tokenRequests: 1 });
    const forbidden = run.streams.find((stream) => stream.name === 'leaves');
    expect(forbidden).toMatchObject({
      status: 'failed',
      error: { code: 'provider_forbidden', kind: 'auth' },
    });
    expect(forbidden?.error?.advice).toContain('leaves.readonly');
    expect(run.streams.filter((stream) => stream.status === 'succeeded')).toHaveLength(2);
    expect(fleet.lucca.requests.list().filter((entry) => entry.status === 403)).toHaveLength(3);
    expect(await connection()).toMatchObject({ state: 'active' });
  });

  it('needs a person when every token is rejected for ever', async () => {
    await fleet.connect(id, { streams: ['employees', 'departments'], retry: fast });
    fleet.lucca.faults.add({ kind: 'status', status: 401, path: '/lucca-api/*', times: Infinity });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'provider_unauthorized' } });
    expect(run.tokenRequests).toBe(2);
    expect(await connection()).toMatchObject({
      state: 'needs_attention',
      state_code: 'provider_unauthorized',
      state_advice: expect.stringContaining('sluice check') as string,
    });
    fleet.lucca.requests.clear();
    const next = await fleet.sync(id);
    expect(next).toMatchObject({ status: 'failed', error: { code: 'connection_parked' } });
    expect(fleet.lucca.requests.counters().total).toBe(0);
  });

  it('needs a person at once when the client secret is wrong, after one token request', async () => {
    const { clientId } = fleet.lucca.credentials;
    await fleet.connect(id, { credentials: { clientId, clientSecret: 'not it' }, retry: fast });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'token_client_rejected', kind: 'config' } });
    expect(run.streams).toHaveLength(8);
    expect(fleet.lucca.requests.counters()).toMatchObject({ total: 1, tokenRequests: 1 });
    expect(await connection()).toMatchObject({
      state: 'needs_attention',
      state_code: 'token_client_rejected',
    });
    await fleet.connect(id, { retry: fast });
    expect(await connection()).toMatchObject({ state: 'active', state_reason: null });
    expect(await fleet.sync(id)).toMatchObject({ status: 'succeeded' });
  });

  it('needs a person when its scopes are refused, without deleting anything', async () => {
    await fleet.connect(id, { streams: ['employees'], retry: fast });
    await fleet.sync(id);
    fleet.lucca.faults.add({ kind: 'oauth-error', error: 'invalid_scope', path: TOKEN });
    expect(await fleet.sync(id)).toMatchObject({ status: 'failed', error: { code: 'token_scope_rejected' } });
    expect(await connection()).toMatchObject({ state: 'needs_attention' });
    expect((await fleet.mirror(id, 'employees')).size).toBe(10);
  });

  it('waits in the queue on a 429, spends no attempt and holds no slot', async () => {
    await fleet.connect(id, {
      streams: ['employees', 'departments'],
      limits: { concurrency: 1 },
      retry: fast,
    });
    const headers = { 'retry-after': '1' };
    // in one go more often than there are attempts
    fleet.lucca.faults.add({ kind: 'status', status: 429, headers, path: '*/departments', times: 4 });
    const started = Date.now();
    const runId = await ask();
    const waiting = await waitFor(async () => {
      const row = await streamRow(runId, 'departments');
      return row?.status === 'waiting' ? row : undefined;
    }, 10_000);
    expect(waiting).toMatchObject({ attempts: 0 });
    expect(Number(waiting.waited)).toBeGreaterThan(500);
    // the only slot went to the other stream
    await waitFor(
      async () => ((await streamRow(runId, 'employees'))?.status === 'succeeded' ? true : undefined),
      10_000,
    );
    await waitFor(
      async () => ((await runView(fleet.runtime.db, runId))?.status === 'waiting' ? true : undefined),
      10_000,
    );
    const run = await fleet.ended(runId);
    expect(run).toMatchObject({ status: 'succeeded', error: null, tokenRequests: 1, retries: 0 });
    expect(Date.now() - started).toBeGreaterThan(3_900);
    expect(await streamRow(runId, 'departments')).toMatchObject({ attempts: 0 });
  });

  it('spends attempts on a 503 that names a moment, and waits for it in the queue', async () => {
    await fleet.connect(id, { streams: ['employees'], retry: fast });
    const headers = { 'retry-after': '1' };
    fleet.lucca.faults.add({ kind: 'status', status: 503, headers, path: '*/employees', times: 1 });
    const runId = await ask();
    await waitFor(async () => {
      const row = await streamRow(runId, 'employees');
      return row?.status === 'waiting' && row.attempts === 1 && row.waited === '0' ? row : undefined;
    }, 10_000);
    expect(await fleet.ended(runId)).toMatchObject({ status: 'succeeded', requests: 2, retries: 0 });
  });

  it('fails a stream whose attempts are spent, and the connection stays active', async () => {
    await fleet.connect(id, { streams: ['employees'], retry: fast });
    const headers = { 'retry-after': '0.05' };
    fleet.lucca.faults.add({ kind: 'status', status: 503, headers, path: '*/employees', times: Infinity });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'provider_unavailable' }, requests: 3 });
    expect(await connection()).toMatchObject({ state: 'active' });
  });

  it('outlives an outage of the token endpoint', async () => {
    await fleet.connect(id, {
      streams: ['employees', 'departments', 'leaves'],
      retry: { attempts: 8, baseDelay: '50ms', maxDelay: '500ms' },
    });
    fleet.lucca.faults.add({ kind: 'status', status: 503, path: TOKEN, times: 2 });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'succeeded', error: null });
    // the streams share one memory of the failures, so that they don't knock three at a time
    expect(fleet.lucca.requests.counters().tokenRequests).toBe(3);
  });

  it('goes on with a new token when the first ends in the middle', async () => {
    await fleet.connect(id, { streams: ['employees'], limits: { pageSize: 2 }, retry: fast });
    fleet.lucca.faults.add({ kind: 'status', status: 401, path: '*/employees', skip: 2, times: 1 });
    const run = await fleet.sync(id);
    expect(run).toMatchObject({ status: 'succeeded', tokenRequests: 2, retries: 1 });
  });
});
