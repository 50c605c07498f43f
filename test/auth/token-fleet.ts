/** What a file of token tests begins with: a token server for each test, and processes that are closed after it. */
import { afterEach, beforeEach } from 'vitest';
import type { AccessToken, TokenSubject } from '../../src/auth/contract.ts';
import type { CachePlace } from '../support/token-cache.ts';
import { createMember, flow, subjectAt, type Member, type MemberOptions } from './fleet.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

/** of the test that runs */
export let server: TokenServer;
let members: Member[] = [];
let subjects = 0;

/** Registers the hooks; what it returns adds processes that share the cache at `place`, which is asked for at each call. */
export function useTokenFleet(
  place: () => CachePlace,
  defaults: Partial<MemberOptions> = {},
): (count: number, options?: Partial<MemberOptions>) => Member[] {
  beforeEach(async () => {
    server = await startTokenServer();
  });
  afterEach(async () => {
    await Promise.all(members.map((member) => member.close()));
    members = [];
    await server.close();
  });
  return (count, options = {}) => {
    const made = Array.from({ length: count }, () =>
      createMember({ place: place(), ...defaults, ...options }),
    );
    members.push(...made);
    return made;
  };
}

/** A subject that no other test shares. */
export function newSubject(changes: Partial<TokenSubject> = {}): TokenSubject {
  return subjectAt(server.url, { clientId: `client-${(subjects += 1)}`, ...changes });
}

/** Every process of the fleet asks for the token, `times` times at once. */
export function askedBy(fleet: readonly Member[], subject: TokenSubject, times = 10): Promise<AccessToken[]> {
  return Promise.all(
    fleet.flatMap(({ service }) => Array.from({ length: times }, () => service.get(subject, flow()))),
  );
}
