/**
 * The API side of the simulated CoLoop, after the OpenAPI description "CoLoop API" 1.0.0: its paths with and without
 * a slash at the end, its envelopes, its error body. The order of checks (credentials, path, method, access, query) is ours.
 */

import { randomUUID } from 'node:crypto';

import type { AuthorizationServer } from '../authorization-server.ts';
import type { Collection, Fields } from '../collection.ts';
import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import type { CoLoopAccount, CoLoopWorld } from './world.ts';

/** What sources contradict each other about. */
export interface CoLoopBehaviour {
  /** key of the array in a list of projects: `items` in the OpenAPI description, `projects` in an older guide */
  projectsKey: 'items' | 'projects';
}

export interface CoLoopApi {
  readonly world: CoLoopWorld;
  readonly tokens: AuthorizationServer;
  /** the account that each API key stands for */
  readonly apiKeys: ReadonlyMap<string, string>;
  readonly behaviour: CoLoopBehaviour;
}

export const BASE = '/v1';

/** The strict error body: no further fields. `errorCode` has no published vocabulary in the description. */
export function failure(
  status: number,
  errorCode: string,
  message: string,
  headers: Record<string, string> = {},
): Answer {
  const retriable = status >= 500;
  const timestamp = new Date().toISOString();
  const body = { errorCode, statusCode: status, retriable, message, correlationId: randomUUID(), timestamp };
  return json(status, body, headers);
}

type Route = (context: Context, ...ids: string[]) => Answer;

interface Context {
  readonly api: CoLoopApi;
  readonly account: CoLoopAccount;
  readonly query: URLSearchParams;
}

const notFound = (): Answer => failure(404, 'NOT_FOUND', 'The requested resource does not exist.');

/** Every read operation of the description. A path matches to the letter, its slash at the end included. */
const routes: readonly (readonly [RegExp, Route])[] = [
  [/^\/organizations\/$/, ({ api, account, query }) => listOrganizations(api, account, query)],
  [/^\/organizations\/([^/]+)\/$/, (context, id) => within(context, id, () => organization(context, id))],
  [/^\/organizations\/([^/]+)\/members\/$/, (context, id) => within(context, id, () => members(context, id))],
  [
    /^\/organizations\/([^/]+)\/projects\/$/,
    (context, id) => within(context, id, () => projects(context, id)),
  ],
  [
    /^\/organizations\/([^/]+)\/projects\/([^/]+)$/,
    (context, id, project) =>
      within(context, id, () => one(context, context.api.world.projects(id), project)),
  ],
  [
    /^\/organizations\/([^/]+)\/projects\/([^/]+)\/memberships\/$/,
    (context, id, project) => within(context, id, () => memberships(context, id, project)),
  ],
  // the twins without an organization; the description doesn't say which one they mean: here the account's first
  [/^\/organization\/$/, (context) => withFirst(context, (id) => organization(context, id))],
  [/^\/organization\/members\/$/, (context) => withFirst(context, (id) => members(context, id))],
  [/^\/projects\/$/, (context) => withFirst(context, (id) => projects(context, id))],
  [
    /^\/projects\/([^/]+)$/,
    (context, project) =>
      withProject(context, project, (id) => one(context, context.api.world.projects(id), project)),
  ],
  [
    /^\/projects\/([^/]+)\/memberships\/$/,
    (context, project) => withProject(context, project, (id) => memberships(context, id, project)),
  ],
];

/** Answers any request below `/v1`. */
export async function answerApi(api: CoLoopApi, request: SandboxRequest): Promise<Answer> {
  const account = await authenticate(api, request);
  if (account === undefined) {
    return failure(401, 'UNAUTHORIZED', 'The credentials are missing, wrong, expired or revoked.', {
      'www-authenticate': 'Bearer',
    });
  }
  const path = request.url.pathname.slice(BASE.length);
  for (const [pattern, route] of routes) {
    const found = pattern.exec(path);
    if (found === null) continue;
    if (request.method !== 'GET') {
      return failure(405, 'METHOD_NOT_ALLOWED', `${request.method} is not simulated.`, { allow: 'GET' });
    }
    return route({ api, account, query: request.url.searchParams }, ...found.slice(1).map(decode));
  }
  return notFound();
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A bearer token or an API key. Where both are sent the token is judged, and the key can't make up for a bad one. */
async function authenticate(
  { tokens, apiKeys, world }: CoLoopApi,
  { headers }: SandboxRequest,
): Promise<CoLoopAccount | undefined> {
  let id: string | null | undefined;
  if (headers.authorization === undefined) {
    id = apiKeys.get(String(headers['x-api-key'] ?? ''));
  } else {
    const presented = /^Bearer +(\S+)$/i.exec(headers.authorization)?.[1];
    id = presented === undefined ? undefined : (await tokens.verify(presented))?.accountId;
  }
  return world.accounts.find((account) => account.id === id);
}

/** Whether others' organizations answer 403 or 404 is unknown; 404 tells nothing about them. */
function within({ account }: Context, organizationId: string, answer: () => Answer): Answer {
  return account.organizations().includes(organizationId) ? answer() : notFound();
}

function withFirst({ account }: Context, answer: (organizationId: string) => Answer): Answer {
  const first = account.organizations()[0];
  return first === undefined ? notFound() : answer(first);
}

function withProject(
  { api, account }: Context,
  projectId: string,
  answer: (organizationId: string) => Answer,
): Answer {
  const own = account.organizations().find((id) => api.world.projects(id).get(projectId) !== undefined);
  return own === undefined ? notFound() : answer(own);
}

/** The description has no parameter but `email`; what an unknown one does is unknown: refusing it is the strict reading. */
function refuseQuery(query: URLSearchParams, known: readonly string[] = []): Answer | undefined {
  const unknown = Array.from(query.keys()).find((name) => !known.includes(name));
  return unknown === undefined
    ? undefined
    : failure(400, 'VALIDATION_ERROR', `There is no parameter '${unknown}'.`);
}

const rows = (list: Collection): Fields[] => Array.from(list.forward(), (index) => list.at(index) as Fields);

function one({ query }: Context, list: Collection, id: string): Answer {
  const data = list.get(id);
  return refuseQuery(query) ?? (data === undefined ? notFound() : json(200, { data }));
}

/** A single organization has no `role`, unlike those of the list. */
function organization({ api, query }: Context, id: string): Answer {
  const { role: _role, ...data } = api.world.organizations.get(id) ?? {};
  return refuseQuery(query) ?? json(200, { data });
}

function listOrganizations(api: CoLoopApi, account: CoLoopAccount, query: URLSearchParams): Answer {
  const own = new Set(account.organizations());
  const items = rows(api.world.organizations).filter(({ id }) => own.has(String(id)));
  return refuseQuery(query) ?? json(200, { items });
}

function members({ api, query }: Context, organizationId: string): Answer {
  const email = query.get('email');
  const items = rows(api.world.members(organizationId)).filter(
    (member) => email === null || member['email'] === email,
  );
  return refuseQuery(query, ['email']) ?? json(200, { items });
}

function projects({ api, query }: Context, organizationId: string): Answer {
  const items = rows(api.world.projects(organizationId));
  return refuseQuery(query) ?? json(200, { [api.behaviour.projectsKey]: items });
}

function memberships({ api, query }: Context, organizationId: string, projectId: string): Answer {
  if (api.world.projects(organizationId).get(projectId) === undefined) return notFound();
  const items = rows(api.world.memberships(organizationId, projectId));
  return refuseQuery(query) ?? json(200, { items });
}
