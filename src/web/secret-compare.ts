/** Comparing secrets in constant time. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Makes digests useless outside of this process. */
const processKey = randomBytes(32);

function digest(text: string): Buffer {
  return createHmac('sha256', processKey).update(text).digest();
}

/** Whether two texts are equal, in a time that tells nothing of where they differ, nor of their lengths. */
export function secretsEqual(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

/** Whether `candidate` is one of `secrets`; looks at all of them, so that time doesn't tell which. */
export function isOneOf(candidate: string, secrets: readonly string[]): boolean {
  let found = false;
  for (const secret of secrets) {
    if (secretsEqual(candidate, secret)) found = true;
  }
  return found;
}
