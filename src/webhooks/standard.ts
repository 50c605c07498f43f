/**
 * Standard Webhooks (https://www.standardwebhooks.com, spec/standard-webhooks.md): what a connection may ask for in
 * place of its provider's own scheme, and how our own notifications are signed.
 */
import { createHmac } from 'node:crypto';
import type { HmacSignature } from '../providers/webhook-contract.ts';

/** "Signature scheme": `v1,` and base64, several separated by spaces, over `id.timestamp.body`. */
export const standardSignature: HmacSignature = {
  scheme: 'hmac-sha256',
  header: 'webhook-signature',
  prefix: 'v1,',
  separator: ' ',
  encoding: 'base64',
  signs: [{ header: 'webhook-id' }, { text: '.' }, { header: 'webhook-timestamp' }, { text: '.' }, 'body'],
  key: 'whsec',
  timestamp: { header: 'webhook-timestamp', format: 'unix-seconds', toleranceMs: 5 * 60_000 },
};

/** The three headers of a message; `key` is the decoded secret, `at` epoch milliseconds. */
export function standardHeaders(
  key: Buffer,
  id: string,
  at: number,
  body: string,
): Readonly<Record<string, string>> {
  const seconds = String(Math.floor(at / 1000));
  const digest = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${digest}` };
}
