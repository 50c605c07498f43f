/** The shared token cache on Postgres. Every method is one statement; locks go by the database's clock. */
import type pg from 'pg';
import { readFailure } from './failure-memory.ts';
import {
  SWEEP_AFTER_MS,
  type CacheSnapshot,
  type FailureMemory,
  type RejectionOutcome,
  type TokenCache,
  type TokenEntry,
} from './cache.ts';

const DEFAULT_TIMEOUT_MS = 2_000;

export interface PostgresCacheOptions {
  /**
   * Best a small pool of its own: where all connections of a shared one are busy for longer than the timeout,
   * the cache counts as down and each process sends its own token request.
   */
  readonly pool: pg.Pool;
  /** milliseconds for one call, the wait for a connection included; default 2,000 */
  readonly timeoutMs?: number;
}

interface TokenRow {
  readonly key: string;
  readonly subject: string;
  readonly flow: string | null;
  readonly ciphertext: string;
  readonly fingerprint: string;
  readonly scopes: string[];
  readonly obtained_at: Date;
  readonly expires_at: Date;
  readonly fence: string;
}

export function createPostgresCache(options: PostgresCacheOptions): TokenCache {
  const { pool } = options;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const run = <Row extends object>(text: string, values: unknown[]): Promise<Row[]> =>
    runBounded<Row>(pool, text, values, timeoutMs);

  return {
    async read(key, subject): Promise<CacheSnapshot> {
      // one row always, so that both halves come from one snapshot
      const [row] = await run<Partial<TokenRow> & FailureRow>(
        `select t.*, f.failures, f.failing_since, f.retry_at, f.error
           from (values (1)) as one(n)
           left join sluice.tokens t on t.key = $1
           left join sluice.token_failures f on f.subject = $2`,
        [key, subject],
      );
      return {
        token: typeof row?.key === 'string' ? entryOf(row as TokenRow) : null,
        failure: row === undefined ? null : failureOf(row),
      };
    },

    async acquire(key, owner, lifeMs) {
      const [row] = await run<{ fence: string }>(
        `insert into sluice.token_locks as held (key, owner, fence, expires_at)
         values ($1, $2,
           greatest(${NOW_IN_MICROSECONDS}, coalesce((select fence + 1 from sluice.tokens where key = $1), 0)),
           clock_timestamp() + $3 * interval '1 millisecond')
         on conflict (key) do update set
           owner = excluded.owner,
           fence = greatest(held.fence + 1, ${NOW_IN_MICROSECONDS}),
           expires_at = clock_timestamp() + $3 * interval '1 millisecond'
         where held.owner is null or held.expires_at <= clock_timestamp()
            or held.expires_at > clock_timestamp() + $4::bigint * interval '1 millisecond'
         returning fence`,
        // no lock of ours lives as long as the last: what does was put there by somebody else
        [key, owner, lifeMs, SWEEP_AFTER_MS],
      );
      return row === undefined ? null : BigInt(row.fence);
    },

    async renew(key, owner, fence, lifeMs) {
      const rows = await run(
        `update sluice.token_locks set expires_at = clock_timestamp() + $4 * interval '1 millisecond'
          where key = $1 and owner = $2 and fence = $3 returning key`,
        [key, owner, fence, lifeMs],
      );
      return rows.length > 0;
    },

    async release(key, owner, fence) {
      // the row stays: its fence is what the next one must exceed
      await run(
        `update sluice.token_locks set owner = null, expires_at = clock_timestamp()
          where key = $1 and owner = $2 and fence = $3`,
        [key, owner, fence],
      );
    },

    async write(entry) {
      const rows = await run(
        `insert into sluice.tokens as stored
           (key, subject, flow, ciphertext, fingerprint, scopes, obtained_at, expires_at, fence)
         select $1, $2, $3, $4, $5, $6::text[], $7::timestamptz, $8::timestamptz, $9::bigint
          where not exists (select 1 from sluice.token_locks where key = $1 and fence > $9::bigint)
         on conflict (key) do update set
           ciphertext = excluded.ciphertext, fingerprint = excluded.fingerprint, scopes = excluded.scopes,
           obtained_at = excluded.obtained_at, expires_at = excluded.expires_at, fence = excluded.fence
         where stored.fence < excluded.fence
         returning key`,
        [
          entry.key,
          entry.subject,
          entry.flow,
          entry.sealed,
          entry.fingerprint,
          entry.scopes,
          new Date(entry.obtainedAt),
          new Date(entry.expiresAt),
          entry.fence,
        ],
      );
      return rows.length > 0;
    },

    async reject({ key, subject, fingerprint, now, coolDownMs, force }): Promise<RejectionOutcome> {
      // The delete decides who replaces the token; whoever comes second finds another token, or none.
      const [row] = await run<{ dropped: boolean; cooling: boolean; stored: string | null }>(
        `with stored as (
           select fingerprint, obtained_at from sluice.tokens where key = $1
         ), cooling as (
           select 1 from sluice.token_failures f, stored
            where f.subject = $2 and stored.fingerprint = $3 and not $6::boolean
              and f.cool_down_until > $4::timestamptz
              and stored.obtained_at >= f.cool_down_until - $5::bigint * interval '1 millisecond'
         ), dropped as (
           delete from sluice.tokens
            where key = $1 and fingerprint = $3 and not exists (select 1 from cooling)
           returning key
         ), begun as (
           insert into sluice.token_failures as f (subject, cool_down_until, updated_at)
           select $2, $4::timestamptz + $5::bigint * interval '1 millisecond', clock_timestamp() from dropped
           on conflict (subject) do update set
             cool_down_until = excluded.cool_down_until, updated_at = excluded.updated_at
           where f.cool_down_until is null or f.cool_down_until <= $4::timestamptz
         )
         select exists (select 1 from dropped) as dropped, exists (select 1 from cooling) as cooling,
                (select fingerprint from stored) as stored`,
        [key, subject, fingerprint, new Date(now), coolDownMs, force],
      );
      if (row === undefined || row.dropped) return 'replaced';
      if (row.cooling) return 'cooling';
      return row.stored === null || row.stored === fingerprint ? 'gone' : 'newer';
    },

    async newest(subject, now) {
      const [row] = await run<TokenRow>(
        `select * from sluice.tokens where subject = $1 and expires_at > $2::timestamptz
          order by obtained_at desc limit 1`,
        [subject, new Date(now)],
      );
      return row === undefined ? null : entryOf(row);
    },

    async health(subject) {
      const [row] = await run<FailureRow & { cool_down_until: Date | null }>(
        `select failures, failing_since, retry_at, error, cool_down_until
           from sluice.token_failures where subject = $1`,
        [subject],
      );
      return {
        failure: row === undefined ? null : failureOf(row),
        coolDownUntil: epoch(row?.cool_down_until) ?? null,
      };
    },

    async dropFlow(flow) {
      await run(
        `with dropped as (delete from sluice.tokens where flow = $1 returning key)
         delete from sluice.token_locks where owner is null and key in (select key from dropped)`,
        [flow],
      );
    },

    async rememberFailure(subject, { failures, since, retryAt, error }) {
      await run(
        `insert into sluice.token_failures (subject, failures, failing_since, retry_at, error, updated_at)
         values ($1, $2, $3::timestamptz, $4::timestamptz, $5::jsonb, clock_timestamp())
         on conflict (subject) do update set
           failures = excluded.failures, failing_since = excluded.failing_since, retry_at = excluded.retry_at,
           error = excluded.error, updated_at = excluded.updated_at`,
        [subject, failures, new Date(since), new Date(retryAt), JSON.stringify(error)],
      );
    },

    async forgetFailures(subject) {
      await run(
        `update sluice.token_failures
            set failures = 0, failing_since = null, retry_at = null, error = null, updated_at = clock_timestamp()
          where subject = $1`,
        [subject],
      );
    },

    async sweep(now) {
      const [row] = await run<{ removed: number }>(
        `with t as (delete from sluice.tokens where expires_at <= $1::timestamptz returning 1),
              l as (delete from sluice.token_locks
                     where expires_at <= clock_timestamp() - $2::bigint * interval '1 millisecond' returning 1),
              f as (delete from sluice.token_failures
                     where greatest(retry_at, cool_down_until, updated_at)
                           <= $1::timestamptz - $2::bigint * interval '1 millisecond' returning 1)
         select ((select count(*) from t) + (select count(*) from l) + (select count(*) from f))::int as removed`,
        [new Date(now), SWEEP_AFTER_MS],
      );
      return row?.removed ?? 0;
    },
  };
}

