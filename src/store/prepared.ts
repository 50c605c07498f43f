/**
 * Statements that are prepared by name, for the few that are so frequent that planning them anew would be most of their
 * cost. A pooler in transaction mode may give each of them another session, which doesn't know the name: that shows at
 * the first such error, and from then on the pool's statements are sent in full.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';

/** invalid_sql_statement_name: this session never prepared it; duplicate_prepared_statement: it did for somebody else */
const OTHER_SESSION = new Set(['26000', '42P05']);

/** Names of statements that bear to be told that their session doesn't know them; others can't be used through a pooler. */
export const BEARS_POOLER = 'bears-pooler-';

const pooled = new WeakSet<pg.Pool>();

export async function queryPrepared<T extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[],
): Promise<pg.QueryResult<T>> {
  const whole = { text, values: [...values] };
  if (pooled.has(pool)) return pool.query<T>(whole);
  // by its text, so that two versions of Sluice never mean different statements behind one pooler
  const name = BEARS_POOLER + createHash('sha256').update(text).digest('base64url').slice(0, 22);
  try {
    return await pool.query<T>({ ...whole, name });
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !OTHER_SESSION.has(error.code ?? '')) throw error;
    // both errors come before anything is done
    pooled.add(pool);
    return pool.query<T>(whole);
  }
}
