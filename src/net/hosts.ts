/** Which hosts Sluice may call: the rules for a URL as written, and for the addresses that its name resolves to. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { SluiceError } from '../errors.ts';

/** What the operator allows beyond public hosts over https. */
export interface NetPolicy {
  /** lets URLs name `127.0.0.1`, `[::1]` and `localhost`, over http or https, on any port */
  readonly allowLoopback: boolean;
  /**
   * Hosts that may be private, plain http or on any port. Each entry is a host name, an IP address or a CIDR;
   * names and addresses take an optional `:port` that narrows the entry. A listed name may resolve to any
   * address. An address or CIDR also covers the names that resolve into it, but plain http needs the host to
   * be listed as the URL writes it.
   */
  readonly allowHosts: readonly string[];
  /** default `sluice` */
  readonly userAgent?: string;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

interface AllowRule {
  readonly name?: string;
  readonly network?: readonly [Address, number];
  readonly port?: number;
}

/** A policy read once. */
export interface HostRules {
  readonly allowLoopback: boolean;
  readonly allow: readonly AllowRule[];
}

/** A URL that passed; `trust` says what its name may resolve to. */
export interface Target {
  readonly url: URL;
  /** without brackets and trailing dot, lower case */
  readonly host: string;
  readonly port: number;
  readonly trust: 'listed' | 'loopback' | 'public';
}

const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

function parseAllowRule(entry: string): AllowRule | undefined {
  const text = entry.trim();
  if (text.includes('/')) {
    // ipaddr.js reads `10/8` as 0.0.0.10/8, so only the four-part form passes
    const valid = text.includes(':')
      ? ipaddr.IPv6.isValidCIDR(text)
      : ipaddr.IPv4.isValidCIDRFourPartDecimal(text);
    return valid ? { network: ipaddr.parseCIDR(text) } : undefined;
  }
  if (isIP(text) !== 0) return { network: wholeAddress(text) };

  const match = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\%[\]]+)(?::([0-9]{1,5}))?$/i.exec(text);
  if (match?.[1] === undefined) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  let host: string;
  try {
    host = bareHost(new URL(`https://${match[1]}`));
  } catch {
    return undefined;
  }
  const narrowed = port === undefined ? {} : { port };
  if (isIP(host) !== 0) {
    // the URL parser reads `10` as 0.0.0.10: an address must be written as one
    return isIP(match[1].replace(/^\[|\]$/g, '')) === 0
      ? undefined
      : { network: wholeAddress(host), ...narrowed };
  }
  return NAME.test(host) ? { name: host, ...narrowed } : undefined;
}

/** What is wrong with an entry of SLUICE_ALLOW_HOSTS; undefined when it can be read. */
export function checkAllowHost(entry: string): string | undefined {
  return parseAllowRule(entry) === undefined
    ? `"${entry}" is not a host name, host:port, IP address or CIDR such as 10.0.0.0/8`
    : undefined;
}

/** @throws SluiceError `config_invalid` that names every entry of `allowHosts` that can't be read. */
export function readPolicy(policy: NetPolicy): HostRules {
  const problems = policy.allowHosts.flatMap((entry) => checkAllowHost(entry) ?? []);
  if (problems.length > 0) throw new SluiceError('config_invalid', `Allowed hosts: ${problems.join('; ')}.`);
  return {
    allowLoopback: policy.allowLoopback,
    allow: policy.allowHosts.flatMap((entry) => parseAllowRule(entry) ?? []),
  };
}

/**
 * The problem with an endpoint as a user wrote it, or undefined. Same rules as the fetch, as far as they can be
 * known without asking DNS. Never repeats the path, the query or user information of the URL.
 *
 * @throws SluiceError `config_invalid` where the policy itself can't be read
 */
export function checkEndpoint(url: string, policy: NetPolicy): string | undefined {
  const verdict = inspectUrl(url, readPolicy(policy));
  return typeof verdict === 'string' ? verdict : undefined;
}

