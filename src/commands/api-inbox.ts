/** What `/v1` does with the inbox of webhooks and with the log of notifications. */
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { findEvent, listEvents, replayEvents, type EventDetail } from '../webhooks/history.ts';
import { notificationPage } from '../webhooks/notify-log.ts';
import type { ApiDeps } from '../web/api/contract.ts';
import { isPlace, isText, readCursor, writeCursor } from './page-cursor.ts';
import { noSuch } from './api-missing.ts';

export function inboxApi(
  runtime: Runtime,
): Pick<ApiDeps, 'events' | 'event' | 'replayEvent' | 'notifications'> {
  const { db } = runtime;
  return {
    async events({ cursor, limit, connection, status }) {
      const before = readCursor(cursor, isText);
      const found = await listEvents(db, { connection, status, before, limit: limit + 1 });
      const data = found.slice(0, limit);
      return { data, next: found.length > limit ? writeCursor(data.at(-1)?.id) : null };
    },
    event: (id) => knownEvent(runtime, id),
    async replayEvent(id, by = 'api') {
      await knownEvent(runtime, id);
      const replayed = await replayEvents(runtime, { ids: [id], by });
      if (replayed.events.length === 0)
        throw new SluiceError('event_not_replayable', `Event ${id} is open still, or its body is gone.`);
      await runtime.jobs.releaseWebhooks(replayed.connections);
      const { body: _kept, ...event } = await knownEvent(runtime, id);
      return event;
    },
    async notifications({ cursor, limit }) {
      const { data, next } = await notificationPage(db, { before: readCursor(cursor, isPlace), limit });
      return { data, next: next === undefined ? null : writeCursor(next) };
    },
  };
}

async function knownEvent(runtime: Runtime, id: string): Promise<EventDetail> {
  const event = await findEvent(runtime.db, id);
  if (event === undefined) throw noSuch('event', id, [], '/v1/events');
  return event;
}
