/** How a client proves itself at the token endpoint: Basic header, form body, or not at all. */
import { ClientSecretPost, None, type ClientAuth as ApplyClientAuth } from 'openid-client';
import type { TokenSubject } from './contract.ts';

/** The client authentication of a subject with one of its secrets (RFC 6749 section 2.3.1). */
export function clientAuthentication(subject: TokenSubject, secret: string): ApplyClientAuth {
  switch (subject.clientAuth) {
    case 'none':
      return None();
    case 'post':
      return ClientSecretPost(secret);
    case 'basic': {
      // openid-client's own Basic also encodes the unreserved characters, which servers that decode nothing refuse
      const credentials = basicCredentials(subject.clientId, secret, subject.basicEncoding);
      return (_server, _client, _body, headers) => headers.set('authorization', `Basic ${credentials}`);
    }
  }
}

/** `id:secret` in base64; with `form`, both are form-encoded first, the unreserved characters left alone. */
export function basicCredentials(id: string, secret: string, encoding: 'raw' | 'form'): string {
  const pair = encoding === 'raw' ? `${id}:${secret}` : `${formEncode(id)}:${formEncode(secret)}`;
  return Buffer.from(pair, 'utf8').toString('base64');
}

/** application/x-www-form-urlencoded, but with `-`, `.`, `_` and `~` as they are. */
export function formEncode(text: string): string {
  return encodeURIComponent(wellFormed(text))
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

/** Lone surrogates, which no encoding can carry, replaced. */
export function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
