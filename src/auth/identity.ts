/** Who a token belongs to: the names under which the cache keeps a token, its lock and its failures. */
import { createHash } from 'node:crypto';
import type { TokenSubject } from './contract.ts';

export interface TokenIdentity {
  /** hash of everything that shapes the token, without the flow: failures and cool-downs are kept under it */
  readonly subject: string;
  /** the same with the flow where the policy is `per-flow`: tokens and locks are kept under it */
  readonly key: string;
  /** null where the policy is `reuse` */
  readonly flow: string | null;
}

/** Scopes as a set: split at white space, sorted, each once. The order that is asked, cached and compared. */
export function normaliseScopes(scopes: readonly string[]): string[] {
  const names = scopes.flatMap((scope) => scope.split(/\s+/)).filter((scope) => scope !== '');
  return [...new Set(names)].toSorted();
}

/**
 * Names a token. The parts are encoded as a JSON array, in which no two lists of parts look alike, and hashed.
 * The connection is not among them: two connections of one application share a token. Client authentication
 * is, so that a corrected setting is tried at once instead of meeting the failures of the wrong one.
 */
export function identify(subject: TokenSubject, flow: string): TokenIdentity {
  const flowOrNone = subject.policy === 'per-flow' ? flow : null;
  const last = lastNames.get(subject);
  if (last !== undefined && last.flow === flowOrNone) return last;
  const subjectHash = last?.subject ?? hashOf(subject);
  const identity = {
    subject: subjectHash,
    key: sha256(['sluice token key 1', subjectHash, flowOrNone]),
    flow: flowOrNone,
  };
  lastNames.set(subject, identity);
  return identity;
}

/** The hashes take longer than all the rest of a hit in memory, and a job asks with the same subject every time. */
const lastNames = new WeakMap<TokenSubject, TokenIdentity>();

function hashOf(subject: TokenSubject): string {
  const { token, issuer } = subject.endpoints;
  return sha256([
    'sluice token subject 1',
    subject.provider,
    token === undefined ? ['issuer', issuer ?? ''] : ['token', token],
    subject.clientId,
    sha256([...subject.clientSecrets]),
    subject.clientAuth,
    subject.basicEncoding,
    subject.grant,
    normaliseScopes(subject.scopes),
    Object.entries(subject.params).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    subject.policy,
    // a person's grant belongs to one connection, and a newer consent never serves tokens of an older one
    ...(subject.grant === 'user' ? [[subject.connectionId, subject.userGrant?.epoch ?? null]] : []),
  ]);
}

function sha256(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
