/** A task that one process of the fleet does at a time, and that the others leave to it. */
import type { Db } from './db.ts';

/**
 * Does `work` unless another process is doing the task of this name; then returns undefined at once. The lock ends
 * with its transaction, and so with the process: it also holds through a pooler that shares sessions.
 */
export async function tryLocked<T>(
  db: Db,
  name: string,
  work: () => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  return db.tx(async (client) => {
    const lock = await client.query<{ taken: boolean }>(
      `select pg_try_advisory_xact_lock(hashtextextended('sluice task ' || $1, 0)) as taken`,
      [name],
    );
    return lock.rows[0]?.taken === true ? { result: await work() } : undefined;
  });
}
