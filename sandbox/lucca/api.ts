/**
 * The API side of the simulated Lucca: what comes before a resource is read (limit, token, version, scope), lists and
 * single records. The order of these checks is ours; the documentation gives none.
 */

import { createHash } from 'node:crypto';

import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import type { Row } from '../table.ts';
import type { TokenIssuer } from '../token-issuer.ts';
import { LEAVE_ACCOUNTS } from './leaves.ts';
import type { Limits, RateLimiter } from './limits.ts';
import { readPage } from './listing.ts';
import type { Listing } from './listing.ts';
import { problem } from './problems.ts';
import { QueryError, readInclude, readListQuery } from './query.ts';
import type { Include } from './query.ts';
import { definitions, isResource, resourceOfType } from './resources.ts';
import type { Resource } from './resources.ts';
import type { LuccaData } from './source.ts';
import type { LuccaWebhooks } from './webhooks.ts';

/** The one version that the reference describes. */
export const API_VERSION = '2024-11-01';

export interface LuccaApi {
  readonly data: LuccaData;
  readonly tokens: TokenIssuer;
  readonly limits: Limits;
  readonly limiter: RateLimiter;
  readonly account: string;
  readonly cursorSecret: string;
  readonly now: () => number;
  readonly webhooks: LuccaWebhooks;
}

const BASE = '/lucca-api';

/** Answers any request that is not for the token endpoint. */
export async function answerApi(api: LuccaApi, request: SandboxRequest): Promise<Answer> {
  const instance = request.url.href;
  const headers = { 'api-version': API_VERSION };
  const turn = api.limiter.take();
  if (!turn.accepted) {
    const detail = 'You exceeded the API rate-limit.';
    return problem(429, { instance, detail, headers: { ...headers, ...retryAfter(api, turn.waitMs) } });
  }
  const authorization = request.headers.authorization ?? '';
  const presented = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  const token = presented === undefined ? undefined : await api.tokens.verify(presented);
  if (token === undefined || token.account !== api.account) {
    const detail = 'You are not authenticated. Please refresh your token.';
    return problem(401, { instance, detail, headers: { ...headers, 'www-authenticate': 'Bearer' } });
  }
  const versionFault = checkVersion(request.headers['api-version']);
  if (versionFault !== undefined) {
    return problem(400, {
      instance,
      detail: versionFault,
      errors: { 'Api-Version': [versionFault] },
      headers,
    });
  }
  const [, name = '', id, ...rest] = request.url.pathname.slice(BASE.length).split('/');
  if (name === 'webhook-endpoints' && rest.length === 0 && id !== '') {
    const reads = request.method === 'GET' && token.scopes.has('webhook-endpoints.readonly');
    if (!reads && !token.scopes.has('webhook-endpoints.readwrite'))
      return problem(403, { instance, detail: 'You do not have the required oAuth scopes.', headers });
    return api.webhooks.answer(request, id, headers);
  }
  const isKnown = request.url.pathname.startsWith(`${BASE}/`) && isResource(name) && rest.length === 0;
  if (!isKnown || id === '') {
    return problem(404, { instance, detail: 'The requested resource does not exist.', headers });
  }
  if (request.method !== 'GET') {
    const detail = `${request.method} is not supported on this path.`;
    return problem(405, { instance, detail, headers: { ...headers, allow: 'GET' } });
  }
  if (!token.scopes.has(`${name}.readonly`) && !token.scopes.has(`${name}.readwrite`)) {
    return problem(403, { instance, detail: 'You do not have the required oAuth scopes.', headers });
  }
  try {
    return id === undefined ? list(api, name, request, headers) : one(api, name, id, request, headers);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return problem(error.status, { instance, detail: error.message, errors: error.errors, headers });
  }
}

function retryAfter(api: LuccaApi, waitMs: number): Record<string, string> {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  if (api.limits.retryAfter === 'none') return {};
  if (api.limits.retryAfter === 'seconds') return { 'retry-after': String(seconds) };
  return { 'retry-after': new Date(api.now() + seconds * 1000).toUTCString() };
}

