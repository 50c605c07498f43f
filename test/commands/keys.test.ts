import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.apply({ acme: bench.connection({ tokenPolicy: 'reuse' }), globex: bench.connection() });
  // leaves a token in the cache
  expect(await bench.run(['check', 'acme'])).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const secret = randomBytes(32).toString('base64');
const fresh = `k2:${secret}`;

const keysInUse = async (): Promise<string[]> => {
  const rows = await bench.query<{ key: string }>(
    `select split_part(credentials, '.', 2) as key from sluice.connections
      union all select split_part(ciphertext, '.', 2) from sluice.tokens`,
  );
  return rows.map(({ key }) => key);
};

it('keys rotate encrypts everything with the first key, after which the old one can go', async () => {
  const old = bench.env.SLUICE_ENCRYPTION_KEYS ?? '';
  expect(await keysInUse()).toEqual(['k1', 'k1', 'k1']);

  // the new key without the old one, before the rotation: nothing can be read, and nothing is lost
  const [early, blind] = await Promise.all([
    bench.run(['keys', 'rotate', '--json'], { SLUICE_ENCRYPTION_KEYS: fresh }),
    bench.run(['check', 'acme', '--json'], { SLUICE_ENCRYPTION_KEYS: fresh }),
  ]);
  for (const { code, json } of [early, blind]) {
    expect(code).toBe(2);
    expect(json.error).toMatchObject({
      code: 'vault_key_missing',
      kind: 'config',
      message: expect.stringContaining('"k1"'),
      advice: expect.stringContaining('SLUICE_ENCRYPTION_KEYS'),
    });
  }
  expect(await keysInUse()).toEqual(['k1', 'k1', 'k1']);

  const both = { SLUICE_ENCRYPTION_KEYS: `${fresh},${old}` };
  const rotated = await bench.run(['keys', 'rotate', '--json'], both);
  expect(rotated).toMatchObject({ code: 0 });
  expect(rotated.json).toEqual({ key: 'k2', credentials: 2, grants: 0, tokens: 1, current: 0 });
  expect(await keysInUse()).toEqual(['k2', 'k2', 'k2']);

  const [again, check, synced] = await Promise.all([
    bench.run(['keys', 'rotate'], both),
    bench.run(['check', 'acme', '--json'], { SLUICE_ENCRYPTION_KEYS: fresh }),
    bench.run(['sync', 'globex', '--wait', '--json'], { SLUICE_ENCRYPTION_KEYS: fresh }),
  ]);
  expect(again).toMatchObject({
    code: 0,
    stdout: 'Encrypted 0 credentials, 0 grants and 0 tokens with the key k2; 3 were already.\n',
  });
  expect(check).toMatchObject({ code: 0 });
  expect(synced).toMatchObject({ code: 0 });
  // the token that was cached before is the one that is used
  expect(bench.lucca.requests.counters().tokenRequests).toBe(2);
  await bench.expectNoSecrets(secret);
});

it('keys rotate reaches what a removed connection has left to be done at its provider', async () => {
  const { lucca } = bench;
  const [second, third] = [`k2:${secret}`, `k3:${randomBytes(32).toString('base64')}`];
  const port = await freePort();
  const env = { SLUICE_ENCRYPTION_KEYS: second, PUBLIC_URL: `http://127.0.0.1:${port}` };
  const web = bench.start(['web'], { ...env, PORT: String(port), HOST: '127.0.0.1' });
  await web.said('ready', 60_000);
  expect(await bench.run(['webhooks', 'register', 'acme', '--json'], env)).toMatchObject({ code: 0 });
  expect(lucca.webhooks.endpoints()).toHaveLength(1);
  await web.end('SIGTERM');

  const path = '/lucca-api/webhook-endpoints/*';
  lucca.faults.add({ kind: 'status', status: 503, path, method: 'DELETE', times: 10 });
  expect(await bench.run(['connections', 'remove', 'acme'], env)).toMatchObject({ code: 0 });
  lucca.faults.clear();
  const left = `select split_part(credentials, '.', 2) as credentials, split_part(secrets, '.', 2) as secrets
                  from sluice.webhook_removals`;
  expect(await bench.query(left)).toEqual([{ credentials: 'k2', secrets: 'k2' }]);

  const rotated = await bench.run(['keys', 'rotate', '--json'], {
    SLUICE_ENCRYPTION_KEYS: `${third},${second}`,
  });
  expect(rotated).toMatchObject({ code: 0 });
  expect(await bench.query(left)).toEqual([{ credentials: 'k3', secrets: 'k3' }]);

  // the old key is gone, and the endpoint goes too: a command that removes a connection does what is due
  await bench.query('update sluice.webhook_removals set next_attempt_at = now()');
  const last = await bench.run(['connections', 'remove', 'globex'], { SLUICE_ENCRYPTION_KEYS: third });
  expect(last).toMatchObject({ code: 0 });
  expect(lucca.webhooks.endpoints()).toEqual([]);
  expect(await bench.query(left)).toEqual([]);
  await bench.expectNoSecrets(secret);
});
