/** Who sent a request, for counting attempts. */
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import type { WebEnv } from './contract.ts';

/**
 * A key for the client: its IPv4 address, or the /64 of its IPv6 address, of which one subscriber has 2^64.
 *
 * `X-Forwarded-For` counts only where the peer is a private address, which a router or a proxy in front of us
 * has, and then only its last entry, which that proxy itself added; anything before can be made up.
 */
export function clientAddress(c: Context<WebEnv>): string {
  const peer = parsed(getConnInfo(c).remote.address);
  if (peer === null) return 'unknown';
  if (peer.range() === 'unicast') return keyOf(peer);
  const forwarded = parsed(c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim());
  return keyOf(forwarded ?? peer);
}

function parsed(address: string | undefined): ipaddr.IPv4 | ipaddr.IPv6 | null {
  // `process` also turns ::ffff:192.0.2.1 into 192.0.2.1
  return address !== undefined && ipaddr.isValid(address) ? ipaddr.process(address) : null;
}

function keyOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return address.kind() === 'ipv4'
    ? address.toString()
    : (address as ipaddr.IPv6).parts.slice(0, 4).join(':');
}
