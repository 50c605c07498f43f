/** Messages as Lucca documents them: the body of an event, and the headers that sign it. */
import { createHmac, randomUUID } from 'node:crypto';

export interface LuccaEvent {
  readonly id?: string;
  readonly topic: string;
  readonly occurredAt?: string;
  readonly data: unknown;
}

/** The body of an event of the simulated account. */
export function luccaEvent({ id, topic, occurredAt, data }: LuccaEvent): string {
  return JSON.stringify({
    id: id ?? randomUUID(),
    type: 'event',
    topic,
    occurredAt: occurredAt ?? new Date().toISOString(),
    source: 'https://sandbox.ilucca.net',
    apiVersion: '2024-11-01',
    businessEstablishment: null,
    data,
  });
}

/** The headers that Lucca sends with a body. */
export function luccaSignature(
  body: string | Buffer,
  secret: string,
  at = new Date(),
): Record<string, string> {
  const timestamp = at.toISOString().replace(/\.\d{3}Z$/, 'Z');
  const signature = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('base64');
  return {
    'content-type': 'application/json',
    'lucca-timestamp': timestamp,
    'lucca-signature': signature,
  };
}
