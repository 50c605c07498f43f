/** Rules for single values of environment variables. No message repeats a value: it may be, or hold, a secret. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { z } from 'zod';
import { checkDuration } from './duration.ts';
import { textRule } from './issues.ts';

/** A key of `SLUICE_ENCRYPTION_KEYS`: the id stands beside what it encrypted. */
export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes */
  readonly key: Buffer;
}

/** The URL in the form it was written; its scheme is one of `schemes`. */
export function url(schemes: readonly string[], example: string): z.ZodType<string, string> {
  const wrong = { message: `is not a ${schemes.join(':// or ')}:// URL`, fix: `Write it as ${example}.` };
  return textRule((value) => {
    const scheme = /^([a-z]+):\/\//i.exec(value)?.[1]?.toLowerCase();
    if (scheme === undefined || !schemes.includes(scheme) || /\s/.test(value)) return wrong;
    const hint = 'Percent-encode special characters of the password: # is %23, / is %2F, @ is %40, % is %25.';
    if (!URL.canParse(value)) return { message: 'is not a URL that can be read', fix: hint };
    if (new URL(value).hash !== '') return { message: 'holds a # outside its password', fix: hint };
    return { value };
  });
}

export const postgresUrl = url(['postgres', 'postgresql'], 'postgres://user:password@host:5432/database');
export const redisUrl = url(['redis', 'rediss'], 'redis://:password@host:6379/0');
export const httpUrl = url(['http', 'https'], 'https://host/path');

/** Scheme, host and port alone, without a slash at the end: callbacks and webhook addresses are built on it. */
export const origin = textRule((value) => {
  const fix = 'Write scheme, host and port alone, such as https://sluice.example.com.';
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  if (parsed === undefined || !/^https?:\/\//i.test(value))
    return { message: 'is not an http or https URL', fix };
  if (parsed.username !== '' || parsed.password !== '')
    return { message: 'holds a user name or password', fix };
  if (parsed.pathname !== '/' || parsed.search !== '' || parsed.hash !== '') {
    return { message: 'holds more than scheme, host and port', fix };
  }
  return { value: parsed.origin };
});

export const flag = textRule<boolean>((value) => {
  if (value === 'true') return { value: true };
  if (value === 'false') return { value: false };
  return { message: 'is neither true nor false', fix: 'Write true or false.' };
});

export function whole(least: number, most: number): z.ZodType<number, string> {
  return textRule((value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return { value: number };
    const fix = `Write a whole number from ${least} to ${most}.`;
    // a Service named "sluice-worker" makes Kubernetes set SLUICE_WORKER_PORT=tcp://…, for every pod beside it
    if (/^(tcp|udp):\/\//.test(value)) {
      return {
        message: 'holds a service link of Kubernetes, not a number',
        fix: `Set enableServiceLinks: false in the pod's spec, or set the variable there. ${fix}`,
      };
    }
    return { message: `is not a whole number from ${least} to ${most}`, fix };
  });
}

/** 0 lets the system choose a free port. */
export const port = whole(0, 65_535);

export function duration(least: string, most: string): z.ZodType<number, string> {
  return textRule((value) => checkDuration(value, least, most));
}

export function choice<const T extends string>(...options: readonly T[]): z.ZodType<T, string> {
  return textRule((value) => {
    const found = options.find((option) => option === value);
    const fix = `Write one of: ${options.join(', ')}.`;
    return found === undefined ? { message: `is not one of ${options.join(', ')}`, fix } : { value: found };
  });
}

export const anyText = textRule((value) => ({ value }));

const hostName =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?$/i;

export const host = textRule((value) =>
  isIP(value) !== 0 || hostName.test(value)
    ? { value }
    : {
        message: 'is not a host name or address',
        fix: 'Write 127.0.0.1, 0.0.0.0, :: or a host name, without a port.',
      },
);

/** Host names, addresses and CIDRs, in lower case. */
export const hostList = textRule<readonly string[]>((value) => {
  const entries = splitList(value).map((entry) => entry.toLowerCase());
  const bad = entries.findIndex((entry) =>
    entry.includes('/') ? !ipaddr.isValidCIDR(entry) : isIP(entry) === 0 && !hostName.test(entry),
  );
  if (bad === -1) return { value: entries };
  return {
    message: `entry ${bad + 1} is no host, address or CIDR`,
    fix: 'Write names such as proxy.internal, addresses, or ranges such as 10.0.0.0/8: no scheme, port or wildcard.',
  };
});

/** Origins such as https://app.example.com, as browsers write them. */
export const originList = textRule<readonly string[]>((value) => {
  const entries = splitList(value);
  const bad = entries.findIndex(
    (entry) =>
      !URL.canParse(entry) ||
      !/^https?:$/.test(new URL(entry).protocol) ||
      new URL(entry).origin !== entry.toLowerCase().replace(/\/$/, ''),
  );
  if (bad === -1) return { value: [...new Set(entries.map((entry) => new URL(entry).origin))] };
  return {
    message: `entry ${bad + 1} is no origin`,
    fix: 'Write scheme, host and port alone, such as https://app.example.com: no path, no wildcard.',
  };
});

/** Of Redis keys; `{…}` keeps the keys of a cluster together. */
export const keyPrefix = textRule((value) =>
  /^[\w{}.-]{1,64}$/.test(value)
    ? { value }
    : { message: 'is not a key prefix', fix: 'Use letters, digits and - _ . { } only, at most 64 of them.' },
);

/** Bearer keys: sent in a header, so without spaces. Short ones are guessable, which is a warning elsewhere. */
export const apiKeys = textRule<readonly string[]>((value) => {
  const keys = value.split(',').map((key) => key.trim());
  const bad = keys.findIndex((key) => !/^[\x21-\x7E]+$/.test(key));
  if (bad === -1) return { value: [...new Set(keys)] };
  return {
    message: `key ${bad + 1} is empty, or holds a space or another character unfit for a header`,
    fix: 'Make keys with `openssl rand -hex 24`, separated by commas.',
  };
});

export const encryptionKeys = textRule<readonly EncryptionKey[]>((value) => {
  const fix = 'Write id:key, where `openssl rand -base64 32` makes the key; several are separated by commas.';
  const keys: EncryptionKey[] = [];
  for (const [index, entry] of value.split(',').entries()) {
    const match = /^([\w.-]{1,32}):([\w+/-]+={0,2})$/.exec(entry.trim());
    if (match === null) return { message: `key ${index + 1} is not of the form id:key`, fix };
    const [, id = '', encoded = ''] = match;
    const key = Buffer.from(encoded, 'base64');
    if (key.length !== 32) return { message: `key ${index + 1} has ${key.length} bytes, not 32`, fix };
    if (keys.some((other) => other.id === id)) {
      return {
        message: `key ${index + 1} has the id of another key`,
        fix: 'Give each key an id of its own.',
      };
    }
    keys.push({ id, key });
  }
  return { value: keys };
});

/** The key of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. Its bytes. */
export const webhookSecret = textRule<Buffer>((value) => {
  const fix = 'Write whsec_ and what `openssl rand -base64 32` makes, and give the receiver the same.';
  const encoded = value.replace(/^whsec_/, '');
  if (!/^[\w+/-]+={0,2}$/.test(encoded)) return { message: 'is not base64', fix };
  const key = Buffer.from(encoded, 'base64');
  if (key.length >= 24 && key.length <= 64) return { value: key };
  return { message: `has ${key.length} bytes; Standard Webhooks asks for 24 to 64`, fix };
});

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
