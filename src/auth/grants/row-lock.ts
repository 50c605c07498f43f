/** Holding a row while something slow happens outside: the connection may die under it without ending the process. */
import type pg from 'pg';
import type { Db } from '../../store/db.ts';

/** Milliseconds for what must not wait: a connection that is cut off without a sign would never answer. */
export const ANSWER_MS = 3_000;

/** Runs `work` in a transaction that holds a row; the connection may die under it without ending the process. */
export async function withLock<T>(
  locks: Db,
  idleMs: number,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await locks.pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => void (broken = error);
  client.on('error', onError);
  try {
    await client.query('begin');
    // a process that is cut off from the database must not hold the row for longer than its request can last
    await client.query(
      `set local idle_in_transaction_session_timeout = ${idleMs}; set local lock_timeout = ${idleMs}`,
    );
    return await work(client);
  } finally {
    // after a commit this does nothing; a connection that doesn't answer is closed, which ends its transaction too
    await inTime(ANSWER_MS, () => client.query('rollback')).catch((error: Error) => void (broken = error));
    client.removeListener('error', onError);
    client.release(broken);
  }
}

/** `lock_not_available`, as `lock_timeout` brings it. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}

/** @throws Error when `ms` milliseconds have passed; the work itself goes on */
export async function inTime<T>(ms: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the database did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
