/** What the senders of webhooks were promised: each message that was acknowledged is stored once, and was applied once. */
import type { Findings } from './contract.ts';
import type { ChaosFleet } from './fleet.ts';

export interface WebhookFigures {
  readonly acknowledged: number;
  readonly stored: number;
  readonly processed: number;
  /** changes of the mirror that events made */
  readonly changes: number;
}

interface StoredEvent {
  readonly connection_id: string;
  readonly message: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
}

export async function checkWebhooks(fleet: ChaosFleet, findings: Findings): Promise<WebhookFigures> {
  const { pool } = fleet.runtime.db;
  const { acknowledged, wrongAnswers } = fleet.deliveries;
  const { rows } = await pool.query<StoredEvent>(
    `select connection_id, coalesce(split_part(event_id, ' ', -1), id) as message, status, error
       from sluice.webhook_events`,
  );
  const places = new Map<string, string>();
  for (const { connection_id, message, status, error } of rows) {
    if (places.has(message)) findings.doubled.push(`the webhook ${message} is stored twice`);
    places.set(message, connection_id);
    if (status !== 'processed')
      findings.other.push(
        `${connection_id}: the webhook ${message} is ${status} (${error?.code ?? 'no error'})`,
      );
  }
  for (const [message, connectionId] of acknowledged)
    if (places.get(message) !== connectionId)
      findings.lost.push(`${connectionId}: the webhook ${message} was acknowledged and is not stored`);
  findings.other.push(...wrongAnswers.map((answer) => `a webhook got a wrong answer: ${answer}`));
  if (acknowledged.size === 0) findings.other.push('no webhook was acknowledged');
  return {
    acknowledged: acknowledged.size,
    stored: rows.length,
    processed: rows.filter(({ status }) => status === 'processed').length,
    changes: await checkAuthors(fleet, findings),
  };
}

/**
 * Every change was counted by the page of a run or by the event that made it, in the same transaction: a sum that
 * differs means that something had its effect twice, or had one that nobody knows of.
 */
async function checkAuthors(fleet: ChaosFleet, findings: Findings): Promise<number> {
  const { rows } = await fleet.runtime.db.pool.query<{
    place: string;
    made: number;
    runs: number;
    events: number;
  }>(
    `with made as (
       select connection_id, stream, count(*)::int as made from sluice.changes group by 1, 2
     ), by_run as (
       select r.connection_id, s.stream, sum(s.added + s.updated + s.deleted)::int as runs
         from sluice.run_streams s join sluice.runs r on r.id = s.run_id group by 1, 2
     ), by_event as (
       select connection_id, stream, sum(coalesce((outcome ->> 'added')::int, 0) +
              coalesce((outcome ->> 'updated')::int, 0) + coalesce((outcome ->> 'deleted')::int, 0))::int as events
         from sluice.webhook_events where stream is not null group by 1, 2
     )
     select connection_id || ' ' || stream as place, made, coalesce(runs, 0) as runs, coalesce(events, 0) as events
       from made left join by_run using (connection_id, stream) left join by_event using (connection_id, stream)`,
  );
  for (const { place, made, runs, events } of rows)
    if (made !== runs + events)
      findings.doubled.push(`${place}: ${made} changes, but runs count ${runs} and webhooks ${events}`);
  return rows.reduce((sum, { events }) => sum + events, 0);
}
