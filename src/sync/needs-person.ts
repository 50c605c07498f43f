/**
 * What time alone won't mend: parked connections, held deletes, webhook endpoints that are down, events that were given
 * up, rejected records.
 */
import type { Db } from '../store/db.ts';
import { downEndpoints, type DownEndpoints } from '../store/webhook-endpoints.ts';
import type { ConnectionGlance } from './overview.ts';
import { rejectedStreams, type RejectedStream } from './rejected-streams.ts';

export interface PersonNeeded {
  readonly connection: string;
  readonly provider: string;
  /** a connection's state; else `held`, `webhooks_down`, `dead`, `rejected` */
  readonly state: string;
  readonly reason: string;
  /** the one thing to do, with the command that does it */
  readonly advice: string;
  readonly since: string | null;
  readonly action: 'connect' | 'check' | 'allow-deletes' | 'webhooks' | 'dead-events' | 'rejected';
  /** of the records that were rejected */
  readonly stream?: string;
}

/** Dead events are counted up to this number. */
const MANY = 1_000;
/** Connections with endpoints that are down, and streams with rejected records, of which each is named. */
const NAMED = 500;

/**
 * The most urgent first: connections that stand still, deletes that wait, webhooks that don't come, events that wait,
 * records that are missing; of a kind what has waited longest. `byPerson`: whether its grant is a person's. `now` in
 * epoch milliseconds.
 */
export async function needsPerson(
  db: Pick<Db, 'pool'>,
  connections: readonly ConnectionGlance[],
  byPerson: (connection: ConnectionGlance) => boolean,
  now: number,
): Promise<PersonNeeded[]> {
  const providers = new Map(connections.map(({ id, provider }) => [id, provider]));
  const [down, dead, rejected] = await Promise.all([
    downEndpoints(db, NAMED),
    deadEvents(db),
    rejectedStreams(db, now, NAMED),
  ]);
  /** of connections that are still there; the words are of whoever knows the kind */
  const about = <T extends { readonly connectionId: string }>(
    found: readonly T[],
    words: (one: T) => Omit<PersonNeeded, 'connection' | 'provider'>,
  ): PersonNeeded[] =>
    found.flatMap((one) => {
      const provider = providers.get(one.connectionId);
      return provider === undefined ? [] : [{ connection: one.connectionId, provider, ...words(one) }];
    });
  return [
    connections.flatMap((connection) => parked(connection, byPerson)),
    connections.flatMap(held),
    about(down, endpointsDown),
    about(dead, givenUp),
    about(rejected, notMirrored),
  ].flatMap((kind) => kind.toSorted(longestFirst));
}

function longestFirst(one: PersonNeeded, other: PersonNeeded): number {
  const [a, b] = [one.since ?? '', other.since ?? ''];
  return a < b ? -1 : a > b ? 1 : 0;
}

function parked(
  connection: ConnectionGlance,
  byPerson: (connection: ConnectionGlance) => boolean,
): PersonNeeded[] {
  const { id, provider, state, reason, advice, since } = connection;
  if (state !== 'needs_attention' && state !== 'needs_reconnect') return [];
  const action = state === 'needs_reconnect' && byPerson(connection) ? 'connect' : 'check';
  return [{ connection: id, provider, state, reason: reason ?? state, advice: advice ?? '', since, action }];
}

function held({ id, provider, state, lastRun }: ConnectionGlance): PersonNeeded[] {
  if (state !== 'active' || lastRun?.status !== 'held' || lastRun.error === null) return [];
  const { message: reason, advice } = lastRun.error;
  const since = lastRun.finishedAt;
  return [{ connection: id, provider, state: 'held', reason, advice, since, action: 'allow-deletes' }];
}

function endpointsDown({
  connectionId,
  endpoints,
  down,
  state,
  place,
}: DownEndpoints): Omit<PersonNeeded, 'connection' | 'provider'> {
  const which =
    endpoints === 1
      ? `Its webhook endpoint is ${state} at the provider`
      : `${down} of its ${endpoints} webhook endpoints ${down === 1 ? 'is' : 'are'} down at the provider; the one for ${place} is ${state}`;
  return {
    state: 'webhooks_down',
    reason: `${which}. No event comes from there; syncs go on.`,
    advice: `Register again: \`sluice webhooks register ${connectionId}\`.`,
    since: null,
    action: 'webhooks',
  };
}

interface DeadEvents {
  readonly connectionId: string;
  readonly events: number;
  readonly since: Date;
  /** there may be more */
  readonly atLeast: boolean;
}

async function deadEvents(db: Pick<Db, 'pool'>): Promise<DeadEvents[]> {
  const dead = await db.pool.query<{ connection_id: string; events: number; since: Date }>(
    `select connection_id, count(*)::int as events, min(received_at) as since
       from (select connection_id, received_at from sluice.webhook_events
              where status = 'dead' order by id desc limit ${MANY}) newest
      group by connection_id order by connection_id`,
  );
  const atLeast = dead.rows.reduce((sum, { events }) => sum + events, 0) === MANY;
  return dead.rows.map(({ connection_id: connectionId, ...row }) => ({ connectionId, ...row, atLeast }));
}

function givenUp({
  connectionId,
  events,
  since,
  atLeast,
}: DeadEvents): Omit<PersonNeeded, 'connection' | 'provider'> {
  return {
    state: 'dead',
    reason: `${events}${atLeast ? ' or more' : ''} ${events === 1 && !atLeast ? 'webhook event was' : 'webhook events were'} given up.`,
    advice: `Read why: \`sluice events --connection ${connectionId} --status dead\`. Mend it, then apply ${events === 1 ? 'it' : 'them'} again.`,
    since: since.toISOString(),
    action: 'dead-events',
  };
}

function notMirrored({
  connectionId,
  stream,
  records,
  reason,
  rejectedAt,
  gaveUp,
}: RejectedStream): Omit<PersonNeeded, 'connection' | 'provider'> {
  const what = gaveUp
    ? `So many records of ${stream} were rejected that its run didn't go on`
    : `${records} ${records === 1 ? 'record' : 'records'} of ${stream} ${records === 1 ? 'was' : 'were'} rejected and ${records === 1 ? 'is' : 'are'} not mirrored`;
  return {
    state: 'rejected',
    reason: `${what}. The newest: ${reason}`,
    advice: `Read them: \`sluice rejected ${connectionId} ${stream}\`. Have them mended at the provider; the next run that reads them takes them in.`,
    since: rejectedAt.toISOString(),
    action: 'rejected',
    stream,
  };
}
