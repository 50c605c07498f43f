/** What was asked of a provider, held against what it granted. */
import { normaliseScopes } from './identity.ts';

/**
 * The scopes that were asked and not granted, sorted. Empty where the answer named none: by RFC 6749 section 5.1 it
 * then granted what was asked, and the token service has put that in its place.
 */
export function missingScopes(asked: readonly string[], granted: readonly string[]): string[] {
  const has = new Set(normaliseScopes(granted));
  return normaliseScopes(asked).filter((scope) => !has.has(scope));
}
