/** A short name for a secret, so that people can tell two apart without seeing either. */
import { createHash } from 'node:crypto';

/** The first 12 hex digits of the SHA-256 of a token or secret: safe to show and to log, useless as a key. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 12);
}
