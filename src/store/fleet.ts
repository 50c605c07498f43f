/**
 * The processes of a fleet: each shows itself while it lives, with the backend of its queues. All must share one:
 * a run that is put into one queue is never seen by a worker of another.
 */
import { SluiceError } from '../errors.ts';
import type { Db } from './db.ts';

const BEAT_MS = 10_000;
/** A process that has shown no sign of life for this long is taken for dead; in seconds. */
const DEAD_AFTER_SECONDS = 30;

export interface FleetMember {
  /** unique in the fleet */
  readonly id: string;
  readonly role: string;
  /** `postgres`, or a fingerprint of the Redis */
  readonly backend: string;
}

export interface FleetOptions {
  /** told when the fleet can't be reached, and when a process with another backend has come nevertheless */
  readonly onTrouble: (error: unknown) => void;
  /** milliseconds between two signs of life [10,000] */
  readonly beatMs?: number;
}

interface OtherMember {
  readonly id: string;
  readonly role: string;
  readonly backend: string;
}

/**
 * Enters the fleet and shows signs of life until `leave`.
 *
 * @throws SluiceError `backend_mismatch` (config) where a living process has another backend
 */
export async function joinFleet(
  db: Db,
  member: FleetMember,
  options: FleetOptions,
): Promise<{ leave(): Promise<void> }> {
  await db.tx(async (client) => {
    // Of two that enter at the same moment with different backends the second must see the first.
    await client.query(`select pg_advisory_xact_lock(hashtextextended('sluice fleet', 0))`);
    await refuseOthers(client, member.backend);
    await client.query(`delete from sluice.fleet where seen_at < now() - make_interval(secs => $1)`, [
      DEAD_AFTER_SECONDS,
    ]);
    await beat(client, member);
  });
  let beating: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    beating = beat(db.pool, member)
      .then(() => refuseOthers(db.pool, member.backend))
      .catch(options.onTrouble);
  }, options.beatMs ?? BEAT_MS);
  return {
    async leave() {
      clearInterval(timer);
      await beating;
      // without it the row counts as dead a little later
      await db.pool.query(`delete from sluice.fleet where id = $1`, [member.id]).catch(options.onTrouble);
    },
  };
}

/**
 * For a process that only passes by.
 *
 * @throws SluiceError `backend_mismatch` (config) where a living process has another backend
 */
export async function checkFleet(db: Db, backend: string): Promise<void> {
  await refuseOthers(db.pool, backend);
}

/** How many living processes carry out jobs. */
export async function livingWorkers(db: Db): Promise<number> {
  const found = await db.pool.query<{ count: number }>(
    `select count(*)::int as count from sluice.fleet
      where role in ('start', 'worker', 'demo') and seen_at >= now() - make_interval(secs => $1)`,
    [DEAD_AFTER_SECONDS],
  );
  return found.rows[0]?.count ?? 0;
}

/** Says where browsers reach a web process, for commands that make links. */
export async function announceUrl(db: Db, id: string, url: string): Promise<void> {
  await db.pool.query(`update sluice.fleet set url = $2 where id = $1`, [id, url]);
}

/** Where browsers reach the web process of this fleet that was started last; undefined where none lives. */
export async function livingWebUrl(db: Db): Promise<string | undefined> {
  const found = await db.pool.query<{ url: string }>(
    `select url from sluice.fleet where url is not null and seen_at >= now() - make_interval(secs => $1)
      order by started_at desc limit 1`,
    [DEAD_AFTER_SECONDS],
  );
  return found.rows[0]?.url;
}

type Queryable = Pick<Db['pool'], 'query'>;

async function beat(client: Queryable, { id, role, backend }: FleetMember): Promise<void> {
  await client.query(
    `insert into sluice.fleet (id, role, backend) values ($1, $2, $3)
     on conflict (id) do update set seen_at = now()`,
    [id, role, backend],
  );
}

async function refuseOthers(client: Queryable, backend: string): Promise<void> {
  const found = await client.query<OtherMember>(
    `select id, role, backend from sluice.fleet
      where backend <> $1 and seen_at >= now() - make_interval(secs => $2) order by started_at limit 3`,
    [backend, DEAD_AFTER_SECONDS],
  );
  if (found.rows.length === 0) return;
  const named = found.rows.map(({ id, role, backend: other }) => `${role} ${id} on ${describe(other)}`);
  throw new SluiceError(
    'backend_mismatch',
    `This process keeps its queues on ${describe(backend)}, but others of this fleet don't: ${named.join('; ')}.`,
    { details: { backend, others: found.rows } },
  );
}

function describe(backend: string): string {
  return backend === 'postgres' ? 'Postgres (no REDIS_URL)' : `Redis (${backend})`;
}