const NOW_IN_MICROSECONDS = '(extract(epoch from clock_timestamp()) * 1000000)::bigint';

interface FailureRow {
  readonly failures: number | null;
  readonly failing_since: Date | null;
  readonly retry_at: Date | null;
  readonly error: unknown;
}

function failureOf({
  failures,
  failing_since: since,
  retry_at: retryAt,
  error,
}: FailureRow): FailureMemory | null {
  return readFailure({ failures, since: epoch(since), retryAt: epoch(retryAt), error });
}

/** Undefined for what is no moment: `infinity` comes as a number. */
function epoch(moment: unknown): number | undefined {
  return moment instanceof Date ? moment.getTime() : undefined;
}

function entryOf(row: TokenRow): TokenEntry | null {
  const obtainedAt = epoch(row.obtained_at);
  const expiresAt = epoch(row.expires_at);
  if (obtainedAt === undefined || expiresAt === undefined) return null;
  const { key, subject, flow, ciphertext: sealed, fingerprint, scopes, fence } = row;
  return { key, subject, flow, sealed, fingerprint, scopes, obtainedAt, expiresAt, fence: BigInt(fence) };
}

/**
 * One statement within `timeoutMs`, the wait for a connection included. A connection that comes too late goes
 * straight back: a lock taken for a caller that has left would block the others. One that doesn't answer in time
 * is destroyed, since its state is unknown.
 */
async function runBounded<Row extends object>(
  pool: pg.Pool,
  text: string,
  values: unknown[],
  timeoutMs: number,
): Promise<Row[]> {
  let expired = false;
  let client: pg.PoolClient | undefined;
  const work = (async () => {
    client = await pool.connect();
    // in use it has no listener of the pool, and an error that nobody hears ends the process; the query fails as well
    client.on('error', ignore);
    if (expired) {
      giveBack(client);
      return [];
    }
    const { rows } = await client.query<Row>(text, values);
    if (!expired) giveBack(client);
    return rows;
  })();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the token cache gave no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, timeout]);
  } catch (error) {
    expired = true;
    work.catch(() => undefined);
    // its listener stays: it is thrown away, and may break while it ends
    client?.release(error as Error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {}

function giveBack(client: pg.PoolClient): void {
  client.removeListener('error', ignore);
  client.release();
}
