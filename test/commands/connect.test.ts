import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import {
  authorizationCodeGrant,
  allowInsecureRequests,
  ClientSecretPost,
  Configuration,
} from 'openid-client';
import {
  CLIENT,
  createWalker,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../support/authorization-server.ts';
import { startConsentProvider, type ConsentProvider } from '../support/consent-provider.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/port.ts';
import type { SluiceProcess } from '../support/process.ts';
import { canary, openShell, type Shell } from './bench.ts';

let idp: AuthorizationServer;
let films: ConsentProvider;
let database: TestDatabase;
let shell: Shell;
let env: Record<string, string>;
const secrets = [CLIENT.secret];

beforeAll(async () => {
  vi.spyOn(console, 'info').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  idp = await startAuthorizationServer();
  films = await startConsentProvider(idp);
  database = await createTestDatabase({ max: 3 });
  env = {
    DATABASE_URL: database.url,
    SLUICE_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    SLUICE_API_KEYS: canary('api-key'),
    SLUICE_ALLOW_LOOPBACK: 'true',
  };
  shell = openShell(env, join(import.meta.dirname, 'films-cli.mjs'));
  // with the queue's schema, which a run needs
  expect((await shell.run(['migrate'])).code).toBe(0);
  const one = { ...films.connection };
  const connections = Object.fromEntries(
    ['by-link', 'by-web', 'denied', 'by-file', 'waiting', 'removed'].map((id) => [id, one]),
  );
  const applied = await shell.run(['apply', shell.file('films.json', { connections }), '--json']);
  expect(applied.code, applied.stdout).toBe(0);
});
afterAll(async () => {
  shell.close();
  await database.drop();
  await films.close();
  await idp.close();
  vi.restoreAllMocks();
});
afterEach(() => {
  idp.account = 'ada';
  idp.deny = false;
});

/** The link that a command prints, as soon as it does. */
async function linkOf(sluice: SluiceProcess): Promise<string> {
  await sluice.said('/connect/');
  return /http:\S+\/connect\/\S+/.exec(sluice.stdout() + sluice.stderr())?.[0] ?? '';
}

async function refreshToken(): Promise<string> {
  const server = { issuer: idp.issuer, token_endpoint: `${idp.issuer}/token` };
  const config = new Configuration(server, CLIENT.id, {}, ClientSecretPost(CLIENT.secret));
  allowInsecureRequests(config);
  const asked = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT.id,
    redirect_uri: 'http://127.0.0.1:1/oauth/callback',
    scope: 'openid offline_access profile',
    prompt: 'consent',
  });
  const end = await createWalker().go(`${idp.issuer}/auth?${asked.toString()}`, (url) => url.port === '1');
  return (await authorizationCodeGrant(config, end.url)).refresh_token ?? '';
}

test('a connection that nobody has made yet says how to make it', async () => {
  const shown = await shell.run(['connections', 'by-link', '--json']);
  expect(shown.json.connection).toMatchObject({ state: 'needs_reconnect', code: 'not_connected' });
  expect(shown.json.connection.advice).toContain('sluice connect by-link');
  const checked = await shell.run(['check', 'by-link', '--json']);
  expect(checked.code).toBe(4);
  expect(checked.json.error.code).toBe('not_connected');
  expect((await shell.run(['token', 'by-link', '--json'])).json.token).toBeNull();
});

test('connect listens itself where no web process runs, and ends when the person is done', async () => {
  const waiting = shell.start(['connect', 'by-link']);
  const link = await linkOf(waiting);
  expect(new URL(link).hostname).toBe('127.0.0.1');
  const page = await createWalker().go(link);
  expect(page.page).toContain('Name of ada');
  expect((await waiting.ended).code, waiting.stderr()).toBe(0);
  expect(waiting.stdout()).toContain('Connected by-link as Name of ada.');
  expect((await shell.run(['check', 'by-link'])).code).toBe(0);
  const token = await shell.run(['token', 'by-link', '--json']);
  expect(token.json.token).toMatchObject({ policy: 'reuse', fingerprint: expect.any(String) });
  expect((await shell.run(['connections', 'by-link'])).stdout).toContain('Name of ada');
});

