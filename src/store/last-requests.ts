/**
 * Requests that are still owed to a provider whose connection is gone: the removal of its webhook endpoints, the revocation
 * of its grant. Both wait in a table of their own, with all that the request needs, and are tried again and again.
 */
import type pg from 'pg';

interface LastRequest {
  readonly id: string;
  readonly connection_id: string;
  readonly provider: string;
  readonly config: unknown;
  /** ciphertext, as it stood in the connection's row */
  readonly credentials: string;
  /** how often it was begun, this time included */
  readonly attempts: number;
}

/** A refresh token that is to be revoked. */
export interface RevocationRow extends LastRequest {
  /** ciphertext, as it stood in the grant's row */
  readonly refresh_token: string;
}

/** An endpoint that is to be removed. */
export interface RemovalRow extends LastRequest {
  readonly place: string;
  readonly reference: string | null;
  readonly url: string;
  /** ciphertext, as it stood in the endpoint's row */
  readonly secrets: string;
}

interface Rows {
  readonly grant_revocations: RevocationRow;
  readonly webhook_removals: RemovalRow;
}

export type LastRequests = keyof Rows;

/** After this a provider that can't be asked has been asked often enough: a person reads of it in the log. */
const MAX_ATTEMPTS = 12;
/** One that is being made is left alone by others for so long. */
const HOLD_SECONDS = 120;
const BATCH = 20;

/**
 * Makes what is due, one after the other, as long as it `mayBegin` [always]. `make` tells whether it is settled; what isn't
 * comes again, ever later, up to a day. Returns how many were settled.
 */
export async function settleDue<Table extends LastRequests>(
  db: pg.Pool,
  table: Table,
  make: (row: Rows[Table]) => Promise<boolean>,
  mayBegin: () => boolean = () => true,
): Promise<number> {
  let settled = 0;
  for (;;) {
    const due = await claim(db, table);
    for (const row of due) {
      if (!mayBegin()) continue;
      const isSettled = await make(row);
      if (isSettled) settled += 1;
      if (isSettled || row.attempts >= MAX_ATTEMPTS)
        await db.query(`delete from sluice.${table} where id = $1`, [row.id]);
      else await postpone(db, table, row);
    }
    if (due.length < BATCH || !mayBegin()) return settled;
  }
}

async function claim<Table extends LastRequests>(db: pg.Pool, table: Table): Promise<Rows[Table][]> {
  const taken = await db.query<Rows[Table]>(
    `update sluice.${table} r
        set attempts = r.attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
       from (select id from sluice.${table} where next_attempt_at <= now()
              order by next_attempt_at limit $1 for update skip locked) due
      where r.id = due.id returning r.*`,
    [BATCH, HOLD_SECONDS],
  );
  return taken.rows;
}

async function postpone(db: pg.Pool, table: LastRequests, { id, attempts }: LastRequest): Promise<void> {
  const seconds = Math.min(86_400, 60 * 2 ** attempts);
  await db.query(
    `update sluice.${table} set next_attempt_at = now() + make_interval(secs => $2) where id = $1`,
    [id, seconds],
  );
}
