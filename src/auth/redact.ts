/** What a token endpoint says in an error, made fit to be shown. */
import { basicCredentials, formEncode, wellFormed } from './client-auth.ts';
import type { TokenSubject } from './contract.ts';

const MAX_LENGTH = 300;

/** Parameters that identify something rather than prove it, and so may be shown. */
const harmlessParams: ReadonlySet<string> = new Set(['audience', 'resource']);

/**
 * Text of the provider without anything secret of the subject (in any form in which it was sent), without
 * control characters, at most 300 characters. Empty where it is no text.
 */
export function showable(text: unknown, subject: TokenSubject): string {
  if (typeof text !== 'string') return '';
  const clean = withoutSecrets(text, subject)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return wellFormed(clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean);
}

function withoutSecrets(text: string, subject: TokenSubject): string {
  let clean = text;
  for (const secret of secretForms(subject)) clean = clean.replaceAll(secret, '[redacted]');
  return clean;
}

function secretForms(subject: TokenSubject): string[] {
  const params = Object.entries(subject.params)
    .filter(([name]) => !harmlessParams.has(name))
    .map(([, value]) => value);
  const forms = [...subject.clientSecrets, ...params].flatMap((secret) => [
    secret,
    formEncode(secret),
    encodeURIComponent(wellFormed(secret)),
    // as the library writes a body, which also encodes `~`
    new URLSearchParams({ v: wellFormed(secret) }).toString().slice(2),
  ]);
  const headers = subject.clientSecrets.flatMap((secret) => [
    basicCredentials(subject.clientId, secret, 'raw'),
    basicCredentials(subject.clientId, secret, 'form'),
  ]);
  // longest first, so that no secret is left over in half because another one is a part of it
  return [...new Set([...headers, ...forms])]
    .filter((form) => form !== '')
    .toSorted((a, b) => b.length - a.length);
}
