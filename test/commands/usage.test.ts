import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { canary, openShell, type Shell } from './bench.ts';

const KEY = `k1:${randomBytes(32).toString('base64')}`;
const DATABASE = { DATABASE_URL: 'postgres://sluice:hunter2-hunter2@127.0.0.1:1/x' };

let shell: Shell;
beforeAll(() => {
  shell = openShell({});
});
afterAll(async () => {
  await endAll();
  shell.close();
});

describe('wrong usage', () => {
  it.concurrent.each([
    { args: ['sycn'], says: /unknown command 'sycn'.*Did you mean sync\?/s },
    { args: ['keys', 'rotat'], says: /Did you mean rotate\?/ },
    { args: ['sync'], says: /missing required argument 'id'/ },
    { args: ['sync', 'acme', '--wiat'], says: /unknown option '--wiat'.*Did you mean --wait\?/s },
    { args: ['sync', 'acme', '--timeout', '10'], says: /'10' is invalid.*such as 30s, 10m or 2h/s },
    {
      args: ['records', 'acme', 'employees', '--format', 'xml'],
      says: /Allowed choices are ndjson, json, csv/,
    },
    { args: ['records', 'acme', 'employees', '--limit', '0'], says: /a whole number from 1/ },
    { args: ['demo'], says: /--json needs --once/ },
    { args: ['connections', 'remove'], says: /missing required argument 'id'/ },
    { args: ['connections', 'acme', 'globex'], says: /too many arguments/ },
  ])('sluice $args ends with exit code 2 and says what is wrong', async ({ args, says }) => {
    const result = await shell.run([...args, '--json']);
    expect(result).toMatchObject({ code: 2, stderr: '' });
    expect(result.json).toEqual({
      error: {
        code: 'usage',
        kind: 'config',
        message: expect.stringMatching(says),
        advice: expect.stringContaining('--help'),
      },
    });
  });

  it('is said to a person on standard error', async () => {
    const [typo, none] = await Promise.all([shell.run(['sycn']), shell.run(['keys'])]);
    expect(typo).toMatchObject({ code: 2, stdout: '' });
    expect(typo.stderr).toMatch(/^error: unknown command 'sycn'\n\(Did you mean sync\?\)\n\(add --help/);
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toMatch(/^Usage: sluice keys/);
  });

  it('shows the help on standard error where the command is missing, and on standard output where it is asked for', async () => {
    const [none, asked, version] = await Promise.all([
      shell.run([]),
      shell.run(['--help']),
      shell.run(['--version']),
    ]);
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(asked).toMatchObject({ code: 0, stderr: '', stdout: none.stderr });
    const { version: expected } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    expect(version).toMatchObject({ code: 0, stderr: '', stdout: `${expected}\n` });
  });
});

describe('a wrong environment', () => {
  it('is refused with all of its problems at once, each with its fix, and none of its secrets', async () => {
    const password = canary('password');
    const env = {
      ...DATABASE,
      PORT: '70000',
      SLUICE_WORKER_CONCURRENCY: 'many',
      SLUICE_ADMIN_PASSWORD: password,
      SLUICE_ENCRYPTION_KEY: KEY,
      LOG_LEVEL: 'loud',
    };
    const [human, program] = await Promise.all([
      shell.run(['web'], env),
      shell.run(['connections', '--json'], { ...env, SLUICE_ENCRYPTION_KEYS: 'nonsense-nonsense' }),
    ]);
    expect(human).toMatchObject({ code: 2, stdout: '' });
    for (const name of [
      'PORT',
      'SLUICE_WORKER_CONCURRENCY',
      'LOG_LEVEL',
      'SLUICE_ENCRYPTION_KEYS',
      'SLUICE_SESSION_SECRET',
      'PUBLIC_URL',
    ])
      expect(human.stderr).toMatch(new RegExp(`^${name}: .+\\n    fix: .+`, 'm'));
    expect(human.stderr).toContain('did you mean SLUICE_ENCRYPTION_KEYS?');
    expect(program.code).toBe(2);
    expect(program.json.error).toMatchObject({ code: 'config_invalid', kind: 'config' });
    expect(program.json.error.problems.map((problem: any) => problem.where)).toEqual(
      expect.arrayContaining(['PORT', 'SLUICE_WORKER_CONCURRENCY', 'LOG_LEVEL', 'SLUICE_ENCRYPTION_KEYS']),
    );
    for (const printed of [human.stderr, program.stdout, program.stderr]) {
      for (const secret of [password, 'hunter2-hunter2', 'nonsense-nonsense', KEY])
        expect(printed).not.toContain(secret);
    }
  });

  it('is refused by every kind of process where DATABASE_URL is set and no key is', async () => {
    const commands = [['start'], ['worker'], ['connections']];
    for (const result of await Promise.all(commands.map((args) => shell.run(args, DATABASE)))) {
      expect(result.code).toBe(2);
      expect(result.stderr).toMatch(/SLUICE_ENCRYPTION_KEYS: is missing/);
      expect(result.stderr).toContain('openssl rand -base64 32');
    }
  });

  it('names a database that cannot be reached, without its password', async () => {
    const env = { ...DATABASE, SLUICE_ENCRYPTION_KEYS: KEY };
    const results = await Promise.all([
      shell.run(['connections', '--json'], env),
      shell.run(['migrate', '--json'], DATABASE),
    ]);
    for (const { code, stdout, stderr, json } of results) {
      expect(code).toBe(1);
      expect(json.error).toMatchObject({ code: 'database_unreachable', kind: 'transient' });
      expect(stdout + stderr).not.toContain('hunter2');
    }
  });

  it('is no matter to the commands that need none', async () => {
    const [all, one, typo, valid] = await Promise.all([
      shell.run(['providers', '--json'], { ...DATABASE }),
      shell.run(['providers', 'lucca', '--json']),
      shell.run(['providers', 'luca', '--json']),
      shell.run(['validate', shell.file('none.yaml', 'connections: {}\n'), '--json']),
    ]);
    expect(all.code).toBe(0);
    expect(all.json.data).toContainEqual(one.json.provider);
    expect(one.json.provider).toMatchObject({
      id: 'lucca',
      grants: ['client'],
      tokenPolicy: 'per-flow',
      streams: expect.arrayContaining([expect.objectContaining({ name: 'employees', path: '/employees' })]),
      limits: [expect.objectContaining({ requests: 50, perSeconds: 60 })],
    });
    expect(typo).toMatchObject({ code: 3 });
    expect(typo.json.error).toMatchObject({ code: 'not_found', message: expect.stringContaining('lucca?') });
    expect(valid).toMatchObject({ code: 0, stderr: '' });
    expect(valid.json).toEqual({ ok: true, connections: [], problems: [], error: null });
  });
});

describe('a command that does nothing with them', () => {
  /** Says which libraries the process has loaded when it ends. */
  const tellLoaded =
    'data:text/javascript,' +
    encodeURIComponent(
      `import module from 'node:module';process.on('exit',()=>process.stderr.write('loaded '+Object.keys(module._cache).join(' ')+'\\n'))`,
    );
  const env = { ...DATABASE, SLUICE_ENCRYPTION_KEYS: KEY, NODE_OPTIONS: `--import ${tellLoaded}` };
  const librariesOf = async (args: readonly string[]): Promise<Set<string>> => {
    const { stderr } = await shell.run(args, env);
    const loaded = /^loaded (.+)$/m.exec(stderr)?.[1] ?? '';
    return new Set(
      [...loaded.matchAll(/node_modules\/((?:@[^/ ]+\/)?[^/ ]+)/g)].map(([, name = '']) => name),
    );
  };

  it('loads neither the queue nor the HTTP client, which would be most of its time', async () => {
    const [providers, connections] = await Promise.all([
      librariesOf(['providers']),
      librariesOf(['connections']),
    ]);
    // what it does need shows that the list is one
    expect([...providers]).toContain('commander');
    expect([...connections]).toEqual(expect.arrayContaining(['commander', 'pg']));
    expect(['pg', 'bullmq', 'ioredis', 'undici'].filter((name) => providers.has(name))).toEqual([]);
    expect(['bullmq', 'ioredis', 'undici'].filter((name) => connections.has(name))).toEqual([]);
  });
});
