import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  checkEnvironment,
  loadEnvironment,
  localUrl,
  type Problem,
  type Role,
} from '../../src/config/index.ts';
import { SluiceError } from '../../src/errors.ts';

const key = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
const webhookKey = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
const production = {
  DATABASE_URL: 'postgres://sluice:hunter2@db.internal:5432/sluice',
  SLUICE_ENCRYPTION_KEYS: `k1:${key}`,
  PUBLIC_URL: 'https://sluice.example.com/',
};

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sluice-environment-'));
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

const load = (env: NodeJS.ProcessEnv, role: Role = 'start') => loadEnvironment(env, { role, cwd });
const problemsOf = (env: NodeJS.ProcessEnv, role: Role = 'start') =>
  checkEnvironment(env, { role, cwd }).problems;
const at = (problems: readonly Problem[], where: string) =>
  problems.filter((problem) => problem.where === where);

describe('an empty environment', () => {
  it('gives embedded mode with every default', () => {
    expect(load({})).toEqual({
      role: 'start',
      mode: 'embedded',
      databaseUrl: undefined,
      queueDatabaseUrl: undefined,
      redisUrl: undefined,
      queuePrefix: 'sluice',
      configFile: undefined,
      dataDir: join(cwd, '.sluice'),
      encryptionKeys: [],
      apiKeys: [],
      adminPassword: undefined,
      sessionSecret: undefined,
      port: 3000,
      host: '127.0.0.1',
      publicUrl: 'http://127.0.0.1:3000',
      publicUrlSet: false,
      workerPort: undefined,
      metricsOpen: false,
      bullBoard: 'read-only',
      workerConcurrency: 20,
      shutdownGraceMs: 25_000,
      allowLoopback: false,
      allowHosts: [],
      returnOrigins: [],
      notifyUrl: undefined,
      notifySecret: undefined,
      logLevel: 'info',
      logFormat: 'json',
      otelEndpoint: undefined,
      warnings: [],
    });
  });

  it('is frozen once it is read', () => {
    expect(Object.isFrozen(load({}))).toBe(true);
  });

  it('logs prettily on a terminal, unless told otherwise', () => {
    const options = { role: 'start', cwd, terminal: true } as const;
    expect(loadEnvironment({}, options).logFormat).toBe('pretty');
    expect(loadEnvironment({ LOG_FORMAT: 'json' }, options).logFormat).toBe('json');
  });
});

