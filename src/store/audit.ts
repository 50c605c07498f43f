/**
 * The audit log: what somebody did by the console, by `/v1` or by a command. The entry is committed before the action
 * begins and its outcome after it, since many actions reach beyond Postgres (a queue, a provider): nothing is done that
 * left no trace, and what a process didn't live to see is told apart from what succeeded.
 */
import { reportOf } from '../errors.ts';
import type { Db } from './db.ts';

export const actorKinds = ['operator', 'api_key', 'command'] as const;

/** Who acts; never a secret, only what tells two apart. */
export interface Actor {
  readonly kind: (typeof actorKinds)[number];
  /** `session 0a1b2c…`, `key 0a1b2c…`, `account@host` */
  readonly name: string;
  /** the client's address, where it came over HTTP */
  readonly source: string | null;
}

export type AuditDetails = Readonly<Record<string, unknown>>;

export interface AuditEntry {
  readonly actor: Actor;
  /** `connection.pause`, `run.cancel`, … */
  readonly action: string;
  readonly connection?: string | undefined;
  /** run, event or record */
  readonly subject?: string | undefined;
  readonly details?: AuditDetails;
}

/** What an action learned while it was done. */
export interface AuditNote {
  /** where only the work tells whose it is */
  readonly connection?: string;
  readonly subject?: string;
  readonly details?: AuditDetails;
}

/** Does `work` between an entry and its outcome. Without the entry nothing is done. `note` adds to it. */
export async function audited<T>(
  db: Db,
  entry: AuditEntry,
  work: (note: (more: AuditNote) => void) => Promise<T>,
): Promise<T> {
  const id = await begin(db, entry);
  let noted: AuditNote = {};
  const note = (more: AuditNote): void => {
    noted = { ...noted, ...more, details: { ...noted.details, ...more.details } };
  };
  let result: T;
  try {
    result = await work(note);
  } catch (error) {
    await end(db, id, reportOf(error).code, noted);
    throw error;
  }
  await end(db, id, null, noted);
  return result;
}

async function begin(db: Db, { actor, action, connection, subject, details }: AuditEntry): Promise<string> {
  const result = await db.pool.query<{ id: string }>(
    `insert into sluice.audit_log (actor_kind, actor, source, action, connection_id, subject, details)
     values ($1, $2, $3, $4, $5, $6, $7) returning id`,
    [
      actor.kind,
      actor.name,
      actor.source,
      action,
      connection ?? null,
      subject ?? null,
      JSON.stringify(details ?? {}),
    ],
  );
  return result.rows[0]?.id ?? '';
}

/** Where this can't be written the entry says `begun`: the action itself is over and must not seem to have failed. */
async function end(db: Db, id: string, code: string | null, noted: AuditNote): Promise<void> {
  const { connection, subject, details } = noted;
  await db.pool
    .query(
      `update sluice.audit_log
          set outcome = case when $2::text is null then 'done' else 'failed' end, code = $2, finished_at = now(),
              connection_id = coalesce($5, connection_id), subject = coalesce($3, subject), details = details || $4::jsonb
        where id = $1`,
      [id, code, subject ?? null, JSON.stringify(details ?? {}), connection ?? null],
    )
    .catch(() => undefined);
}

export interface AuditView {
  readonly id: string;
  /** ISO 8601 in UTC, as `finishedAt` */
  readonly at: string;
  readonly actor: Actor;
  readonly action: string;
  readonly connection: string | null;
  readonly subject: string | null;
  readonly outcome: 'begun' | 'done' | 'failed';
  readonly code: string | null;
  readonly details: AuditDetails;
}

export interface AuditFilter {
  readonly connection?: string | undefined;
  readonly action?: string | undefined;
  readonly actor?: Actor['kind'] | undefined;
  /** only what came before this entry, for the next page */
  readonly before?: string | undefined;
  readonly limit: number;
}

interface AuditRow {
  readonly id: string;
  readonly at: Date;
  readonly actor_kind: Actor['kind'];
  readonly actor: string;
  readonly source: string | null;
  readonly action: string;
  readonly connection_id: string | null;
  readonly subject: string | null;
  readonly outcome: AuditView['outcome'];
  readonly code: string | null;
  readonly details: AuditDetails;
}

/** Newest first. */
export async function listAudit(db: Db, filter: AuditFilter): Promise<AuditView[]> {
  const result = await db.pool.query<AuditRow>(
    `select * from sluice.audit_log
      where ($1::text is null or connection_id = $1
             or (action = 'config.apply' and details -> 'changes' @> jsonb_build_array(jsonb_build_object('id', $1::text))))
        and ($2::text is null or action = $2)
        and ($3::text is null or actor_kind = $3) and ($4::bigint is null or id < $4)
      order by id desc limit $5`,
    [
      filter.connection ?? null,
      filter.action ?? null,
      filter.actor ?? null,
      filter.before ?? null,
      filter.limit,
    ],
  );
  return result.rows.map((row) => ({
    id: row.id,
    at: row.at.toISOString(),
    actor: { kind: row.actor_kind, name: row.actor, source: row.source },
    action: row.action,
    connection: row.connection_id,
    subject: row.subject,
    outcome: row.outcome,
    code: row.code,
    details: row.details,
  }));
}

/** Forgets what was written before a moment, in batches. Returns how many. */
export async function forgetAudit(db: Db, before: Date, signal: AbortSignal): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const result = await db.pool.query(
      `delete from sluice.audit_log where id in (
         select id from sluice.audit_log where at < $1 order by at limit 1000)`,
      [before],
    );
    total += result.rowCount ?? 0;
    if ((result.rowCount ?? 0) < 1000) break;
  }
  return total;
}
