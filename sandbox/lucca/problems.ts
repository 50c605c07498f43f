/** The problem documents of the simulated Lucca. https://developers.lucca.fr/documentation/using-api/errors */

import type { Answer } from '../http.ts';

const KNOWN: Readonly<Record<number, readonly [title: string, type: string]>> = {
  400: ['One or more validation errors occurred.', 'https://tools.ietf.org/html/rfc7231#section-6.5.1'],
  401: ['Unauthorized', 'https://datatracker.ietf.org/doc/html/rfc7235#section-3.1'],
  403: ['Forbidden', 'https://tools.ietf.org/html/rfc7231#section-6.5.3'],
  404: ['Not Found', 'https://tools.ietf.org/html/rfc7231#section-6.5.4'],
  405: ['Method Not Allowed', 'https://tools.ietf.org/html/rfc7231#section-6.5.5'],
  429: ['Too Many Requests', 'https://tools.ietf.org/html/rfc6585#section-4'],
  500: ['Internal Server Error', 'https://tools.ietf.org/html/rfc7231#section-6.6.1'],
  501: ['Not Implemented', 'https://tools.ietf.org/html/rfc7231#section-6.6.2'],
};

export interface ProblemOptions {
  readonly instance: string;
  readonly detail: string;
  readonly errors?: Readonly<Record<string, readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An RFC 7807 answer. */
export function problem(status: number, { instance, detail, errors, headers }: ProblemOptions): Answer {
  const [title, type] = KNOWN[status] ?? ['Error', 'about:blank'];
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({
      type,
      title,
      status,
      detail,
      instance,
      ...(errors === undefined ? {} : { errors }),
    }),
  };
}
