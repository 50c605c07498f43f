/** What a person says of a connection's schedule: pause, and go on. */
import {
  findConnection,
  forgetForbidden,
  type ConnectionRow,
  type ConnectionState,
} from '../store/connections.ts';
import type { Db } from '../store/db.ts';
import { firstRun, type Timetable } from './schedule.ts';

/**
 * Stops the schedule of a connection, whatever its state; what was asked for before goes on to its end. A connection
 * that is paused already keeps the time since when it is. Returns false where there is no such connection.
 */
export async function pauseConnection(db: Db, id: string): Promise<boolean> {
  const paused = await db.pool.query(
    `update sluice.connections
        set state = 'paused', state_code = 'connection_paused', state_reason = 'Paused by a person.',
            state_advice = 'Resume it with \`sluice resume ' || id || '\`.', state_since = now(), next_run_at = null
      where id = $1 and state <> 'paused'`,
    [id],
  );
  return paused.rowCount === 1 || (await findConnection(db.pool, id)) !== undefined;
}

/**
 * Makes a connection active again that was paused or waited for a person, and forgets the failures that slowed its
 * schedule down. An active one without failures stays as it is. Returns the state that it had, undefined where there
 * is no such connection.
 */
export async function resumeConnection(
  db: Db,
  id: string,
  scheduleOf: (row: ConnectionRow) => Timetable,
  now: Date,
): Promise<ConnectionState | undefined> {
  return db.tx(async (client) => {
    await client.query(`select 1 from sluice.connections where id = $1 for update`, [id]);
    const row = await findConnection(client, id);
    if (row === undefined) return undefined;
    await client.query(
      `update sluice.connections
          set state = 'active', state_code = null, state_reason = null, state_advice = null, failed_runs = 0,
              state_since = case when state = 'active' then state_since else now() end, next_run_at = $2
        where id = $1 and (state <> 'active' or failed_runs > 0)`,
      [id, firstRun(scheduleOf(row), now)],
    );
    await forgetForbidden(client, id);
    return row.state;
  });
}
