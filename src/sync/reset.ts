/** Forgets how far streams were read, so that their next pass begins from the start. */
import type { Db } from '../store/db.ts';

/**
 * Takes the cursors away. Records stay, and change numbers go on where they are. The flag outlives a pass that is
 * being read now: it is taken back only when one begins from the start.
 */
export async function resetStreams(db: Db, connectionId: string, streams: readonly string[]): Promise<void> {
  await db.pool.query(
    `update sluice.streams set cursor = null, restart = true, last_full_at = null
      where connection_id = $1 and stream = any($2::text[])`,
    [connectionId, streams],
  );
}