/** A target, or the problem as text. The URL parser has turned octal, hex and short IPv4 forms into the usual one. */
export function inspectUrl(text: string, rules: HostRules): Target | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'the address is not a full URL such as https://api.example.com';
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return `${url.protocol}// is not supported, only https:// (and http:// for allowed hosts)`;
  }
  if (url.username !== '' || url.password !== '') return 'the URL must not contain a user name or password';
  if (url.href.includes('#')) return 'the URL must not contain a fragment (#)';

  const host = bareHost(url);
  if (host === '') return 'the URL names no host';
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (port === 0) return 'port 0 cannot be called';

  const address = isIP(host) === 0 ? undefined : ipaddr.process(host);
  const listed =
    rules.allow.some((rule) => rule.name === host && matchesPort(rule, port)) ||
    (address !== undefined && inAllowedNetwork(address, port, rules));
  if (listed) return { url, host, port, trust: 'listed' };

  const isLoopback = host === 'localhost' || host === '127.0.0.1' || host === '::1';
  if (isLoopback && rules.allowLoopback) return { url, host, port, trust: 'loopback' };
  if (isLoopback || host.endsWith('.localhost')) return `${host} is this machine itself (loopback)`;

  const range = address === undefined ? undefined : specialRange(address);
  if (range !== undefined) return `${host} is not a public address (${range})`;
  if (url.protocol === 'http:') return `plain http is refused for ${host}, use https`;
  // below 1024 live other protocols (SMTP, SSH, LDAP) that a crafted request could speak to
  if (port < 1024 && port !== 443 && port !== 80) return `port ${port} of ${host} is not a port for https`;
  return { url, host, port, trust: 'public' };
}

/**
 * The first address that may not be connected to, as text, or undefined. All answers of the resolver are
 * judged, so that a name with one public and one private address is refused rather than left to chance.
 */
export function refusedAddress(
  addresses: readonly string[],
  target: Pick<Target, 'port' | 'trust'>,
  rules: HostRules,
): string | undefined {
  if (target.trust === 'listed') return undefined;
  for (const text of addresses) {
    if (isIP(text) === 0) return 'something that is no address';
    const address = ipaddr.process(text);
    if (inAllowedNetwork(address, target.port, rules)) continue;
    const range = specialRange(address);
    if (target.trust === 'loopback' ? range !== 'loopback' : range !== undefined) {
      return `${text} (${range ?? 'public'})`;
    }
  }
  return undefined;
}

/**
 * The name of the special range that an address is in, or undefined for a public one.
 *
 * IPv4, by the IANA special-purpose registry as ipaddr.js has it: unspecified 0/8, private 10/8, 172.16/12,
 * 192.168/16, carrier-grade NAT 100.64/10, loopback 127/8, link-local 169.254/16 (the clouds' metadata service),
 * reserved 192.0.0/24, 192.0.2/24, 192.88.99/24, 198.18/15, 198.51.100/24, 203.0.113/24, 240/4, AS112, AMT, multicast
 * 224/4, broadcast; and 168.63.129.16, the platform address that every Azure machine can reach.
 * IPv6: everything outside global unicast 2000::/3, and within it 6to4, Teredo, benchmarking, ORCHID, documentation.
 * An IPv4 address mapped into IPv6 (::ffff:0:0/96, unwrapped by `ipaddr.process`) or translated by NAT64
 * (64:ff9b::/96, RFC 6052) counts as the IPv4 address that it leads to.
 */
export function specialRange(address: Address): string | undefined {
  if (address.kind() === 'ipv4') {
    if (address.toString() === '168.63.129.16') return 'cloud platform';
    const range = (address as ipaddr.IPv4).range();
    return range === 'unicast' ? undefined : range;
  }
  const wide = address as ipaddr.IPv6;
  if (wide.match(NAT64, 96)) return specialRange(ipaddr.fromByteArray(wide.toByteArray().slice(12)));
  const range = wide.range();
  if (range !== 'unicast') return range;
  return wide.match(GLOBAL_UNICAST, 3) ? undefined : 'unassigned';
}

const NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');

function inAllowedNetwork(address: Address, port: number, rules: HostRules): boolean {
  return rules.allow.some(
    (rule) =>
      rule.network !== undefined &&
      rule.network[0].kind() === address.kind() &&
      address.match(rule.network[0], rule.network[1]) &&
      matchesPort(rule, port),
  );
}

function matchesPort(rule: AllowRule, port: number): boolean {
  return rule.port === undefined || rule.port === port;
}

function wholeAddress(text: string): readonly [Address, number] {
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}