test('connect uses the web process that runs', async () => {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const web = shell.start(['web'], { PORT: String(port), HOST: '127.0.0.1', PUBLIC_URL: publicUrl });
  await web.said('ready');
  const waiting = shell.start(['connect', 'by-web', '--json']);
  const link = await linkOf(waiting);
  expect(new URL(link).origin).toBe(publicUrl);
  expect((await createWalker().go(link)).status).toBe(200);
  expect((await waiting.ended).code, waiting.stderr()).toBe(0);
  expect(JSON.parse(waiting.stdout())).toEqual({
    connection: 'by-web',
    connected: true,
    account: 'Name of ada',
  });
  // the link itself is a secret while it lives, and stands on standard error alone
  expect(waiting.stdout()).not.toContain('ticket');
  const key = env.SLUICE_API_KEYS ?? '';
  const answer = await fetch(`${publicUrl}/v1/connections/by-web`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(await answer.json()).toMatchObject({ connection: { state: 'active', account: 'Name of ada' } });
  await web.end('SIGTERM');
});

test('connect says that access was denied', async () => {
  idp.deny = true;
  const waiting = shell.start(['connect', 'denied', '--json']);
  const page = await createWalker().go(await linkOf(waiting));
  expect(page.page).toContain('Access was not given');
  expect((await waiting.ended).code).toBe(4);
  expect(JSON.parse(waiting.stdout())).toMatchObject({ error: { code: 'connect_denied', kind: 'auth' } });
});

test('connect waits no longer than it is told', async () => {
  const waited = await shell.run(['connect', 'waiting', '--timeout', '100ms', '--json']);
  expect(waited.code).toBe(1);
  expect(waited.json.error.code).toBe('connect_timeout');
});

test('connect takes a refresh token from a file, and spends it to see that it works', async () => {
  const token = await refreshToken();
  secrets.push(token);
  const taken = await shell.run([
    'connect',
    'by-file',
    '--refresh-token-file',
    shell.file('token.txt', `${token}\n`),
    '--json',
  ]);
  expect(taken.code, taken.stdout).toBe(0);
  expect(taken.json).toEqual({ connection: 'by-file', connected: true, account: 'Name of ada' });
  expect(idp.tokenRequests.at(-1)?.get('refresh_token')).toBe(token);
  expect((await shell.run(['check', 'by-file'])).code).toBe(0);

  const spent = await shell.run(['connect', 'by-file', '--refresh-token-file', 'token.txt', '--json']);
  expect(spent.code).toBe(4);
  expect(spent.json.error.code).toBe('grant_rejected');
});

test('connect refuses the refresh token of another account unless it is meant', async () => {
  idp.account = 'bob';
  await shell.run(['connect', 'by-file', '--refresh-token-file', shell.file('a.txt', await refreshToken())]);
  const first = await shell.run(['connections', 'by-file', '--json']);
  expect(first.json.connection.account).toBe('Name of ada');
  const file = shell.file('b.txt', await refreshToken());
  const meant = await shell.run([
    'connect',
    'by-file',
    '--refresh-token-file',
    file,
    '--other-account',
    '--json',
  ]);
  expect(meant.json).toMatchObject({ connected: true, account: 'Name of bob' });
});

test('connect takes the refresh token from standard input', async () => {
  const token = await refreshToken();
  secrets.push(token);
  const { spawn } = await import('node:child_process');
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'films-cli.mjs'), 'connect', 'removed', '--refresh-token-file', '-'],
    { env: { PATH: process.env.PATH ?? '', ...env }, cwd: shell.cwd, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  child.stdin?.end(token);
  expect((await once(child, 'close'))[0]).toBe(0);
});

test.each([
  [['connect', 'nobody'], 3, 'not_found'],
  [['connect', 'by-link', '--refresh-token-file', 'missing.txt'], 2, 'usage'],
  [['connect', 'by-link', '--refresh-token-file', 'empty.txt'], 2, 'usage'],
  [['connect', 'by-link', '--timeout', 'soon'], 2, 'usage'],
  [['mappings', 'nobody'], 3, 'not_found'],
  [['mappings', 'by-link', 'set', 'x'], 2, 'usage'],
  [['mappings', 'by-link', 'set', 'no-such-site', 'mine'], 3, 'not_found'],
  [['mappings', 'by-link', 'set', 'no-such-site', ' '], 2, 'usage'],
  [['mappings', 'by-link', 'list'], 2, 'usage'],
] as const)('sluice %s ends with %i', async (args, code, error) => {
  shell.file('empty.txt', '\n');
  const result = await shell.run([...args, '--json']);
  expect(result.code).toBe(code);
  expect(result.json.error).toMatchObject({ code: error, advice: expect.any(String) });
});

test('a token for each flow is no choice where a person gave access', async () => {
  const connections = { wrong: { ...films.connection, tokenPolicy: 'per-flow' } };
  const result = await shell.run(['validate', shell.file('wrong.json', { connections }), '--json']);
  expect(result.code).toBe(2);
  expect(JSON.stringify(result.json)).toContain('per-flow is not possible with Films');
});

test('mappings lists what the provider has, with the names, and keeps the own ids', async () => {
  const synced = await shell.run(['sync', 'by-link', '--wait', '--json']);
  expect(synced.json.run).toMatchObject({ status: 'succeeded' });
  expect((await shell.run(['mappings', 'by-link', '--json'])).json.data).toEqual([
    { external: 's1', own: null, stream: 'sites', name: 'Studio one' },
    { external: 's2', own: null, stream: 'sites', name: 'Studio two' },
  ]);
  const set = await shell.run(['mappings', 'by-link', 'set', 's1', 'shop 1', '--json']);
  expect(set.json.data[0]).toEqual({ external: 's1', own: 'shop 1', stream: 'sites', name: 'Studio one' });
  expect((await shell.run(['mappings', 'by-link'])).stdout).toMatch(/s1\s+shop 1\s+Studio one\s+sites/);
  const unset = await shell.run(['mappings', 'by-link', 'unset', 's1', '--json']);
  expect(unset.json.data[0].own).toBeNull();
});

test('removing a connection gives its access back at the provider', async () => {
  // no other connection stands on this consent
  await database.db.pool.query(
    `update sluice.grants set account_id = 'only-here' where connection_id = 'removed'`,
  );
  const before = idp.revocations.length;
  expect((await shell.run(['connections', 'remove', 'removed', '--json'])).code).toBe(0);
  expect(idp.revocations.length).toBe(before + 1);
  const left = await database.db.pool.query(`select 1 from sluice.grants where connection_id = 'removed'`);
  expect(left.rowCount).toBe(0);
});

test('nothing secret was printed', () => {
  const printed = shell.printed();
  for (const secret of [...secrets, ...idp.tokenRequests.map((form) => form.get('refresh_token') ?? '')])
    if (secret !== '') expect(printed).not.toContain(secret);
});
