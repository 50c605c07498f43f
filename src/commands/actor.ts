/** Who runs a command, for the audit log: account and host. */
import { hostname, userInfo } from 'node:os';
import type { Actor } from '../store/audit.ts';

export function commandActor(): Actor {
  return { kind: 'command', name: `${account()}@${hostname()}`, source: null };
}

/** A container may run under a number that has no name there. */
function account(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
