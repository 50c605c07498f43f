/**
 * What tests of the command line need: a database, the simulated provider, a folder, and secrets that are easy to
 * recognise. Everything that any command prints is kept, to be searched for these secrets at the end.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, vi } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startSluice, type SluiceProcess } from '../support/process.ts';

/** Each test starts several processes; a busy machine takes its time for each. In milliseconds. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** standard output as the one JSON document that it must be */
  readonly json: any;
}

/** Environment of one command; `undefined` takes a variable away. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Commands in a folder of their own. */
export interface Shell {
  readonly cwd: string;
  /** Runs a command to its end. Neither output may hold colours or a stack trace. */
  run(args: readonly string[], env?: Env): Promise<Result>;
  /** Starts a process; what it says by its end is searched for secrets too. */
  start(args: readonly string[], env?: Env): SluiceProcess;
  /** Writes a file into the folder and returns its name. */
  file(name: string, content: unknown): string;
  /** Everything that was printed so far. */
  printed(): string;
  close(): void;
}

export function openShell(base: Env, entry?: string): Shell {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-commands-'));
  const started: SluiceProcess[] = [];
  const start = (args: readonly string[], env: Env = {}): SluiceProcess => {
    const given = Object.entries({ ...base, ...env }).filter(([, value]) => value !== undefined);
    const sluice = startSluice(args, {
      cwd,
      env: Object.fromEntries(given) as Record<string, string>,
      ...(entry === undefined ? {} : { entry }),
    });
    started.push(sluice);
    return sluice;
  };
  return {
    cwd,
    start,
    async run(args, env) {
      const sluice = start(args, env);
      const { code } = await sluice.ended;
      const [stdout, stderr] = [sluice.stdout(), sluice.stderr()];
      expect(stdout + stderr, `colours of sluice ${args.join(' ')}`).not.toContain('\u001b');
      expect(stdout + stderr, `stack trace of sluice ${args.join(' ')}`).not.toMatch(/(^|\\n)\s+at .+:\d+/m);
      return {
        code,
        stdout,
        stderr,
        get json(): unknown {
          return JSON.parse(stdout);
        },
      };
    },
    file(name, content) {
      writeFileSync(
        join(cwd, name),
        typeof content === 'string' ? content : JSON.stringify(content, null, 2),
      );
      return name;
    },
    printed: () => started.map((sluice) => sluice.stdout() + sluice.stderr()).join('\n'),
    close: () => rmSync(cwd, { recursive: true, force: true }),
  };
}

export interface Bench extends Shell {
  readonly database: TestDatabase;
  readonly lucca: LuccaSandbox;
  readonly env: Env;
  /** A connection to the simulated provider as a file writes it. */
  connection(more?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Applies a file of these connections; throws where the command refuses. */
  apply(connections: Readonly<Record<string, unknown>>, ...options: string[]): Promise<any>;
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** For the last test of a file: no secret was printed, and none stands readable in the database. */
  expectNoSecrets(...more: string[]): Promise<void>;
  shut(): Promise<void>;
}

export async function openBench(options: { readonly employees?: number } = {}): Promise<Bench> {
  const database = await createTestDatabase({ max: 3 });
  const sandbox: Sandbox<'lucca'> = await startSandbox({
    providers: ['lucca'],
    limits: 'off',
    lucca: { records: { employees: options.employees ?? 30, departments: 5, leaves: 4 } },
  });
  const { lucca } = sandbox.providers;
  const application = lucca.addApplication();
  const secrets = {
    clientSecret: application.clientSecret,
    encryptionKey: randomBytes(32).toString('base64'),
    apiKey: canary('api-key'),
    password: canary('admin-password'),
    session: canary('session-secret').padEnd(40, 'x'),
    database: canary('database-password'),
  };
  const env: Env = {
    DATABASE_URL: database.url.replace('postgres@', `postgres:${secrets.database}@`),
    SLUICE_ENCRYPTION_KEYS: `k1:${secrets.encryptionKey}`,
    SLUICE_API_KEYS: secrets.apiKey,
    SLUICE_ADMIN_PASSWORD: secrets.password,
    SLUICE_SESSION_SECRET: secrets.session,
    SLUICE_ALLOW_LOOPBACK: 'true',
    CLIENT_SECRET: secrets.clientSecret,
  };
  const shell = openShell(env);
  const query: Bench['query'] = async (sql, values = []) => (await database.db.pool.query(sql, values)).rows;
  return {
    ...shell,
    database,
    lucca,
    env,
    query,
    connection: (more = {}) => ({
      provider: 'lucca',
      settings: lucca.settings,
      credentials: { clientId: application.clientId, clientSecret: '${CLIENT_SECRET}' },
      endpoints: { token: lucca.urls.token, api: lucca.urls.api },
      streams: ['employees', 'departments'],
      schedule: 'manual',
      retry: { attempts: 2, baseDelay: '50ms', maxDelay: '100ms' },
      ...more,
    }),
    async apply(connections, ...given) {
      const result = await shell.run([
        'apply',
        shell.file('sluice.json', { connections }),
        '--json',
        ...given,
      ]);
      if (result.code !== 0) throw new Error(result.stdout + result.stderr);
      return result.json;
    },
    async expectNoSecrets(...more) {
      const printed = shell.printed();
      const stored = await dump(query);
      for (const secret of [...Object.values(secrets), ...more]) {
        expect(secret.length).toBeGreaterThan(12);
        for (const form of disguises(secret)) {
          expect(printed.includes(form), `${form.slice(0, 12)}… was printed`).toBe(false);
          expect(stored.includes(form), `${form.slice(0, 12)}… is in the database`).toBe(false);
        }
      }
    },
    async shut() {
      shell.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

export function canary(name: string): string {
  return `canary-${name}-${randomBytes(9).toString('hex')}`;
}

/** A text as it would stand in a URL, in JSON, in hexadecimal, and anywhere within a longer base64 text. */
export function disguises(text: string): string[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // the first and last characters depend on what stands beside it
    return whole.slice(shift === 0 ? 0 : shift + 1, -1);
  });
  const url = base64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_'));
  return [...new Set([text, encodeURIComponent(text), bytes.toString('hex'), ...base64, ...url])];
}

/** Every row of every table of ours, as text. */
async function dump(query: Bench['query']): Promise<string> {
  const tables = await query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_schema in ('sluice', 'bullmq') and table_type = 'BASE TABLE'`,
  );
  expect(tables.map(({ name }) => name)).toContain('sluice.connections');
  expect(tables.some(({ name }) => name.startsWith('bullmq.'))).toBe(true);
  const texts = [];
  for (const { name } of tables) {
    const rows = await query<{ row: string }>(`select t::text as row from ${name} t`);
    texts.push(...rows.map(({ row }) => row));
  }
  return texts.join('\n');
}
