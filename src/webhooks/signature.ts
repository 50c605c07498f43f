/**
 * Whether a message is from who it says. Everything is computed over the bytes as they came and compared as text in
 * constant time; nothing is decoded leniently, so that there is exactly one good signature for a secret and a message.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HmacSignature, WebhookSignature } from '../providers/webhook-contract.ts';
import { isTimely } from './timestamp.ts';

export interface Presented {
  /** a header as received, undefined where there is none; names in lower case */
  header(name: string): string | undefined;
  /** a parameter of the query */
  query(name: string): string | undefined;
  readonly body: Buffer;
}

/** More signatures in one header than a rotation ever needs are not looked at. */
const MAX_SIGNATURES = 8;
/** Texts are compared with this length, so that theirs doesn't show in the time. */
const COMPARED_BYTES = 256;
/** Stands in for a secret where there is none: the work is the same, and nothing can match. */
const NOBODY = 'sluice: no such secret';

/**
 * True where one of the secrets signed this message, and its time is near `now` (epoch milliseconds). Without secrets
 * false, after the same work.
 */
export function isGenuine(
  signature: WebhookSignature,
  secrets: readonly string[],
  message: Presented,
  now: number,
): boolean {
  const known = secrets.length > 0;
  const tried = known ? secrets : [NOBODY];
  const matches =
    signature.scheme === 'url-key'
      ? anyEqual([message.query(signature.parameter) ?? ''], tried)
      : anyEqual(presentedSignatures(signature, message), expectedSignatures(signature, tried, message));
  return known && matches && isTimely(signature, message, now);
}

/** One signature for each secret that can be a key at all. */
export function expectedSignatures(
  signature: HmacSignature,
  secrets: readonly string[],
  message: Presented,
): string[] {
  return secrets.flatMap((secret) => {
    const key = keyOf(signature, secret);
    if (key === undefined) return [];
    const hmac = createHmac('sha256', key);
    for (const part of signature.signs) {
      if (part === 'body') hmac.update(message.body);
      else hmac.update('text' in part ? part.text : (message.header(part.header) ?? ''));
    }
    return [hmac.digest(signature.encoding)];
  });
}

/** The bytes that a secret stands for. Undefined for a `whsec_` secret that is not base64. */
function keyOf(signature: HmacSignature, secret: string): Buffer | undefined {
  if (signature.key === 'text') return Buffer.from(secret, 'utf8');
  const base64 = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret;
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}

function presentedSignatures(signature: HmacSignature, message: Presented): string[] {
  const value = message.header(signature.header) ?? '';
  const several = signature.separator === undefined ? [value] : value.split(signature.separator);
  const prefix = signature.prefix ?? '';
  return several
    .slice(0, MAX_SIGNATURES)
    .filter((one) => one.startsWith(prefix))
    .map((one) => one.slice(prefix.length));
}

/** Whether a text of one list stands in the other; looks at every pair, whatever it has found. */
function anyEqual(presented: readonly string[], expected: readonly string[]): boolean {
  let found = false;
  for (const one of presented) {
    for (const other of expected) if (equal(one, other)) found = true;
  }
  return found;
}

function equal(presented: string, expected: string): boolean {
  const [a, b] = [padded(presented), padded(expected)];
  const sameBytes = timingSafeEqual(a.bytes, b.bytes);
  return sameBytes && a.length === b.length && a.length <= COMPARED_BYTES;
}

/** Lengths aren't secret for signatures, but keys of a URL have a length of their own. */
function padded(text: string): { readonly bytes: Buffer; readonly length: number } {
  const own = Buffer.from(text, 'utf8');
  const bytes = Buffer.alloc(COMPARED_BYTES);
  own.copy(bytes);
  return { bytes, length: own.length };
}
