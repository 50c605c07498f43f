/** Who is behind a request, for the audit log: known by a fingerprint, never by the secret itself. */
import type { Context } from 'hono';
import { fingerprint } from '../auth/fingerprint.ts';
import { SluiceError } from '../errors.ts';
import type { Actor } from '../store/audit.ts';
import { clientAddress } from './client-address.ts';
import type { WebEnv } from './contract.ts';

/** There is one operator: the session tells his browsers apart. */
export function operator(c: Context<WebEnv>, sessionId: string): Actor {
  return { kind: 'operator', name: `session ${fingerprint(sessionId)}`, source: clientAddress(c) };
}

export function keyHolder(c: Context<WebEnv>, key: string): Actor {
  return { kind: 'api_key', name: `key ${fingerprint(key)}`, source: clientAddress(c) };
}

/** @throws SluiceError `login_required` where no session and no key came before */
export function actorOf(c: Context<WebEnv>): Actor {
  const actor = c.get('actor');
  if (actor !== undefined) return actor;
  throw new SluiceError('login_required', 'This needs somebody who is known.');
}
