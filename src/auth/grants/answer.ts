/** What a token answer says of the refresh token. */

const MAX_LENGTH = 16 * 1024;

/** The refresh token, where the answer has one (RFC 6749 appendix A.17: printable ASCII). */
export function refreshTokenOf(json: Readonly<Record<string, unknown>>): string | undefined {
  const { refresh_token: token } = json;
  const fits = typeof token === 'string' && token.length <= MAX_LENGTH && /^[\x20-\x7e]+$/.test(token);
  return fits ? token : undefined;
}

/**
 * When the refresh token ends, where the answer says. Two names are in use, neither of a standard: seconds in
 * `refresh_token_expires_in` or `refresh_expires_in`. Zero is taken for "not at all", as servers with offline tokens mean it.
 */
export function refreshTokenExpiry(json: Readonly<Record<string, unknown>>, now: number): Date | undefined {
  const stated = json['refresh_token_expires_in'] ?? json['refresh_expires_in'];
  const seconds = typeof stated === 'string' && stated.trim() !== '' ? Number(stated) : stated;
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > 10 * 366 * 86_400) return undefined;
  return new Date(now + seconds * 1000);
}
