/** Signed messages of one size, each with an id of its own: made as cheaply as can be, since the sender shares the machine. */
import { createHmac, randomBytes } from 'node:crypto';
import { luccaEvent } from '../test/support/lucca-messages.ts';

export interface SignedMessage {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const ID_LENGTH = 24;
const PLACEHOLDER = '#'.repeat(ID_LENGTH);

/** Of `bytes` bytes; with another secret than the connection's they are what a stranger sends. */
export function createMessages(bytes: number, secret: string): () => SignedMessage {
  const event = (filler: string): string =>
    luccaEvent({
      id: PLACEHOLDER,
      topic: 'employee.updated',
      occurredAt: '2026-01-01T00:00:00Z',
      data: { id: '1', type: 'employee', givenName: filler, lastUpdatedAt: '2026-01-01T00:00:00Z' },
    });
  const template = Buffer.from(event('x'.repeat(Math.max(0, bytes - event('').length))));
  const place = template.indexOf(PLACEHOLDER);
  const series = randomBytes(6).toString('hex');
  let made = 0;
  return () => {
    made += 1;
    const body = Buffer.from(template);
    body.write(`${series}${String(made).padStart(ID_LENGTH - series.length, '0')}`, place, 'latin1');
    const timestamp = `${new Date().toISOString().slice(0, 19)}Z`;
    const signature = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('base64');
    const headers = {
      'content-type': 'application/json',
      'lucca-timestamp': timestamp,
      'lucca-signature': signature,
    };
    return { body, headers };
  };
}
