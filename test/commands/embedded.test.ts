/** Commands with nothing configured: each folder brings its own Postgres, and its own secrets. */
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { endAll, type SluiceProcess } from '../support/process.ts';
import { disguises, openShell, type Shell } from './bench.ts';

let shell: Shell;
let sandbox: Sandbox<'lucca'>;
beforeAll(async () => {
  shell = openShell({ SLUICE_ALLOW_LOOPBACK: 'true', PORT: '0', SLUICE_DATA_DIR: 'data' });
  // where the tests run as root, the server runs as somebody else, who has to get there
  chmodSync(shell.cwd, 0o755);
  sandbox = await startSandbox({
    providers: ['lucca'],
    limits: 'off',
    lucca: { records: { employees: 20 } },
  });
});
afterAll(async () => {
  await endAll();
  await sandbox.close();
  shell.close();
});

interface Secrets {
  readonly encryptionKey: { readonly key: string };
  readonly apiKey: string;
  readonly adminPassword: string;
  readonly sessionSecret: string;
}

const secretsFile = () => join(shell.cwd, 'data', 'secrets.json');
const secrets = (): Secrets => JSON.parse(readFileSync(secretsFile(), 'utf8'));
const times = (text: string, part: string) => text.split(part).length - 1;

async function urlOf(sluice: SluiceProcess): Promise<string> {
  await sluice.said('"msg":"ready"');
  return /"url":"([^"]+)"/.exec(sluice.stderr())?.[1] ?? '';
}

it('start makes its secrets, prints the password once, serves, and lets other commands work beside it', async () => {
  const { lucca } = sandbox.providers;
  const first = shell.start(['start']);
  const url = await urlOf(first);
  const { adminPassword } = secrets();
  expect(statSync(secretsFile()).mode & 0o777).toBe(0o600);
  expect(first.stderr()).toContain(`Password of the console: ${adminPassword}`);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);

  const file = shell.file('sluice.yaml', {
    connections: {
      acme: {
        provider: 'lucca',
        settings: lucca.settings,
        credentials: lucca.credentials,
        endpoints: lucca.urls,
        streams: ['employees'],
        schedule: 'manual',
      },
    },
  });
  const [second, empty, applied] = await Promise.all([
    shell.run(['start']),
    shell.run(['connections']),
    shell.run(['apply', file, '--json']),
  ]);
  expect(second).toMatchObject({ code: 2, stdout: '' });
  expect(second.stderr).toMatch(new RegExp(`error folder_in_use: .+ pid ${first.pid}\\b`));
  expect(second.stderr).toContain('fix: Stop that process first');
  expect(empty.code).toBe(0);
  expect(applied.json.data).toEqual([{ id: 'acme', action: 'create', changed: [] }]);
  const synced = await shell.run(['sync', 'acme', '--wait', '--json']);
  expect(synced).toMatchObject({ code: 0 });
  expect(synced.json.run.streams[0]).toMatchObject({ added: 20 });
  expect(await first.end('SIGTERM')).toMatchObject({ code: 0, signal: null });

  // nobody is left: a command starts the server again, finds the data, applies nothing, and prints no password
  const later = await shell.run(['records', 'acme', 'employees', '--limit', '3']);
  expect(later).toMatchObject({ code: 0, stderr: '' });
  expect(later.stdout.trim().split('\n')).toHaveLength(3);
  const again = shell.start(['start']);
  await urlOf(again);
  expect(again.stderr()).toContain('unchanged acme');
  expect(await again.end('SIGINT')).toMatchObject({ code: 0 });

  const { encryptionKey, apiKey, sessionSecret } = secrets();
  const printed = shell.printed();
  expect(times(printed, adminPassword)).toBe(1);
  for (const secret of [encryptionKey.key, apiKey, sessionSecret, lucca.credentials.clientSecret])
    for (const form of disguises(secret)) expect(printed).not.toContain(form);
});

it('whichever command comes first in a new folder prints the password, beside its result', async () => {
  const env = { SLUICE_DATA_DIR: 'other' };
  const first = await shell.run(['connections', '--json'], env);
  expect(first).toMatchObject({ code: 0 });
  expect(first.json).toEqual({ data: [] });
  const { adminPassword } = JSON.parse(readFileSync(join(shell.cwd, 'other', 'secrets.json'), 'utf8'));
  expect(first.stderr).toContain(adminPassword);
  // the server was stopped with the last that used it
  expect(() => statSync(join(shell.cwd, 'other', 'postgres', 'server.json'))).toThrow('ENOENT');
});

it('demo --once does a full pass and prints one JSON document', async () => {
  const { code, json, stderr } = await shell.run(['demo', '--once', '--json', '--records', '20'], {
    DATABASE_URL: 'postgres://ignored@127.0.0.1:1/ignored',
    SLUICE_CONFIG: 'sluice.yaml',
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(json).toMatchObject({
    ok: true,
    seconds: expect.any(Number),
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
  });
  const demo = json.connections.find((connection: any) => connection.provider === 'lucca');
  expect(demo).toMatchObject({
    id: 'demo-lucca',
    state: 'active',
    records: { employees: 20 },
    tokenRequests: 1,
    webhooks: { received: 3, processed: 3 },
  });
});
