/**
 * The API side of the simulated LOKE. The order of checks (token, path, method, organization, query) is ours; the
 * documentation gives none. https://developers.loke.global/docs/api
 */

import type { AuthorizationServer, VerifiedUserToken } from '../authorization-server.ts';
import type { Collection, Fields } from '../collection.ts';
import { readBody } from '../form.ts';
import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import { readPage, QueryError } from './paging.ts';
import type { PagingSettings, Sort } from './paging.ts';
import { problem } from './problems.ts';
import type { WebhookBook } from './webhooks.ts';
import { isNested } from './world.ts';
import type { LokeWorld, Nested } from './world.ts';

/** What is undocumented and can be switched. */
export interface LokeBehaviour extends PagingSettings {
  /** answer for an organization that exists, and that the token doesn't reach */
  hiddenStatus: 403 | 404;
}

export interface LokeApi {
  readonly world: LokeWorld;
  readonly tokens: AuthorizationServer;
  readonly webhooks: WebhookBook;
  readonly behaviour: LokeBehaviour;
  /** Whether an application was installed for an organization. */
  readonly isInstalled: (clientId: string, organizationId: string) => boolean;
  /** ids of the organizations that a user may access */
  readonly organizationsOf: (accountId: string) => ReadonlySet<string>;
  readonly cursorSecret: string;
}

/** The documented query parameters of each list. Filters compare the field of their name, except `query`. */
const LISTS: Readonly<Record<'organizations' | Nested, { sorts: boolean; filters: readonly string[] }>> = {
  organizations: { sorts: false, filters: [] },
  locations: { sorts: false, filters: ['query'] },
  customers: { sorts: true, filters: ['email', 'phoneNumber'] },
  payments: { sorts: true, filters: ['locationId'] },
};

/** Answers any request that is not for the authorization server. */
export async function answerApi(api: LokeApi, request: SandboxRequest): Promise<Answer> {
  const presented = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = presented === undefined ? undefined : await api.tokens.verify(presented);
  if (token === undefined) {
    return problem(401, 'unauthorized', 'the access token is missing, wrong, expired or revoked', {
      'www-authenticate': 'Bearer',
    });
  }
  const [, root, organizationId, name, id, ...rest] = request.url.pathname.split('/').map(decode);
  const isKnown =
    root === 'organizations' &&
    organizationId !== '' &&
    rest.length === 0 &&
    id !== '' &&
    (name === undefined || name === 'webhooks' || isNested(name));
  if (!isKnown) return problem(404, 'not_found', 'there is nothing at this path');
  if (name !== 'webhooks' && request.method !== 'GET') {
    return problem(405, 'method_not_allowed', `${request.method} is not supported here`, { allow: 'GET' });
  }
  try {
    if (organizationId === undefined) return listOrganizations(api, token, request);
    const refused = refuse(api, token, organizationId);
    if (refused !== undefined) return refused;
    if (name === undefined) return one(api.world.organizations, organizationId, request);
    if (name === 'webhooks') return await webhooks(api, token, organizationId, id, request);
    const list = api.world.list(name, organizationId);
    if (id !== undefined) return one(list, id, request);
    return answerList(api, name, list, request, () => true);
  } catch (error) {
    if (error instanceof QueryError) return problem(400, 'bad_request', error.message);
    throw error;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A client token reaches every organization with the add-on, a user token those of them that the user has access to. */
function reaches(api: LokeApi, token: VerifiedUserToken, organizationId: string): boolean {
  if (!api.isInstalled(token.clientId, organizationId)) return false;
  return token.accountId === null || api.organizationsOf(token.accountId).has(organizationId);
}

function refuse(api: LokeApi, token: VerifiedUserToken, organizationId: string): Answer | undefined {
  if (api.world.organizations.get(organizationId) === undefined) {
    return problem(404, 'not_found', 'there is no such organization');
  }
  if (reaches(api, token, organizationId)) return undefined;
  return api.behaviour.hiddenStatus === 404
    ? problem(404, 'not_found', 'there is no such organization')
    : problem(
        403,
        'forbidden',
        'the add-on is not installed for this organization, or the user has no access',
      );
}

function one(list: Collection, id: string, { url }: SandboxRequest): Answer {
  const unknown = Array.from(url.searchParams.keys())[0];
  if (unknown !== undefined) throw new QueryError(`a single record has no parameter '${unknown}'`);
  const found = list.get(id);
  return found === undefined ? problem(404, 'not_found', 'there is no such record') : json(200, found);
}

function listOrganizations(api: LokeApi, token: VerifiedUserToken, request: SandboxRequest): Answer {
  const { organizations } = api.world;
  const isSeen = (row: Fields): boolean => reaches(api, token, String(row['id']));
  return answerList(api, 'organizations', organizations, request, isSeen);
}

function answerList(
  api: LokeApi,
  name: keyof typeof LISTS,
  list: Collection,
  { url }: SandboxRequest,
  isSeen: (row: Fields) => boolean,
): Answer {
  const { sorts, filters } = LISTS[name];
  const query = new Map<string, string>();
  for (const [key, value] of url.searchParams) {
    const isKnown = key === 'after' || (key === 'sort' && sorts) || filters.includes(key);
    if (!isKnown) throw new QueryError(`${name} have no parameter '${key}'`);
    if (query.has(key)) throw new QueryError(`${key} may be given once`);
    query.set(key, value);
  }
  const sort: Sort = sorts ? readSort(query.get('sort') ?? 'created') : 'none';
  const tests = filters.filter((filter) => query.has(filter));
  const matches = (row: Fields): boolean =>
    isSeen(row) && tests.every((filter) => isMatch(row, filter, query.get(filter) ?? ''));
  const { after, ...context } = Object.fromEntries(query);
  const digest = JSON.stringify([name, list.owner, sort, context]);
  const { pageSize, nextPage } = api.behaviour;
  const page = readPage(list, { sort, after: after ?? null, matches, digest }, pageSize, api.cursorSecret);
  if (page.next === undefined) return json(200, page.rows);
  const next = new URL(url);
  next.searchParams.set('after', page.next);
  return json(200, page.rows, {
    'x-next-page': nextPage === 'absolute' ? next.href : `${next.pathname}${next.search}`,
  });
}

function readSort(text: string): Sort {
  if (text === 'created' || text === 'updated') return text;
  throw new QueryError("sort is 'created' or 'updated'");
}

function isMatch(row: Fields, filter: string, wanted: string): boolean {
  if (filter === 'query') return String(row['name']).toLowerCase().includes(wanted.toLowerCase());
  return row[filter] === wanted;
}

async function webhooks(
  api: LokeApi,
  token: VerifiedUserToken,
  organizationId: string,
  ref: string | undefined,
  request: SandboxRequest,
): Promise<Answer> {
  return api.webhooks.answer({
    method: request.method,
    organizationId,
    clientId: token.clientId,
    ref,
    body: await readBody(request.raw.request),
    isJson: /^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''),
  });
}