/** The fault of an `Api-Version`, undefined for a good one: a date for which there is that version or an earlier one. */
function checkVersion(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return 'The Api-Version header is required.';
  const text = String(value);
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text) {
    return `'${text}' is no Api-Version: a date such as ${API_VERSION} is expected.`;
  }
  return text < API_VERSION ? `There is no API version as old as ${text}.` : undefined;
}

function list(
  api: LuccaApi,
  resource: Resource,
  request: SandboxRequest,
  headers: Record<string, string>,
): Answer {
  const { data } = api;
  const query = readListQuery(resource, request.url.searchParams, data.valueAt);
  const page = readPage(data.table(resource), query, api.cursorSecret, data.valueAt);
  return withTag(request, headers, {
    type: resource,
    url: request.url.href,
    items: page.rows.map((row) => shown(row, query.include)),
    ...(query.include.has('totalCount') ? { totalCount: page.total } : {}),
    ...(query.include.has('links') ? { links: pageLinks(request.url, page) } : {}),
    ...(query.include.has('embedded')
      ? { embedded: embedded(data, resource, page.rows, query.include) }
      : {}),
  });
}

function one(
  api: LuccaApi,
  resource: Resource,
  id: string,
  request: SandboxRequest,
  headers: Record<string, string>,
): Answer {
  for (const name of request.url.searchParams.keys()) {
    if (name !== 'include') throw new QueryError(name, `A single record has no '${name}' parameter.`);
  }
  const include = readInclude(request.url.searchParams);
  const row = api.data.table(resource).get(decodeURIComponent(id));
  if (row === undefined) {
    const detail = 'The requested resource does not exist, was deleted, or you do not have access to it.';
    return problem(404, { instance: request.url.href, detail, headers });
  }
  return withTag(request, headers, {
    ...shown(row, include),
    ...(include.has('embedded') ? { embedded: embedded(api.data, resource, [row], include) } : {}),
  });
}

/** `links` of a record come, like those of a list, only when they are asked for. */
function shown(row: Row, include: ReadonlySet<Include>): Record<string, unknown> {
  if (include.has('links')) return row;
  const { links: _links, ...rest } = row;
  return rest;
}

/** Absolute, on the address that was called, with everything else of the query kept. */
function pageLinks(url: URL, { prev, next }: Listing): Record<string, { href: string } | null> {
  const link = (page: string | null): { href: string } | null => {
    if (page === null) return null;
    const target = new URL(url);
    target.searchParams.set('page', page);
    return { href: target.href };
  };
  return { prev: link(prev), next: link(next) };
}

/** The records that others refer to, by type and id. */
function embedded(
  data: LuccaData,
  resource: Resource,
  rows: readonly Row[],
  include: ReadonlySet<Include>,
): Record<string, Record<string, unknown>> {
  const found: Record<string, Record<string, unknown>> = {};
  for (const row of rows) {
    for (const field of definitions[resource].embeds) {
      const reference = row[field] as { id: string; type: string; url: string } | null | undefined;
      if (reference === null || reference === undefined) continue;
      const target = resourceOfType(reference.type);
      const account = LEAVE_ACCOUNTS.find(({ id }) => id === reference.id);
      const record =
        target === undefined ? { ...reference, ...account } : data.table(target).get(reference.id);
      if (record === undefined) continue;
      // a leave-request brings only the name of an employee along (embedded-employee)
      const { givenName, familyName } = record as Partial<Record<string, unknown>>;
      const isReduced = resource === 'leave-requests';
      (found[reference.type] ??= {})[reference.id] = isReduced
        ? { ...reference, givenName, familyName }
        : shown(record, include);
    }
  }
  return found;
}

/** Answers 304 when the client has this very body already. */
function withTag(request: SandboxRequest, headers: Record<string, string>, body: unknown): Answer {
  const answer = json(200, body, headers);
  const etag = `W/"${createHash('sha256').update(answer.body).digest('base64url').slice(0, 16)}"`;
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim());
  if (known.includes(etag)) return { status: 304, headers: { ...headers, etag }, body: '' };
  return { ...answer, headers: { ...answer.headers, etag } };
}
