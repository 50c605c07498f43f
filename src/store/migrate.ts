/**
 * Brings a database to the schema of this version, or says that it isn't there. Everything runs under one
 * session-level advisory lock, so two deploys at once are harmless: the second finds nothing to do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as runDrizzleMigrations } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { SluiceError } from '../errors.ts';
import { packageRoot } from '../package-root.ts';

/** 'SLUI' and 'CE' in ASCII. */
const LOCK = [0x534c5549, 0x4345] as const;
/** A migration of another process may hold the lock for this long before we give up, in milliseconds. */
const LOCK_TIMEOUT_MS = 5 * 60_000;
const FOLDER = join(packageRoot, 'drizzle');
const TABLE = { migrationsSchema: 'sluice', migrationsTable: 'migrations' };

interface Journal {
  readonly entries: readonly { readonly when: number; readonly tag: string }[];
}

function journal(): Journal {
  return JSON.parse(readFileSync(join(FOLDER, 'meta', '_journal.json'), 'utf8')) as Journal;
}

export interface MigrationOutcome {
  /** names of the migrations that were applied now */
  readonly applied: readonly string[];
}

/**
 * Applies what is missing, ours first, then what `also` does (the queue's schema) under the same lock.
 *
 * @throws SluiceError `database_unreachable` (transient), `schema_newer` (config)
 */
export async function migrate(
  url: string,
  also: (client: pg.Client) => Promise<void> = async () => {},
): Promise<MigrationOutcome> {
  const client = new pg.Client({ connectionString: url, application_name: 'sluice migrate' });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw unreachable(error);
  }
  try {
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query('select pg_advisory_lock($1, $2)', [...LOCK]);
    await client.query(`set lock_timeout = 0`);
    const before = await newestApplied(client);
    const known = journal().entries;
    if (before > (known.at(-1)?.when ?? 0)) throw newer();
    await runDrizzleMigrations(drizzle(client), { migrationsFolder: FOLDER, ...TABLE });
    await also(client);
    return { applied: known.filter((entry) => entry.when > before).map((entry) => entry.tag) };
  } finally {
    await client.end();
  }
}

/**
 * Refuses to work on a schema that isn't this version's.
 *
 * @throws SluiceError `schema_outdated`, `schema_newer` (config), `database_unreachable` (transient)
 */
export async function assertSchemaCurrent(pool: pg.Pool): Promise<void> {
  let applied: number;
  try {
    applied = await newestApplied(pool);
  } catch (error) {
    throw unreachable(error);
  }
  const expected = journal().entries.at(-1)?.when ?? 0;
  if (applied < expected)
    throw new SluiceError(
      'schema_outdated',
      applied === 0
        ? 'The database has no Sluice schema yet.'
        : 'The database has the schema of an older version of Sluice.',
    );
  if (applied > expected) throw newer();
}

async function newestApplied(db: pg.Client | pg.Pool): Promise<number> {
  const exists = await db.query<{ found: boolean }>(
    `select to_regclass('sluice.migrations') is not null as found`,
  );
  if (exists.rows[0]?.found !== true) return 0;
  const result = await db.query<{ newest: string | null }>(
    'select max(created_at) as newest from sluice.migrations',
  );
  return Number(result.rows[0]?.newest ?? 0);
}

function newer(): SluiceError {
  return new SluiceError('schema_newer', 'The database has the schema of a newer version of Sluice.');
}

/** Names the trouble without the URL, which holds a password. */
export function unreachable(cause: unknown): SluiceError {
  const code = (cause as { code?: string }).code;
  const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
  return new SluiceError('database_unreachable', `Postgres can't be reached: ${reason}.`, { cause });
}
