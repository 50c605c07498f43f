/** Calls the simulated Floriday as a stranger would: plain fetch, nothing of the worker's own code. */

import type { FloridaySandbox } from '../../sandbox/floriday/server.ts';

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // any: the answers' shapes are what the tests are about
  readonly body: any;
}

export async function send(url: string, init: RequestInit = {}): Promise<Called> {
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

export const READ_SCOPES =
  'role:app catalog:read clock-supply:read contract:read delivery-conditions:read fulfillment:read network:read ' +
  'organization:read purchase-order:read sales-order:read sticker:read supply:read';

/** Posts to the token endpoint; `fields` replace or add to a correct request, null leaves one out. */
export function requestToken(
  floriday: FloridaySandbox,
  fields: Readonly<Record<string, string | null>> = {},
): Promise<Called> {
  const form = new URLSearchParams();
  const correct = {
    grant_type: 'client_credentials',
    client_id: floriday.credentials.clientId,
    client_secret: floriday.credentials.clientSecret,
    scope: READ_SCOPES,
  };
  for (const [name, value] of Object.entries({ ...correct, ...fields }))
    if (value !== null) form.set(name, value);
  return send(floriday.urls.token, { method: 'POST', body: form });
}

export async function tokenOf(
  floriday: FloridaySandbox,
  fields: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, body, text } = await requestToken(floriday, fields);
  if (status !== 200) throw new Error(`no token: ${status} ${text}`);
  return body.access_token as string;
}

/** One organization's way in. */
export interface Access {
  readonly url: string;
  readonly apiKey: string;
  readonly token: string;
}

export async function accessOf(floriday: FloridaySandbox): Promise<Access> {
  const token = await tokenOf(floriday);
  return { url: floriday.urls.api, apiKey: floriday.credentials.apiKey, token };
}

/** A correct request of a path below the API's base; a header that is null is left out. */
export function get(
  { url, apiKey, token }: Access,
  path: string,
  headers: Readonly<Record<string, string | null>> = {},
  method = 'GET',
): Promise<Called> {
  const all = { authorization: `Bearer ${token}`, 'x-api-key': apiKey, ...headers };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
  return send(`${url}${path}`, { method, headers: Object.fromEntries(given) });
}

export interface Walked {
  readonly pages: readonly any[];
  readonly records: readonly any[];
  /** where the next pass goes on */
  readonly maximum: number;
}

/** All pages from a number on, until the number that is given is the one that is received. */
export async function walk(access: Access, resource: string, from = 0, query = ''): Promise<Walked> {
  const pages: any[] = [];
  let after = from;
  for (;;) {
    const { status, text, body } = await get(access, `/${resource}/sync/${after}${query}`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    pages.push(body);
    if (body.maximumSequenceNumber === after) break;
    after = body.maximumSequenceNumber;
  }
  return { pages, records: pages.flatMap((page) => page.results), maximum: after };
}
