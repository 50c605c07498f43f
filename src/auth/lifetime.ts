/** How long a token lives, and when it is too old to be handed out. All results are milliseconds. */

/** No token is kept longer, whatever its answer says. */
const MAX_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;

const MAX_SKEW_MS = 60_000;
/** Below this a token is renewed when it is due, not ahead of it. */
const SHORT_LIFE_MS = 60_000;

/**
 * The lifetime that a token answer states (`expires_in`, seconds, RFC 6749 section 5.1), as milliseconds.
 *
 * Numbers and numeric text are taken, at most 30 days. Absent, null and anything that is no number: the default.
 * Zero and below: 0, a token for the callers that wait for it, which no cache keeps.
 */
export function lifetimeOf(expiresIn: unknown, defaultSeconds: number): number {
  const stated = numberOf(expiresIn) ?? numberOf(defaultSeconds) ?? 0;
  if (stated <= 0) return 0;
  return Math.floor(Math.min(stated * 1000, MAX_LIFETIME_MS));
}

function numberOf(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  if (typeof value === 'string' && value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

export interface Lifespan {
  readonly obtainedAt: number;
  readonly expiresAt: number;
}

/** How long before its end a token is no longer handed out: a minute, or a tenth of its life where that is less. */
function skewOf(lifetime: number): number {
  return Math.min(MAX_SKEW_MS, lifetime / 10);
}

/**
 * Whether a token lives long enough for its caller. Without a wish it must outlive the skew, so that short tokens
 * are cached too. A wish that no token of this provider can fulfil counts as half of the lifetime: a caller who
 * wants more than there is would otherwise ask for a token every time.
 */
export function isUsable(token: Lifespan, now: number, minLifeMs?: number): boolean {
  const lifetime = token.expiresAt - token.obtainedAt;
  const skew = skewOf(lifetime);
  const wish = minLifeMs !== undefined && minLifeMs >= lifetime - skew ? lifetime / 2 : minLifeMs;
  return token.expiresAt - now > (wish ?? skew);
}

/**
 * When the renewal of a token in use begins, in epoch milliseconds: a skew before it is no longer handed out, so
 * that nobody has to wait for its successor. A token that lives less than a minute is used to the skew, since
 * a second tenth of so short a life would be a request more for nothing.
 */
export function renewalDue(token: Lifespan): number {
  const lifetime = token.expiresAt - token.obtainedAt;
  return token.expiresAt - skewOf(lifetime) * (lifetime < SHORT_LIFE_MS ? 1 : 2);
}
