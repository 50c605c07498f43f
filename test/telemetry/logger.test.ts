/** What a log line holds, and above all what it never holds. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/errors.ts';
import { createLogger, type LoggerOptions } from '../../src/telemetry/logger.ts';

interface Line {
  readonly level: string;
  readonly msg?: string;
  readonly err?: any;
  readonly [name: string]: any;
}

function collect(options: LoggerOptions = {}) {
  const text: string[] = [];
  const logger = createLogger({ ...options, destination: { write: (line) => text.push(line) } });
  return { logger, text, lines: () => text.map((line) => JSON.parse(line) as Line) };
}

const SECRET = 'hunter2-hunter2-hunter2';

describe('secrets', () => {
  test.each([
    'token',
    'access_token',
    'accessToken',
    'refresh_token',
    'refreshToken',
    'id_token',
    'clientSecret',
    'client_secret',
    'authorization',
    'Authorization',
    'apiKey',
    'X-Api-Key',
    'password',
    'secret',
    'webhookSecret',
    'cookie',
    'Set-Cookie',
    'credentials',
    'code_verifier',
  ])('a property named %s is hidden at every depth', (name) => {
    const { logger, text, lines } = collect();
    logger.info(
      { [name]: SECRET, a: { [name]: [SECRET], b: [{ c: { d: { [name]: { x: SECRET } } } }] } },
      'x',
    );
    expect(text.join('')).not.toContain(SECRET);
    expect(lines()[0]?.[name]).toBe('[redacted]');
    expect(lines()[0]?.a.b[0].c.d[name]).toBe('[redacted]');
  });

  test('names that only resemble a secret, empty values and flags stay readable', () => {
    const { logger, lines } = collect();
    const facts = {
      tokenRequests: 1,
      tokens: 3,
      key: 'k1',
      token: null,
      hasPassword: true,
      cookieless: 'yes',
    };
    logger.info(facts, 'x');
    expect(lines()[0]).toMatchObject(facts);
  });

  test('child loggers hide them too, and grandchildren', () => {
    const { logger, text, lines } = collect();
    const child = logger
      .child({ connection: 'acme', clientSecret: SECRET })
      .child({ deep: { token: SECRET } });
    child.info({ password: SECRET }, 'x');
    expect(text.join('')).not.toContain(SECRET);
    expect(lines()[0]).toMatchObject({ connection: 'acme', clientSecret: '[redacted]' });
  });

  test('further names can be hidden', () => {
    const { logger, lines } = collect({ redact: ['nationalNumber'] });
    logger.info({ row: { national_number: SECRET } }, 'x');
    expect(lines()[0]?.row.national_number).toBe('[redacted]');
  });

  test('bearer values, passwords in URLs and tokens in queries are cut out of texts and messages', () => {
    const { logger, text, lines } = collect();
    logger.info({ header: `Bearer ${SECRET}` }, `postgres://sluice:${SECRET}@db:5432/x?a=1`);
    logger.info(`GET https://api.test/cb?code=${SECRET}&state=1`);
    expect(text.join('')).not.toContain(SECRET);
    expect(lines()[0]?.msg).toBe('postgres://sluice:[redacted]@db:5432/x?a=1');
    expect(lines()[1]?.msg).toContain('&state=1');
  });

  test('headers, requests, answers and bytes are named, not shown', () => {
    const { logger, text, lines } = collect();
    const headers = new Headers({ 'x-thing': SECRET });
    logger.info(
      { headers, request: new Request('http://a.test', { headers }), bytes: Buffer.from(SECRET) },
      'x',
    );
    expect(text.join('')).not.toContain(SECRET);
    expect(lines()[0]?.bytes).toBe(`[${SECRET.length} bytes]`);
  });
});

describe('errors', () => {
  test('carry code, kind, advice, details and the chain of causes', () => {
    const { logger, lines } = collect();
    const refused = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    const cause = new Error('could not connect', { cause: refused });
    logger.error(new SluiceError('database_unreachable', 'No database.', { cause, details: { host: 'db' } }));
    const { err, msg } = lines()[0] ?? {};
    expect(msg).toBe('No database.');
    expect(err).toMatchObject({
      type: 'SluiceError',
      code: 'database_unreachable',
      kind: 'transient',
      message: 'No database.',
      details: { host: 'db' },
      cause: { message: 'could not connect', cause: { code: 'ECONNREFUSED', syscall: 'connect' } },
    });
    expect(err.advice).toContain('DATABASE_URL');
    expect(err.stack).toContain('logger.test');
  });

  test('leave out the request and the answer that libraries attach to them', () => {
    const { logger, text } = collect();
    const error = Object.assign(new Error('400 from provider'), {
      request: { headers: { 'x-custom': SECRET }, body: SECRET },
      response: { body: SECRET },
      body: SECRET,
      cause: { parameters: SECRET },
    });
    logger.error({ err: error, nested: { error } }, 'x');
    expect(text.join('')).not.toContain(SECRET);
    expect(text.join('')).toContain('400 from provider');
  });

  test('leave out the values bound to a failed query', () => {
    const { logger, text } = collect();
    logger.error(new Error(`Failed query: insert into t values ($1)\nparams: ${SECRET},${SECRET}`));
    expect(text.join('')).not.toContain(SECRET);
    expect(text.join('')).toContain('insert into t');
  });

  test('that contain themselves, and other circles, end', () => {
    const { logger, lines } = collect();
    const error = new Error('loop');
    error.cause = error;
    const circle: Record<string, unknown> = { name: 'round' };
    circle['self'] = circle;
    logger.error({ err: error, circle, errors: new AggregateError([new Error('one')], 'many') }, 'x');
    expect(lines()[0]?.circle.name).toBe('round');
    expect(lines()[0]?.errors.errors[0].message).toBe('one');
  });
});

describe('format', () => {
  test('lines below the level are dropped, and levels are words', () => {
    const { logger, lines } = collect({ level: 'warn' });
    logger.info('no');
    logger.warn('yes');
    expect(lines().map(({ level, msg }) => [level, msg])).toEqual([['warn', 'yes']]);
  });

  test('pretty lines are readable, hide secrets, and are written before the call returns', () => {
    const { logger, text } = collect({ format: 'pretty', colors: false });
    logger.child({ connection: 'acme' }).info({ password: SECRET, run: 'r1' }, 'run started');
    expect(text.join('')).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: run started\n {4}connection: "acme"/);
    expect(text.join('')).toContain('run: "r1"');
    expect(text.join('')).not.toContain(SECRET);
  });
});

describe('a process', () => {
  const MODULE = fileURLToPath(new URL('../../dist/src/telemetry/logger.js', import.meta.url));
  beforeAll(() => {
    if (!existsSync(MODULE)) throw new Error('dist/src/telemetry/logger.js is missing: run `npm run build`');
  });

  test.each(['json', 'pretty'])(
    'that exits at once loses no %s line, and keeps standard output clean',
    async (format) => {
      const script = `
      import { createLogger } from ${JSON.stringify(pathToFileURL(MODULE).href)};
      const logger = createLogger({ format: '${format}' });
      for (let n = 1; n <= 500; n += 1) logger.info('line ' + n);
      process.exit(0);`;
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '-e',
        script,
      ]);
      expect(stdout).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(500);
      expect(stderr).toContain('line 500');
    },
  );
});
