/** Tokens as they are shown: their state, since when, why, and what to do; never the token. */
import { catalogue, type ErrorCode } from '../errors.ts';
import type { SubjectHealth, TokenEntry } from './cache.ts';
import type { TokenInfo, TokenStatus, TokenSubject } from './contract.ts';
import { missingScopes } from './scopes.ts';

export function tokenInfo(subject: TokenSubject, entry: TokenEntry, now: number): TokenInfo {
  return {
    policy: subject.policy,
    fingerprint: entry.fingerprint,
    scopes: entry.scopes,
    missingScopes: missingScopes(subject.scopes, entry.scopes),
    obtainedAt: iso(entry.obtainedAt),
    expiresAt: iso(entry.expiresAt),
    ageSeconds: Math.floor((now - entry.obtainedAt) / 1000),
    expiresInSeconds: Math.floor((entry.expiresAt - now) / 1000),
  };
}

/** @param coolDownMs how long a cool-down lasts in all */
export function tokenStatus(
  subject: TokenSubject,
  entry: TokenEntry | null,
  { failure, coolDownUntil }: SubjectHealth,
  { now, coolDownMs }: { readonly now: number; readonly coolDownMs: number },
): TokenStatus {
  const token = entry === null ? null : tokenInfo(subject, entry, now);
  if (failure !== null) {
    const { code, message, advice } = failure.error;
    const served = token === null ? '' : ' The token that is cached still lives and is used.';
    return {
      state: 'failing',
      since: iso(failure.since),
      reason: `${failure.failures === 1 ? 'The last token request' : `The last ${failure.failures} token requests`} failed: ${message}${served}`,
      advice,
      error: code,
      kind: catalogue[code as ErrorCode]?.kind ?? 'transient',
      failures: failure.failures,
      retryAt: iso(failure.retryAt),
      token,
    };
  }
  const rest = { error: null, kind: null, failures: 0, token };
  // the replacement itself may be good: cooling is what is told only while the cool-down runs
  if (coolDownUntil !== null && coolDownUntil > now) {
    return {
      ...rest,
      state: 'cooling',
      since: iso(coolDownUntil - coolDownMs),
      reason:
        'The provider rejected a token with 401, and its replacement is not replaced again for a while.',
      advice:
        'Nothing, if calls succeed again; otherwise check at the provider that the application is active, then run `sluice check`.',
      retryAt: iso(coolDownUntil),
    };
  }
  if (token === null || entry === null) {
    const reason =
      subject.policy === 'per-flow'
        ? 'Each run takes a token of its own and drops it at its end.'
        : 'The next call takes one.';
    return { ...rest, state: 'none', since: null, reason, advice: null, retryAt: null };
  }
  if (token.missingScopes.length > 0) {
    return {
      ...rest,
      state: 'narrowed',
      since: token.obtainedAt,
      reason: `The provider granted the token without ${token.missingScopes.join(', ')}.`,
      advice: missingAdvice(token.missingScopes),
      retryAt: null,
    };
  }
  return { ...rest, state: 'cached', since: token.obtainedAt, reason: null, advice: null, retryAt: null };
}

/** One sentence for scopes that were asked and not granted. */
export function missingAdvice(scopes: readonly string[]): string {
  return `Give the application ${scopes.join(', ')} at the provider, or leave out the streams that need ${scopes.length === 1 ? 'it' : 'them'}.`;
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
