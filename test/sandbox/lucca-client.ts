/** Calls the simulated Lucca as a stranger would: plain fetch, nothing of the worker's own code. */

import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // any: the answers' shapes are what the tests are about
  readonly body: any;
}

async function call(url: string, init: RequestInit): Promise<Called> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

/** Every read-only scope of the simulated resources. */
export const allScopes = (lucca: LuccaSandbox): string =>
  lucca.source.resources.map((name) => `${name}.readonly`).join(' ');

/** Posts to the token endpoint; `fields` replace or add to a correct request, null leaves one out. */
export function requestToken(
  lucca: LuccaSandbox,
  fields: Readonly<Record<string, string | null>> = {},
): Promise<Called> {
  const form = new URLSearchParams();
  const correct = {
    grant_type: 'client_credentials',
    client_id: lucca.credentials.clientId,
    client_secret: lucca.credentials.clientSecret,
    scope: allScopes(lucca),
  };
  for (const [name, value] of Object.entries({ ...correct, ...fields }))
    if (value !== null) form.set(name, value);
  return call(lucca.urls.token, { method: 'POST', body: form });
}

export async function tokenOf(
  lucca: LuccaSandbox,
  fields: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, body, text } = await requestToken(lucca, fields);
  if (status !== 200) throw new Error(`no token: ${status} ${text}`);
  return body.access_token as string;
}

/** A correct request of a path below the API's base, or of an absolute URL. */
export function get(
  lucca: LuccaSandbox,
  token: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<Called> {
  const url = path.startsWith('http') ? path : `${lucca.urls.api}${path}`;
  return call(url, {
    method,
    headers: { authorization: `Bearer ${token}`, 'api-version': '2024-11-01', ...headers },
  });
}

export function send(url: string, init: RequestInit): Promise<Called> {
  return call(url, init);
}

/** All pages of a list, by the next links. */
export async function walk(lucca: LuccaSandbox, token: string, path: string): Promise<Called[]> {
  const pages: Called[] = [];
  for (let next: string | null = path; next !== null; next = pages.at(-1)?.body.links.next?.href ?? null) {
    pages.push(await get(lucca, token, next));
  }
  return pages;
}
