/**
 * The tokens of the simulated LockitNetwork: codes that work once, and families of tokens that descend from one consent. What
 * refreshing does to the old refresh token is not documented. The guide says that the answer has the same format, a
 * refresh token included: the strict reading is that each use replaces it, and that using a replaced one ends the family.
 */

import { createHash } from 'node:crypto';

import type { GrantCounters, GrantSettings } from '../authorization-server.ts';
import { createSecret } from '../token-issuer.ts';

interface Code {
  readonly clientId: string;
  readonly accountId: string;
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  readonly expiresAt: number;
  readonly family: string;
  isUsed: boolean;
}

interface RefreshToken {
  readonly clientId: string;
  readonly accountId: string;
  readonly family: string;
  readonly expiresAt: number;
  isReplaced: boolean;
}

interface AccessToken {
  readonly clientId: string;
  readonly accountId: string;
  readonly family: string;
  readonly expiresAt: number;
}

export interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
}

/** Why a code or a refresh token isn't taken; always `invalid_grant`. */
export class GrantError extends Error {}

export interface Grants {
  issueCode(asked: {
    readonly clientId: string;
    readonly accountId: string;
    readonly redirectUri: string;
    readonly challenge: string | undefined;
  }): string;
  /** @throws GrantError */
  redeem(code: string, clientId: string, redirectUri: string, verifier: string | undefined): TokenAnswer;
  /** @throws GrantError */
  refresh(token: string, clientId: string): TokenAnswer;
  /** The account behind an access token; undefined for an unknown, expired or revoked one. */
  accountOf(token: string): string | undefined;
  revokeAccessTokens(): number;
  /** Ends every family; returns how many refresh tokens there were. */
  revokeAll(): number;
}

export function createGrants(settings: GrantSettings, counters: GrantCounters, now: () => number): Grants {
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, RefreshToken>();
  const accessTokens = new Map<string, AccessToken>();

  const endFamily = (family: string): void => {
    for (const tokens of [accessTokens, refreshTokens]) {
      for (const [token, entry] of tokens) if (entry.family === family) tokens.delete(token);
    }
  };
  const issue = (clientId: string, accountId: string, family: string, kept?: string): TokenAnswer => {
    const time = now();
    // the oldest stand first: expired ones go as new ones come
    for (const [token, { expiresAt }] of accessTokens) {
      if (expiresAt > time) break;
      accessTokens.delete(token);
    }
    const access = createSecret();
    accessTokens.set(access, {
      clientId,
      accountId,
      family,
      expiresAt: time + settings.lifetimeSeconds * 1000,
    });
    const refresh = kept ?? createSecret();
    if (kept === undefined) {
      const expiresAt = time + settings.refreshLifetimeSeconds * 1000;
      refreshTokens.set(refresh, { clientId, accountId, family, expiresAt, isReplaced: false });
    }
    return {
      access_token: access,
      refresh_token: refresh,
      token_type: 'Bearer',
      expires_in: settings.lifetimeSeconds,
    };
  };

  return {
    issueCode({ clientId, accountId, redirectUri, challenge }) {
      const code = createSecret();
      const expiresAt = now() + settings.codeLifetimeSeconds * 1000;
      const family = createSecret(9);
      codes.set(code, { clientId, accountId, redirectUri, challenge, expiresAt, family, isUsed: false });
      return code;
    },
    redeem(text, clientId, redirectUri, verifier) {
      const code = codes.get(text);
      if (code === undefined || code.clientId !== clientId) throw new GrantError('there is no such code');
      if (code.isUsed) {
        // RFC 6749 section 4.1.2: whoever has it twice may have stolen it
        endFamily(code.family);
        throw new GrantError('the code was used before');
      }
      if (code.expiresAt <= now()) throw new GrantError('the code is expired');
      if (code.redirectUri !== redirectUri) throw new GrantError('redirect_uri is not that of the request');
      checkVerifier(code.challenge, verifier);
      code.isUsed = true;
      counters.codes++;
      return issue(code.clientId, code.accountId, code.family);
    },
    refresh(text, clientId) {
      const token = refreshTokens.get(text);
      if (token === undefined || token.clientId !== clientId)
        throw new GrantError('there is no such refresh token');
      if (token.isReplaced) {
        counters.reuses++;
        endFamily(token.family);
        throw new GrantError('the refresh token was used before');
      }
      if (token.expiresAt <= now()) throw new GrantError('the refresh token is expired');
      token.isReplaced = settings.rotation;
      counters.refreshes++;
      return issue(token.clientId, token.accountId, token.family, settings.rotation ? undefined : text);
    },
    accountOf(text) {
      const token = accessTokens.get(text);
      return token === undefined || token.expiresAt <= now() ? undefined : token.accountId;
    },
    revokeAccessTokens() {
      const count = accessTokens.size;
      accessTokens.clear();
      return count;
    },
    revokeAll() {
      const count = refreshTokens.size;
      for (const entries of [accessTokens, refreshTokens, codes]) entries.clear();
      return count;
    },
  };
}

/** PKCE is optional, and verified where it is used (RFC 7636 section 4.6); a verifier out of nowhere is refused. */
function checkVerifier(challenge: string | undefined, verifier: string | undefined): void {
  if (challenge === undefined && verifier === undefined) return;
  const digest =
    verifier === undefined ? undefined : createHash('sha256').update(verifier).digest('base64url');
  if (digest !== challenge) throw new GrantError('code_verifier does not fit the code_challenge');
}
