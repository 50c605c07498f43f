/** One request under one `Idempotency-Key` is done once, also when it comes twice at the same moment. */
import { createHash } from 'node:crypto';
import { SluiceError } from '../errors.ts';
import type { Db } from './db.ts';

/** How long a key is remembered, in hours. */
const LIFE_HOURS = 24;
/** After this a request counts as lost with its process, and may be taken up again, in seconds. */
const CLAIM_SECONDS = 60;

export interface IdempotentRequest {
  readonly connectionId: string;
  readonly key: string;
  /** all that was asked for */
  readonly request: unknown;
}

/**
 * Runs `work` unless the same request was dealt with before, and returns the run that came of it. Where `work` fails
 * the key is free again.
 *
 * @throws SluiceError `idempotency_key_reused` (data), `idempotency_in_progress` (transient)
 */
export async function once(
  db: Db,
  { connectionId, key, request }: IdempotentRequest,
  work: () => Promise<string>,
): Promise<string> {
  const values = [connectionId, digest(key), digest(JSON.stringify(request))];
  await db.pool.query(
    `delete from sluice.idempotency_keys where claimed_at < now() - make_interval(hours => $1)`,
    [LIFE_HOURS],
  );
  const claimed = await db.pool.query(
    `insert into sluice.idempotency_keys as k (connection_id, key, request) values ($1, $2, $3)
     on conflict (connection_id, key) do update set claimed_at = now()
      where k.run_id is null and k.request = excluded.request
        and k.claimed_at < now() - make_interval(secs => $4)`,
    [...values, CLAIM_SECONDS],
  );
  if (claimed.rowCount !== 1) return earlier(db, values);
  try {
    const runId = await work();
    await db.pool.query(
      `update sluice.idempotency_keys set run_id = $3 where connection_id = $1 and key = $2`,
      [connectionId, digest(key), runId],
    );
    return runId;
  } catch (error) {
    await db.pool.query(
      `delete from sluice.idempotency_keys where connection_id = $1 and key = $2 and run_id is null`,
      [connectionId, digest(key)],
    );
    throw error;
  }
}

async function earlier(
  db: Db,
  [connectionId, key, request]: readonly (string | undefined)[],
): Promise<string> {
  const found = await db.pool.query<{ request: string; run_id: string | null }>(
    `select request, run_id from sluice.idempotency_keys where connection_id = $1 and key = $2`,
    [connectionId, key],
  );
  const row = found.rows[0];
  if (row !== undefined && row.request !== request) {
    throw new SluiceError('idempotency_key_reused', 'This Idempotency-Key came with another request before.');
  }
  // gone in this moment: the other request failed, and this one may be sent again as well
  if (row === undefined || row.run_id === null) {
    throw new SluiceError('idempotency_in_progress', 'The same request is being dealt with.');
  }
  return row.run_id;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
