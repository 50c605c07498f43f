/** The database: its version and schema, the queue's schema, and its clock against ours. */
import { assertQueueSchema } from '../../jobs/index.ts';
import type { Db } from '../../store/db.ts';
import { assertSchemaCurrent, unreachable } from '../../store/migrate.ts';
import { ill, illBy, well, type Finding } from './finding.ts';

const OLDEST_MAJOR = 14;
const CLOCK_MS = 5_000;

/** As `server_version_num` has it. @throws SluiceError `database_unreachable` (transient) */
export async function serverVersion(db: Db): Promise<number> {
  try {
    const answer = await db.pool.query<{ server_version_num: string }>(`show server_version_num`);
    return Number(answer.rows[0]?.server_version_num ?? 0);
  } catch (error) {
    throw unreachable(error);
  }
}

/** 140012 is 14.12. */
export function judgeVersion(number: number): Finding {
  const version = `${Math.floor(number / 10_000)}.${number % 10_000}`;
  if (number >= OLDEST_MAJOR * 10_000) return well('database', `Postgres ${version} answers.`);
  return ill(
    'database',
    `Postgres ${version} is too old.`,
    `Move the database to Postgres ${OLDEST_MAJOR} or newer.`,
  );
}

export async function checkSchema(db: Db): Promise<Finding> {
  try {
    await assertSchemaCurrent(db.pool);
    return well('schema', 'The schema is the one of this version.');
  } catch (error) {
    return illBy('schema', error);
  }
}

/** For queues on Postgres; `db` is on the URL that the queue uses. */
export async function checkQueueSchema(db: Db): Promise<Finding> {
  try {
    await assertQueueSchema(db.pool);
    return well('queue', 'The queue answers on Postgres.');
  } catch (error) {
    return illBy(
      'queue',
      (error as { code?: string }).code === 'schema_outdated' ? error : unreachable(error),
    );
  }
}

/** Leases, schedules and token lifetimes compare both. */
export async function checkClock(db: Db, now: () => number): Promise<Finding> {
  const before = now();
  const answer = await db.pool.query<{ at: string }>(
    `select extract(epoch from clock_timestamp()) * 1000 as at`,
  );
  // halfway, as far as we can tell, is when it looked at its clock
  const off = Math.round((before + now()) / 2 - Number(answer.rows[0]?.at));
  const apart = `${(Math.abs(off) / 1000).toFixed(1)} s`;
  if (Math.abs(off) <= CLOCK_MS) return well('clock', `This clock and the database's are ${apart} apart.`);
  return ill(
    'clock',
    `This clock is ${apart} ${off > 0 ? 'ahead of' : 'behind'} the database's.`,
    'Let NTP set the clocks of both machines.',
  );
}
