/** Signed times: strictly read, and near ours on both sides. */
import type { HmacSignature, WebhookSignature } from '../providers/webhook-contract.ts';
import type { Presented } from './signature.ts';

/** True for a scheme without a time. */
export function isTimely(signature: WebhookSignature, message: Presented, now: number): boolean {
  if (signature.scheme !== 'hmac-sha256' || signature.timestamp === undefined) return true;
  const { header, format, toleranceMs } = signature.timestamp;
  const at = readTimestamp(format, message.header(header) ?? '');
  return at !== undefined && Math.abs(now - at) <= toleranceMs;
}

/** Epoch milliseconds, or undefined for what isn't written as documented. */
export function readTimestamp(
  format: NonNullable<HmacSignature['timestamp']>['format'],
  text: string,
): number | undefined {
  if (format === 'unix-seconds') return /^\d{1,11}$/.test(text) ? Number(text) * 1000 : undefined;
  return readUtc(text);
}

/** RFC 3339 with a capital `T` and `Z`; a date that doesn't exist, such as 30 February, is none. */
function readUtc(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  const at = Date.parse(`${whole}Z`);
  if (Number.isNaN(at) || new Date(at).toISOString() !== `${whole}.000Z`) return undefined;
  return at + Math.floor(Number(`0.${fraction || '0'}`) * 1000);
}
