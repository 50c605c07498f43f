/** From stored bytes to what the message asks for. */
import { SluiceError } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { WebhookReading } from '../providers/webhook-contract.ts';
import type { EventSubject } from '../store/inbox-jobs.ts';
import { idOf } from '../sync/validate-page.ts';
import { definitionOf } from './definition.ts';
import { shown } from './identity.ts';

/** @throws SluiceError `webhook_unreadable` (data), `webhooks_unavailable` (config) */
export function readEvent(connection: ResolvedConnection, body: Buffer | null): WebhookReading {
  const definition = definitionOf(connection.provider, connection);
  if (definition === undefined)
    throw new SluiceError('webhooks_unavailable', `${connection.id} has no webhooks any more.`);
  if (body === null)
    throw new SluiceError('webhook_unreadable', 'The body is gone: its retention is over.', {
      advice: 'Ask for a sync of the stream, which brings what the event said.',
    });
  let parsed: unknown;
  try {
    parsed = parseExactJson(body);
  } catch (cause) {
    throw new SluiceError('webhook_unreadable', `The body is not JSON (${body.length} bytes).`, { cause });
  }
  return definition.read(parsed);
}

/** The stream of that name, where the connection mirrors it. */
export function streamNamed(connection: ResolvedConnection, name: string): StreamDefinition | undefined {
  return connection.streams.find((stream) => stream.name === name);
}

/** What an event is about, for its row. */
export function subjectOf(connection: ResolvedConnection, reading: WebhookReading): EventSubject {
  const { effect } = reading;
  const stream = 'stream' in effect ? effect.stream : null;
  const definition = stream === null ? undefined : streamNamed(connection, stream);
  const recordId =
    effect.effect === 'delete' || effect.effect === 'refetch'
      ? effect.id
      : effect.effect === 'upsert' && definition !== undefined
        ? (idOf(definition, effect.record) ?? null)
        : null;
  return {
    type: reading.type === null ? null : shown(reading.type),
    effect: effect.effect,
    occurredAt: reading.occurredAt === null ? null : shown(reading.occurredAt),
    stream,
    recordId: recordId === null ? null : shown(recordId),
  };
}
