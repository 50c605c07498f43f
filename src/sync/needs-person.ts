/** What time alone won't mend: parked connections, held deletes, events that were given up. */
import type { Db } from '../store/db.ts';
import type { ConnectionGlance } from './overview.ts';

export interface PersonNeeded {
  readonly connection: string;
  readonly provider: string;
  /** a connection's state; `held` for a run whose deletes wait to be allowed; `dead` for events that were given up */
  readonly state: string;
  readonly reason: string;
  /** the one thing to do */
  readonly advice: string;
  readonly since: string | null;
  readonly action: 'connect' | 'check' | 'allow-deletes' | 'dead-events';
}

/** Dead events are counted up to this number. */
const MANY = 1_000;

/** Parked connections first, then held deletes, then dead events. `byPerson`: whether its grant is a person's. */
export async function needsPerson(
  db: Pick<Db, 'pool'>,
  connections: readonly ConnectionGlance[],
  byPerson: (connection: ConnectionGlance) => boolean,
): Promise<PersonNeeded[]> {
  const parked = connections
    .filter(({ state }) => state === 'needs_attention' || state === 'needs_reconnect')
    .map((connection): PersonNeeded => {
      const { id, provider, state, reason, advice, since } = connection;
      const action = state === 'needs_reconnect' && byPerson(connection) ? 'connect' : 'check';
      return {
        connection: id,
        provider,
        state,
        reason: reason ?? state,
        advice: advice ?? '',
        since,
        action,
      };
    });
  const held = connections.flatMap(({ id, provider, state, lastRun }): PersonNeeded[] =>
    state === 'active' && lastRun?.status === 'held' && lastRun.error !== null
      ? [
          {
            connection: id,
            provider,
            state: 'held',
            reason: lastRun.error.message,
            advice: lastRun.error.advice,
            since: lastRun.finishedAt,
            action: 'allow-deletes',
          },
        ]
      : [],
  );
  return [...parked, ...held, ...(await deadEvents(db, connections))];
}

async function deadEvents(
  db: Pick<Db, 'pool'>,
  connections: readonly ConnectionGlance[],
): Promise<PersonNeeded[]> {
  const dead = await db.pool.query<{ connection_id: string; events: number; since: Date }>(
    `select connection_id, count(*)::int as events, min(received_at) as since
       from (select connection_id, received_at from sluice.webhook_events
              where status = 'dead' order by id desc limit ${MANY}) newest
      group by connection_id order by connection_id`,
  );
  return dead.rows.flatMap(({ connection_id, events, since }): PersonNeeded[] => {
    const connection = connections.find(({ id }) => id === connection_id);
    if (connection === undefined) return [];
    return [
      {
        connection: connection_id,
        provider: connection.provider,
        state: 'dead',
        reason: `${events === MANY ? `${MANY} or more` : events} ${events === 1 ? 'webhook event was' : 'webhook events were'} given up.`,
        advice: `Read why, mend it, then replay ${events === 1 ? 'it' : 'them'}.`,
        since: since.toISOString(),
        action: 'dead-events',
      },
    ];
  });
}
