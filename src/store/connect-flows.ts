/** One-time links and consents under way, as rows. Secrets stand here as hashes or ciphertext only. */
import type pg from 'pg';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

export interface TicketWrite {
  readonly hash: string;
  readonly connectionId: string;
  readonly returnUrl: string | null;
  readonly otherAccount: boolean;
  /** hash of the browser that alone may open it; null: the first one that does */
  readonly browser: string | null;
  readonly expiresAt: Date;
}

export async function writeTicket(db: Queryable, ticket: TicketWrite): Promise<void> {
  await db.query(
    `insert into sluice.connect_tickets (hash, connection_id, return_url, other_account, browser, expires_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      ticket.hash,
      ticket.connectionId,
      ticket.returnUrl,
      ticket.otherAccount,
      ticket.browser,
      ticket.expiresAt,
    ],
  );
}

export interface TicketRow {
  readonly connection_id: string;
  readonly return_url: string | null;
  readonly other_account: boolean;
}

/**
 * Opens a link in a browser: the first one that comes keeps it, for going back and trying again. Undefined where it is
 * unknown, of another connection, open in another browser, finished or expired.
 */
export async function openTicket(
  db: Queryable,
  { hash, connectionId, browser, now }: { hash: string; connectionId: string; browser: string; now: Date },
): Promise<TicketRow | undefined> {
  const opened = await db.query<TicketRow>(
    `update sluice.connect_tickets set browser = $3
      where hash = $1 and connection_id = $2 and (browser is null or browser = $3)
        and finished_at is null and expires_at > $4
      returning connection_id, return_url, other_account`,
    [hash, connectionId, browser, now],
  );
  return opened.rows[0];
}

export interface TicketOutcome {
  readonly account: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly advice: string } | null;
}

/** Says to the command that waits how it went. Only success ends the link: a person may try again. */
export async function reportTicket(db: Queryable, hash: string, outcome: TicketOutcome): Promise<void> {
  await db.query(
    `update sluice.connect_tickets
        set outcome = $2, finished_at = case when $3 then now() else finished_at end where hash = $1`,
    [hash, JSON.stringify(outcome), outcome.error === null],
  );
}

export async function ticketOutcome(
  db: Queryable,
  hash: string,
): Promise<{ readonly outcome: TicketOutcome | null; readonly finished: boolean } | undefined> {
  const found = await db.query<{ outcome: TicketOutcome | null; finished: boolean }>(
    `select outcome, finished_at is not null as finished from sluice.connect_tickets where hash = $1`,
    [hash],
  );
  return found.rows[0];
}

export interface FlowRow {
  readonly state: string;
  readonly connection_id: string;
  readonly browser: string;
  readonly sealed: string;
  readonly redirect_uri: string;
  readonly return_url: string | null;
  readonly other_account: boolean;
  readonly ticket: string | null;
  readonly expires_at: Date;
  readonly used_at: Date | null;
}

export async function writeFlow(db: Queryable, flow: Omit<FlowRow, 'used_at'>): Promise<void> {
  await db.query(
    `insert into sluice.connect_flows
       (state, connection_id, browser, sealed, redirect_uri, return_url, other_account, ticket, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      flow.state,
      flow.connection_id,
      flow.browser,
      flow.sealed,
      flow.redirect_uri,
      flow.return_url,
      flow.other_account,
      flow.ticket,
      flow.expires_at,
    ],
  );
}

export async function findFlow(db: Queryable, state: string): Promise<FlowRow | undefined> {
  return (await db.query<FlowRow>(`select * from sluice.connect_flows where state = $1`, [state])).rows[0];
}

/** Uses a flow up; false where somebody else was first. */
export async function claimFlow(db: Queryable, state: string): Promise<boolean> {
  const claimed = await db.query(
    `update sluice.connect_flows set used_at = now() where state = $1 and used_at is null`,
    [state],
  );
  return claimed.rowCount === 1;
}

/** Removes what ended more than a day ago; until then it tells a late person what happened. */
export async function sweepConnects(db: Queryable, now: Date): Promise<void> {
  const before = new Date(now.getTime() - 86_400_000);
  await db.query(`delete from sluice.connect_tickets where expires_at < $1`, [before]);
  await db.query(`delete from sluice.connect_flows where expires_at < $1`, [before]);
}
