/**
 * The inbox as the intake sees it: one statement that stores a group of messages, each under its unique key, and one
 * that counts what was there already.
 */
import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { queryPrepared } from './prepared.ts';

export interface IncomingEvent {
  readonly id: string;
  readonly connectionId: string;
  readonly dedupeKey: string;
  /** milliseconds after which the key is free again, for keys that are a digest; null: never */
  readonly keyLifeMs: number | null;
  readonly eventId: string | null;
  readonly body: Buffer;
  readonly bodyHash: Buffer;
}

/** Begins with the time in hexadecimal: in the order of arrival, and safe as part of a queue's job id. */
export function newEventId(now: number): string {
  return `e${now.toString(16).padStart(12, '0')}${randomBytes(8).toString('hex')}`;
}

export function sha256(bytes: Buffer | string): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/**
 * Stores a group in one transaction and returns the ids of those that are new. The others are stored already under
 * their keys. Sorted, so that two groups with the same keys never wait for each other in a circle.
 */
export async function storeEvents(db: pg.Pool, events: readonly IncomingEvent[]): Promise<Set<string>> {
  const sorted = [...events].sort(
    (a, b) => compare(a.connectionId, b.connectionId) || compare(a.dedupeKey, b.dedupeKey),
  );
  const limited = sorted.filter((event) => event.keyLifeMs !== null);
  if (limited.length > 0) await freeOldKeys(db, limited);
  const result = await queryPrepared<{ id: string }>(
    db,
    `insert into sluice.webhook_events (id, connection_id, dedupe_key, event_id, body, body_hash)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[])
           on conflict (connection_id, dedupe_key) do nothing returning id`,
    [
      sorted.map(({ id }) => id),
      sorted.map(({ connectionId }) => connectionId),
      sorted.map(({ dedupeKey }) => dedupeKey),
      sorted.map(({ eventId }) => eventId),
      sorted.map(({ body }) => body),
      sorted.map(({ bodyHash }) => bodyHash),
    ],
  );
  return new Set(result.rows.map(({ id }) => id));
}

/** A digest stands for a message only as long as its provider repeats itself; afterwards equal bytes are news. */
async function freeOldKeys(db: pg.Pool, events: readonly IncomingEvent[]): Promise<void> {
  await db.query(
    `update sluice.webhook_events e set dedupe_key = e.dedupe_key || ' until ' || e.id
       from unnest($1::text[], $2::text[], $3::float8[]) as i (connection_id, dedupe_key, life)
      where e.connection_id = i.connection_id and e.dedupe_key = i.dedupe_key
        and e.received_at < now() - make_interval(secs => i.life / 1000)`,
    [
      events.map(({ connectionId }) => connectionId),
      events.map(({ dedupeKey }) => dedupeKey),
      events.map(({ keyLifeMs }) => keyLifeMs),
    ],
  );
}

/** Counts further deliveries of stored messages. Returns the ids of stored events that a delivery contradicts. */
export async function countDuplicates(db: pg.Pool, events: readonly IncomingEvent[]): Promise<string[]> {
  const result = await db.query<{ id: string; contradicted: boolean }>(
    `with repeated as (
       select connection_id, dedupe_key, array_agg(body_hash) as hashes
         from unnest($1::text[], $2::text[], $3::bytea[]) as i (connection_id, dedupe_key, body_hash)
        group by connection_id, dedupe_key order by connection_id, dedupe_key
     ), counted as (
       select e.id, cardinality(r.hashes) as copies,
              (select count(*)::int from unnest(r.hashes) h where h <> e.body_hash) as others
         from repeated r join sluice.webhook_events e
           on e.connection_id = r.connection_id and e.dedupe_key = r.dedupe_key
        order by e.id for update of e
     )
     update sluice.webhook_events e
        set duplicates = e.duplicates + c.copies, conflicts = e.conflicts + c.others
       from counted c where e.id = c.id
     returning e.id, c.others > 0 as contradicted`,
    [
      events.map(({ connectionId }) => connectionId),
      events.map(({ dedupeKey }) => dedupeKey),
      events.map(({ bodyHash }) => bodyHash),
    ],
  );
  return result.rows.filter(({ contradicted }) => contradicted).map(({ id }) => id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What the intake needs to know of a connection. */
export interface IntakeConnection {
  readonly id: string;
  readonly provider: string;
  readonly config: unknown;
  readonly credentials: string;
  readonly revision: string;
  /** ciphertexts by place */
  readonly endpoints: readonly { readonly place: string; readonly secrets: string }[];
}

export async function findIntakeConnection(db: pg.Pool, id: string): Promise<IntakeConnection | undefined> {
  const result = await queryPrepared<IntakeConnection>(
    db,
    `select c.id, c.provider, c.config, c.credentials, c.revision,
                  coalesce((select jsonb_agg(jsonb_build_object('place', e.place, 'secrets', e.secrets) order by e.place)
                              from sluice.webhook_endpoints e where e.connection_id = c.id), '[]') as endpoints
             from sluice.connections c where c.id = $1`,
    [id],
  );
  return result.rows[0];
}