describe('values', () => {
  it('are read into their types', () => {
    const environment = load({
      ...production,
      REDIS_URL: 'rediss://:secret@redis.internal:6380/1',
      SLUICE_ENCRYPTION_KEYS: `k2:${key},k1:${Buffer.alloc(32, 'xy').toString('base64')}`,
      SLUICE_API_KEYS: 'first-key-0123456789,second-key-0123456789',
      SLUICE_SHUTDOWN_GRACE: '2m',
      SLUICE_METRICS_OPEN: 'true',
      SLUICE_ALLOW_HOSTS: 'Proxy.Internal, 10.0.0.0/8,fd00::/8, ::1',
      SLUICE_WORKER_PORT: '0',
      SLUICE_NOTIFY_URL: 'http://hooks.internal/sluice',
      SLUICE_NOTIFY_SECRET: webhookKey,
      LOG_LEVEL: ' debug ',
    });
    expect(environment).toMatchObject({
      mode: 'production',
      host: '0.0.0.0',
      publicUrl: 'https://sluice.example.com',
      publicUrlSet: true,
      apiKeys: ['first-key-0123456789', 'second-key-0123456789'],
      shutdownGraceMs: 120_000,
      metricsOpen: true,
      allowHosts: ['proxy.internal', '10.0.0.0/8', 'fd00::/8', '::1'],
      workerPort: 0,
      logLevel: 'debug',
    });
    expect(environment.encryptionKeys.map(({ id, key: bytes }) => [id, bytes.length])).toEqual([
      ['k2', 32],
      ['k1', 32],
    ]);
    expect(environment.notifySecret?.toString()).toBe('0123456789abcdef01234567');
  });

  it('count as unset when they are empty', () => {
    expect(load({ DATABASE_URL: '', PORT: ' ', SLUICE_ADMIN_PASSWORD: '' })).toEqual(load({}));
  });

  // name, value, words of the message
  const bad: [string, string, RegExp][] = [
    ['DATABASE_URL', 'mysql://user:hunter2@db/x', /not a postgres:\/\/ or postgresql:\/\/ URL/],
    ['DATABASE_URL', 'postgres://user:hunter2#x@db/x', /(not a URL that can be read|holds a #)/],
    ['DATABASE_URL', 'hunter2', /not a postgres/],
    ['QUEUE_DATABASE_URL', 'postgres//hunter2', /not a postgres/],
    ['REDIS_URL', 'http://:hunter2@redis', /not a redis:\/\/ or rediss:\/\/ URL/],
    ['SLUICE_QUEUE_PREFIX', 'a:hunter2', /not a key prefix/],
    ['SLUICE_ENCRYPTION_KEYS', 'hunter2', /key 1 is not of the form id:key/],
    ['SLUICE_ENCRYPTION_KEYS', `k1:${key},k2:aHVudGVyMg==`, /key 2 has 7 bytes, not 32/],
    ['SLUICE_ENCRYPTION_KEYS', `k1:${key},k1:${key}`, /key 2 has the id of another key/],
    ['SLUICE_API_KEYS', 'long-enough-0123456789,long-enough hunter2', /key 2 .* space/],
    ['SLUICE_API_KEYS', 'long-enough-0123456789,', /key 2 is empty/],
    ['PORT', '70000', /whole number from 0 to 65535/],
    ['PORT', '3000.5', /whole number/],
    ['PORT', 'hunter2', /whole number/],
    ['SLUICE_WORKER_PORT', 'tcp://10.0.0.7:9090', /service link of Kubernetes/],
    ['HOST', 'http://hunter2', /not a host name or address/],
    ['PUBLIC_URL', 'sluice.example.com', /not an http or https URL/],
    ['PUBLIC_URL', 'https://me:hunter2@example.com', /user name or password/],
    ['PUBLIC_URL', 'https://example.com/hunter2', /more than scheme, host and port/],
    ['SLUICE_METRICS_OPEN', 'yes', /neither true nor false/],
    ['SLUICE_ALLOW_LOOPBACK', '1', /neither true nor false/],
    ['SLUICE_ALLOW_LOOPBACK', 'TRUE', /neither true nor false/],
    ['SLUICE_BULL_BOARD', 'hunter2', /not one of read-only, read-write/],
    ['SLUICE_WORKER_CONCURRENCY', '0', /from 1 to 1000/],
    ['SLUICE_SHUTDOWN_GRACE', '25', /not a duration/],
    ['SLUICE_SHUTDOWN_GRACE', '2h', /longer than 1h/],
    ['SLUICE_ALLOW_HOSTS', 'ok.internal,https://hunter2', /entry 2 is no host, address or CIDR/],
    ['SLUICE_ALLOW_HOSTS', '10.0.0.0/64', /entry 1/],
    [
      'SLUICE_RETURN_ORIGINS',
      'https://app.example.com, https://app.example.com/path',
      /entry 2 is no origin/,
    ],
    ['SLUICE_RETURN_ORIGINS', 'app.example.com', /entry 1 is no origin/],
    ['SLUICE_RETURN_ORIGINS', 'javascript:alert(1)', /entry 1 is no origin/],
    ['SLUICE_NOTIFY_URL', 'hooks.internal/hunter2', /not a http:\/\/ or https:\/\/ URL/],
    ['SLUICE_NOTIFY_SECRET', 'whsec_aHVudGVyMg==', /has 7 bytes/],
    ['SLUICE_NOTIFY_SECRET', 'hunter2!', /not base64/],
    ['LOG_LEVEL', 'verbose', /not one of trace/],
    ['LOG_FORMAT', 'xml', /not one of json, pretty/],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', /URL/],
  ];
  it.each(bad)('%s=%s is a problem with a fix, and the value is not repeated', (name, value, message) => {
    const problems = at(problemsOf({ [name]: value }), name);
    expect(problems[0]).toMatchObject({
      severity: 'error',
      message: expect.stringMatching(message) as string,
    });
    expect(problems[0]?.fix).toMatch(/^[A-Z].+\.$/);
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|aHVudGVy/);
  });
});

describe('all problems together', () => {
  it('are one config_invalid that lists each with its fix and holds no secret', () => {
    const env = { DATABASE_URL: 'mysql://me:hunter2@db/x', PORT: 'x', LOG_LEVEL: 'loud', SLUICE_PORT: '1' };
    let thrown: unknown;
    try {
      load(env);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SluiceError);
    const { code, message, details } = thrown as SluiceError;
    expect(code).toBe('config_invalid');
    const names = [
      'DATABASE_URL',
      'PORT',
      'LOG_LEVEL',
      'SLUICE_ENCRYPTION_KEYS',
      'PUBLIC_URL',
      'SLUICE_PORT',
    ];
    expect((details['problems'] as Problem[]).map(({ where }) => where).sort()).toEqual(names.sort());
    for (const name of names) expect(message).toContain(`${name}: `);
    expect(message.match(/^ {4}fix: /gm)).toHaveLength(names.length);
    expect(JSON.stringify([message, details])).not.toContain('hunter2');
  });
});

describe('what a role needs in production', () => {
  const { DATABASE_URL } = production;
  const cases: [Role, string[]][] = [
    ['start', ['PUBLIC_URL', 'SLUICE_ENCRYPTION_KEYS']],
    ['web', ['PUBLIC_URL', 'SLUICE_ENCRYPTION_KEYS']],
    ['worker', ['SLUICE_ENCRYPTION_KEYS']],
    ['release', ['SLUICE_ENCRYPTION_KEYS']],
    ['command', ['SLUICE_ENCRYPTION_KEYS']],
    ['migrate', []],
    ['offline', []],
    ['demo', []],
  ];
  it.each(cases)('%s refuses to start without %j', (role, missing) => {
    const problems = problemsOf({ DATABASE_URL }, role);
    expect(problems.map(({ where }) => where).sort()).toEqual(missing);
  });

  it('a console password needs a session secret where the console is served, and only there', () => {
    const env = { ...production, SLUICE_ADMIN_PASSWORD: 'a long password' };
    expect(problemsOf(env, 'web').map(({ where }) => where)).toEqual(['SLUICE_SESSION_SECRET']);
    expect(problemsOf(env, 'worker')).toEqual([]);
    expect(problemsOf({ SLUICE_ADMIN_PASSWORD: 'a long password' }, 'web')).toEqual([]);
  });

  it('a notification URL needs the secret that signs', () => {
    const problems = problemsOf({ SLUICE_NOTIFY_URL: 'https://hooks.example.com' }, 'worker');
    expect(problems.map(({ where }) => where)).toEqual(['SLUICE_NOTIFY_SECRET']);
  });

  it('a queue database without a database is a problem', () => {
    expect(problemsOf({ QUEUE_DATABASE_URL: 'postgres://db/x' })).toMatchObject([
      { where: 'QUEUE_DATABASE_URL' },
    ]);
  });

  it('a variable that is wrong is not also reported as missing', () => {
    expect(problemsOf({ ...production, SLUICE_ENCRYPTION_KEYS: 'x' })).toHaveLength(1);
  });

  it('guessable secrets and an open loopback are warnings without the value, and the process starts', () => {
    const environment = load({
      ...production,
      SLUICE_ENCRYPTION_KEYS: `k2:${key},k1:${Buffer.alloc(32, 7).toString('base64')}`,
      SLUICE_ADMIN_PASSWORD: 'hunter2',
      SLUICE_SESSION_SECRET: 'hunter2',
      SLUICE_API_KEYS: 'long-enough-0123456789, hunter2',
      SLUICE_ALLOW_LOOPBACK: 'true',
    });
    expect(environment.apiKeys).toEqual(['long-enough-0123456789', 'hunter2']);
    expect(environment.warnings.map(({ severity, where, message }) => [severity, where, message])).toEqual([
      ['warning', 'SLUICE_ADMIN_PASSWORD', 'is shorter than 12 characters'],
      ['warning', 'SLUICE_SESSION_SECRET', 'is shorter than 32 characters'],
      ['warning', 'SLUICE_API_KEYS', 'key 2 is shorter than 16 characters'],
      ['warning', 'SLUICE_ENCRYPTION_KEYS', 'key 2 is one byte repeated, as in an example'],
      ['warning', 'SLUICE_ALLOW_LOOPBACK', expect.any(String)],
    ]);
    expect(JSON.stringify(environment.warnings)).not.toContain('hunter2');
  });
});

describe('the demo', () => {
  it('takes no notice of what belongs to the real installation, be it right or wrong', () => {
    const environment = load(
      {
        DATABASE_URL: 'nonsense',
        REDIS_URL: 'redis://x',
        PUBLIC_URL: 'nonsense',
        SLUICE_ENCRYPTION_KEYS: 'x',
      },
      'demo',
    );
    expect(environment).toMatchObject({
      mode: 'embedded',
      databaseUrl: undefined,
      redisUrl: undefined,
      publicUrl: 'http://127.0.0.1:3000',
      encryptionKeys: [],
      allowLoopback: true,
      dataDir: join(cwd, '.sluice', 'demo'),
    });
  });
});

describe('NAME_FILE', () => {
  const file = (name: string, text: string) => {
    const path = join(cwd, name);
    writeFileSync(path, text);
    return path;
  };

  it('gives a secret, without one newline at the end', () => {
    const environment = load({ SLUICE_ADMIN_PASSWORD_FILE: file('password', 'from a file \r\n') });
    expect(environment.adminPassword).toBe('from a file ');
    expect(load({ SLUICE_ADMIN_PASSWORD_FILE: file('two', 'x\n\n') }).adminPassword).toBe('x\n');
  });

  it('is read from the working folder, and the value is checked like any other', () => {
    file('api-keys', 'with a space');
    expect(problemsOf({ SLUICE_API_KEYS_FILE: 'api-keys' })).toMatchObject([{ where: 'SLUICE_API_KEYS' }]);
  });

  it('and NAME together are a problem', () => {
    const problems = problemsOf({
      SLUICE_ADMIN_PASSWORD: 'x',
      SLUICE_ADMIN_PASSWORD_FILE: file('both', 'x'),
    });
    expect(problems).toMatchObject([{ message: 'is set, and SLUICE_ADMIN_PASSWORD_FILE is set too' }]);
  });

  it('that cannot be read, or is empty, is a problem that names the path', () => {
    const missing = join(cwd, 'nowhere');
    expect(problemsOf({ SLUICE_API_KEYS_FILE: missing })).toMatchObject([
      { where: 'SLUICE_API_KEYS_FILE', message: `names ${missing}, which cannot be read (ENOENT)` },
    ]);
    const empty = file('empty', '\n');
    expect(problemsOf({ SLUICE_API_KEYS_FILE: empty })).toMatchObject([
      { message: `names ${empty}, which is empty` },
    ]);
  });
});

describe('unknown variables', () => {
  const near: [string, string][] = [
    ['SLUICE_ALLOW_HOST', 'SLUICE_ALLOW_HOSTS'],
    ['SLUICE_API_KEY', 'SLUICE_API_KEYS'],
    ['SLUICE_ADMIN_PASS', 'SLUICE_ADMIN_PASSWORD'],
    ['SLUICE_ENCRYPTION_KEY', 'SLUICE_ENCRYPTION_KEYS'],
    ['SLUICE_DATABASE_URL', 'DATABASE_URL'],
    ['SLUICE_SHUTDOWN_GARCE', 'SLUICE_SHUTDOWN_GRACE'],
    ['SLUICE_CONFIG_FILE', 'SLUICE_CONFIG'],
  ];
  it.each(near)('%s is answered by "did you mean %s"', (name, meant) => {
    expect(at(problemsOf({ [name]: 'secret' }), name)).toMatchObject([
      { severity: 'error', message: `is not a variable of Sluice; did you mean ${meant}?` },
    ]);
  });

  it("that resemble nothing, or are Kubernetes's own, are left alone", () => {
    const env = {
      SLUICE_LUCCA_CLIENT_SECRET: 'x',
      SLUICE_SERVICE_HOST: '10.0.0.1',
      SLUICE_PORT: 'tcp://10.0.0.1:3000',
      SLUICE_PORT_3000_TCP_ADDR: '10.0.0.1',
      HOME: '/',
    };
    expect(problemsOf(env)).toEqual([]);
  });
});

describe('the declarative file', () => {
  it('is sluice.yaml where that exists, and what SLUICE_CONFIG names otherwise', () => {
    const folder = join(cwd, 'with-file');
    mkdirSync(folder);
    writeFileSync(join(folder, 'sluice.yaml'), '');
    writeFileSync(join(folder, 'other.yaml'), '');
    expect(loadEnvironment({}, { role: 'start', cwd: folder }).configFile).toBe(join(folder, 'sluice.yaml'));
    const named = loadEnvironment({ SLUICE_CONFIG: 'other.yaml' }, { role: 'web', cwd: folder });
    expect(named.configFile).toBe(join(folder, 'other.yaml'));
  });

  it('that is named but missing stops the processes that apply it, and no others', () => {
    const env = { SLUICE_CONFIG: 'nowhere.yaml' };
    expect(problemsOf(env, 'start')).toMatchObject([{ where: 'SLUICE_CONFIG' }]);
    expect(problemsOf({ SLUICE_CONFIG: '.' }, 'release')).toMatchObject([{ where: 'SLUICE_CONFIG' }]);
    expect(problemsOf(env, 'worker')).toEqual([]);
  });
});

describe('the public URL in embedded mode', () => {
  it('is one that a browser can open', () => {
    expect(load({ HOST: '0.0.0.0', PORT: '8080' }).publicUrl).toBe('http://127.0.0.1:8080');
    expect(localUrl('::1', 1)).toBe('http://[::1]:1');
  });

  it('is unknown as long as the port is', () => {
    expect(load({ PORT: '0' }).publicUrl).toBeUndefined();
  });
});
