import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTokenServer, type TokenServer } from '../auth/token-server.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
let tokens: TokenServer;
let api: Server;

beforeAll(async () => {
  tokens = await startTokenServer();
  tokens.answer = ({ form }) =>
    form.get('client_id') === 'wrong'
      ? { status: 401, body: { error: 'invalid_client', error_description: 'no such key' } }
      : tokens.grant({ scope: 'employees.readonly' });
  api = createServer((_request, response) => {
    response.setHeader('www-authenticate', [
      'Basic realm="a, b"',
      'Bearer error="insufficient_scope", scope="leaves.readonly"',
    ]);
    response.writeHead(403).end('{}');
  });
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  bench = await openBench();
  const origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const own = {
    tokenPolicy: 'reuse',
    streams: ['employees', 'leaves'],
    scopes: ['employees.readonly', 'leaves.readonly'],
    endpoints: { token: tokens.url, api: origin },
  };
  await bench.apply({
    narrow: bench.connection(own),
    wrong: bench.connection({ ...own, credentials: { clientId: 'wrong', clientSecret: '${CLIENT_SECRET}' } }),
  });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
  await tokens.close();
  api.closeAllConnections();
  api.close();
});

describe('a scope that was asked and not granted', () => {
  it('is named by check, by the advice of a 403, by token and by connections', async () => {
    const check = await bench.run(['check', 'narrow', '--json']);
    expect(check).toMatchObject({ code: 4 });
    expect(check.json.steps[1]).toMatchObject({ name: 'token', ok: true });
    expect(check.json.steps[1].detail).toContain('granted without leaves.readonly');
    expect(check.json.error).toMatchObject({ code: 'provider_forbidden' });
    expect(check.json.error.message).toContain('insufficient_scope');
    expect(check.json.error.advice).toContain('the scope leaves.readonly');

    const [token, human, connection] = await Promise.all([
      bench.run(['token', 'narrow', '--json']),
      bench.run(['token', 'narrow']),
      bench.run(['connections', 'narrow']),
    ]);
    expect(token.json).toMatchObject({
      state: 'narrowed',
      since: token.json.token.obtainedAt,
      token: { scopes: ['employees.readonly'], missingScopes: ['leaves.readonly'] },
    });
    expect(token.json.advice).toContain('leaves.readonly');
    expect(human.stdout).toContain('not granted  leaves.readonly');
    expect(connection.stdout).toMatch(/token narrowed since .+: .*without leaves\.readonly/);
  });
});

describe('a token request that fails', () => {
  it('is told with since when, why and what to do, by token and by connections', async () => {
    const check = await bench.run(['check', 'wrong']);
    expect(check.stdout).toMatch(/^failed {2}token: failing since .+Z$/m);
    const asked = tokens.requests.length;
    const [token, human, list, one] = await Promise.all([
      bench.run(['token', 'wrong', '--json']),
      bench.run(['token', 'wrong']),
      bench.run(['connections', '--json']),
      bench.run(['connections', 'wrong']),
    ]);
    expect(token).toMatchObject({ code: 0 });
    expect(token.json).toMatchObject({
      state: 'failing',
      since: expect.stringMatching(/Z$/),
      error: 'token_client_rejected',
      kind: 'config',
      failures: 1,
      retryAt: expect.stringMatching(/Z$/),
      token: null,
    });
    expect(token.json.reason).toContain('no such key');
    expect(human.stdout).toMatch(/^state +failing, since /m);
    expect(human.stdout).toMatch(/^fix +.*client secret/m);
    expect(list.json.data.find(({ id }: { id: string }) => id === 'wrong').token).toEqual({
      state: 'failing',
      since: token.json.since,
      reason: token.json.reason,
      advice: token.json.advice,
    });
    expect(one.stdout).toMatch(/wrong: token failing since .+\n {2}fix: .*client secret/);
    // to look is not to ask
    expect(tokens.requests).toHaveLength(asked);
  });
});
