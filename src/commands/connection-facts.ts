/** What stands behind a connection at this moment, for whoever is about to act on it. */
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { endpointsOf } from '../store/webhook-endpoints.ts';
import { definitionOf } from '../webhooks/definition.ts';
import type { ConnectionDetail } from '../web/api/contract.ts';
import type { ConnectionFacts } from '../web/steering-contract.ts';

/** Longer ones are shown by their beginning. */
const CURSOR_CHARACTERS = 80;

export async function connectionFacts(
  runtime: Pick<Runtime, 'db' | 'findProvider'>,
  connection: ConnectionDetail,
  publicUrl: string,
): Promise<ConnectionFacts> {
  const { db } = runtime;
  const { id } = connection;
  const [cursors, open, history, webhooks] = await Promise.all([
    db.pool.query<{ stream: string; cursor: unknown }>(
      `select stream, cursor from sluice.streams where connection_id = $1`,
      [id],
    ),
    db.pool.query<{ id: string; slot: 'active' | 'queued' }>(
      `select id, slot from sluice.runs where connection_id = $1 and slot is not null order by slot`,
      [id],
    ),
    db.pool.query<{ changes: string; events: string }>(
      `select (select count(*) from sluice.changes where connection_id = $1) as changes,
              (select count(*) from sluice.webhook_events where connection_id = $1) as events`,
      [id],
    ),
    webhooksOf(runtime, id, publicUrl),
  ]);
  const cursorOf = new Map(cursors.rows.map(({ stream, cursor }) => [stream, cursor]));
  return {
    connection,
    streams: connection.streams.map((name) => {
      const cursor = cursorOf.get(name) ?? null;
      return {
        name,
        cursor: cursor === null ? null : JSON.stringify(cursor).slice(0, CURSOR_CHARACTERS),
        records: connection.records[name] ?? 0,
      };
    }),
    open: open.rows,
    held: heldOf(connection),
    history: {
      changes: Number(history.rows[0]?.changes ?? 0),
      events: Number(history.rows[0]?.events ?? 0),
    },
    webhooks,
  };
}

/** Only the newest run tells what is held now. */
function heldOf({ lastRun }: ConnectionDetail): ConnectionFacts['held'] {
  if (lastRun?.status !== 'held') return null;
  const streams = lastRun.streams.flatMap(({ name, error }) =>
    error?.code === 'deletes_held' ? [{ name, message: error.message }] : [],
  );
  return streams.length === 0 ? null : { run: lastRun.id, streams };
}

async function webhooksOf(
  { db, findProvider }: Pick<Runtime, 'db' | 'findProvider'>,
  id: string,
  publicUrl: string,
): Promise<ConnectionFacts['webhooks']> {
  const row = await findConnection(db.pool, id);
  const provider = row === undefined ? undefined : findProvider(row.provider);
  if (row === undefined || provider === undefined) return null;
  const config = row.config as Parameters<typeof definitionOf>[1];
  if (definitionOf(provider, config)?.registration === undefined) return null;
  const endpoints = (await endpointsOf(db, id)).map((endpoint) => ({
    place: endpoint.place,
    url: endpoint.url,
    state: endpoint.state,
    registeredAt: endpoint.registered_at.toISOString(),
    checkedAt: endpoint.checked_at?.toISOString() ?? null,
    error: endpoint.error,
  }));
  return { endpoints, url: `${publicUrl.replace(/\/$/, '')}/webhooks/${id}` };
}
