/**
 * The API side of the simulated Floriday: version, token, API key, rate limit, scope, and the endpoints that are synchronised by
 * sequence number. The order of these checks is ours; the documentation gives none.
 */

import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import type { TokenIssuer, VerifiedToken } from '../token-issuer.ts';
import type { Fields } from './feed.ts';
import type { Limits, RateLimiter } from './limits.ts';
import { MODELS } from './models.ts';
import type { Api } from './models.ts';
import { invalid, problem, Refusal } from './problems.ts';
import { RESOURCES } from './resources.ts';
import type { Endpoint, Resource } from './resources.ts';
import type { FloridayData } from './source.ts';
import type { FloridayWebhooks } from './webhooks.ts';

export interface Organization {
  readonly api: Api;
  readonly data: FloridayData;
}

/** What Floriday does with the version that is simulated. */
export interface Release {
  /** a deprecated version is answered by 401, one that is offline by 403 */
  state: 'main' | 'deprecated' | 'offline';
}

export interface FloridayApi {
  /** `2026v1` */
  readonly version: string;
  readonly release: Release;
  readonly tokens: TokenIssuer;
  /** by API key */
  readonly organizations: ReadonlyMap<string, Organization>;
  readonly limits: Limits;
  readonly limiter: RateLimiter;
  /** whether the custom synchronisation is being rebuilt */
  readonly customSync: { isRebuilding: boolean };
  readonly now: () => number;
  readonly webhooks: FloridayWebhooks;
}

/** One call, after everything that is the same for all. */
interface Call {
  readonly organization: Organization;
  readonly clientId: string;
  readonly url: URL;
  /** the text after the endpoint's path */
  readonly argument: string | undefined;
}

interface Route {
  readonly endpoint: Endpoint;
  answer(api: FloridayApi, call: Call): Answer;
}

/** A call of a documented scope that has no documented rate limit. */
const IDENTITIES: Endpoint = { path: 'identities', scope: 'organization:read', rate: null };

/** Of the suppliers API alone; no rate is documented. */
const SUBSCRIPTIONS: Endpoint = { path: 'webhooks/subscriptions', scope: 'webhooks:write', rate: null };

/** Answers any request that is not for the authorization server. */
export async function answerApi(api: FloridayApi, request: SandboxRequest): Promise<Answer> {
  try {
    return await answer(api, request);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return problem(error.status, error.options);
  }
}

async function answer(api: FloridayApi, request: SandboxRequest): Promise<Answer> {
  const [, name, version, rest = ''] =
    /^\/(suppliers|customers)-api-(\w+)(?:\/(.*))?$/.exec(request.url.pathname) ?? [];
  if (name === undefined) throw notFound();
  if (version !== api.version || api.release.state === 'offline') {
    throw new Refusal(403, {
      detail: `The version '${version}' is deactivated.`,
      domainErrorCode: 'gateway-authorizer-error',
    });
  }
  if (api.release.state === 'deprecated') {
    throw new Refusal(401, { detail: `The version '${version}' is deprecated. Please use a newer one.` });
  }
  const presented = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = presented === undefined ? undefined : await api.tokens.verify(presented);
  if (token === undefined || !token.scopes.has('role:app')) {
    throw new Refusal(401, {
      detail: 'The access token is missing or invalid.',
      domainErrorCode: 'invalid-access-token',
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  const key = String(request.headers['x-api-key'] ?? '');
  const organization = api.organizations.get(key);
  if (organization === undefined || organization.api !== name) {
    throw new Refusal(403, {
      detail: 'The specified api key is invalid.',
      domainErrorCode: 'gateway-authorizer-error',
    });
  }
  if (rest === SUBSCRIPTIONS.path && organization.api === 'suppliers') {
    requireScope(token, SUBSCRIPTIONS);
    return api.webhooks.answer(request, organization.data.organizationId);
  }
  const { route, argument } = findRoute(organization.api, rest);
  if (request.method !== 'GET') {
    const detail = `${request.method} is not supported on this path.`;
    throw new Refusal(405, { detail, headers: { allow: 'GET' } });
  }
  requireScope(token, route.endpoint);
  const waitMs = api.limiter.take(key, route.endpoint);
  if (waitMs > 0) {
    throw new Refusal(429, { detail: 'The rate limit is exceeded.', headers: retryAfter(api, waitMs) });
  }
  return route.answer(api, { organization, clientId: token.clientId, url: request.url, argument });
}

function requireScope(token: VerifiedToken, { scope }: Endpoint): void {
  if (token.scopes.has(scope)) return;
  throw new Refusal(403, {
    detail: `The access token lacks the scope ${scope}.`,
    domainErrorCode: 'gateway-authorizer-error',
  });
}

function notFound(): Refusal {
  return new Refusal(404, {
    detail: 'The URL you entered is invalid, please consult the Swagger for the correct URL.',
    domainErrorCode: 'route-not-found',
  });
}

function retryAfter(api: FloridayApi, waitMs: number): Record<string, string> {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  if (api.limits.retryAfter === 'none') return {};
  if (api.limits.retryAfter === 'seconds') return { 'retry-after': String(seconds) };
  // a date has whole seconds: the next one after the wait
  return { 'retry-after': new Date(Math.ceil((api.now() + waitMs) / 1000) * 1000).toUTCString() };
}

function findRoute(name: Api, path: string): { route: Route; argument: string | undefined } {
  if (path === IDENTITIES.path)
    return { route: { endpoint: IDENTITIES, answer: identity }, argument: undefined };
  for (const resource of RESOURCES[name].values()) {
    if (path === resource.maximum?.path) {
      const answerMaximum: Route['answer'] = (api, { organization }) => {
        checkRebuild(api, resource);
        return json(200, organization.data.maximum(resource));
      };
      return { route: { endpoint: resource.maximum, answer: answerMaximum }, argument: undefined };
    }
    const argument = path.startsWith(`${resource.sync.path}/`)
      ? path.slice(resource.sync.path.length + 1)
      : '/';
    if (!argument.includes('/')) {
      return {
        route: { endpoint: resource.sync, answer: (api, call) => page(api, resource, call) },
        argument,
      };
    }
  }
  throw notFound();
}

function identity(api: FloridayApi, { organization, clientId }: Call): Answer {
  const { data } = organization;
  const known = data.source.get('organizations', data.organizationId) ?? {};
  const model = MODELS[organization.api].get('Organization');
  const names = model?.kind === 'object' ? model.fields.map((field) => field.name) : [];
  const own = Object.fromEntries(Object.entries(known).filter(([field]) => names.includes(field)));
  const field = organization.api === 'suppliers' ? 'organization' : 'customerOrganization';
  return json(200, { [field]: own, clientId, apiVersion: api.version });
}

function checkRebuild(api: FloridayApi, resource: Resource): void {
  if (resource.name !== 'supply-lines/custom' || !api.customSync.isRebuilding) return;
  throw new Refusal(423, { detail: 'The custom supply synchronization is being rebuilt.' });
}

function page(api: FloridayApi, resource: Resource, { organization, url, argument = '' }: Call): Answer {
  checkRebuild(api, resource);
  const after = /^\d{1,19}$/.test(argument) ? BigInt(argument) : undefined;
  if (after === undefined || after > 9_223_372_036_854_775_807n) {
    throw invalid('sequenceNumber', `The value '${argument}' is not valid.`);
  }
  const limit = readLimit(resource, url.searchParams);
  const flags = readFlags(resource, url.searchParams);
  const filters = readFilters(resource, url.searchParams);
  return json(
    200,
    organization.data.page(resource, Number(after), limit, {
      ...flags,
      matches: (fields: Fields) => filters.every(([field, value]) => fields[field] === value),
    }),
  );
}

function readLimit(resource: Resource, query: URLSearchParams): number {
  const { parameter, max, isBounded, isRequired } = resource.pageSize;
  const text = query.get(parameter);
  if (text === null) {
    if (isRequired) throw invalid(parameter, `The ${parameter} field is required.`);
    return max;
  }
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || (isBounded && limit > max)) {
    throw invalid(parameter, `The field ${parameter} must be between 1 and ${max}.`);
  }
  return Math.min(limit, max);
}

/** Post filters: on where they aren't switched off, but for the one of connections, which is off where it isn't switched on. */
function readFlags(
  resource: Resource,
  query: URLSearchParams,
): { unselected: boolean; allPartners: boolean } {
  const value = (name: string, usual: boolean): boolean => {
    if (!resource.parameters.some((parameter) => parameter.name === name)) return true;
    const text = query.get(name);
    if (text !== null && text !== 'true' && text !== 'false') {
      throw invalid(name, `The value '${text}' is not valid.`);
    }
    return text === null ? usual : text === 'true';
  };
  value('postFilterSelectedTradeItemPackingConfigurations', true);
  value('postFilterVariantsOfSelectedParentTradeItems', false);
  return {
    unselected: !value('postFilterSelectedTradeItems', true),
    allPartners: !value('postFilterConnections', false),
  };
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** The fields that results are narrowed by: two ids, and the kind of an organization. */
function readFilters(resource: Resource, query: URLSearchParams): [field: string, value: string][] {
  const filters: [string, string][] = [];
  for (const { name, isRequired } of resource.parameters) {
    if (name.startsWith('postFilter')) continue;
    const text = query.get(name);
    if (text === null) {
      if (isRequired) throw invalid(name, `The ${name} field is required.`);
      continue;
    }
    const isValid = name.endsWith('Id')
      ? UUID.test(text)
      : ['CUSTOMER', 'SUPPLIER', 'CARRIER', 'AGENT', 'REMAINING'].includes(text);
    if (!isValid) throw invalid(name, `The value '${text}' is not valid.`);
    // warehouses and delivery conditions have their supplier in another field
    const field = resource.fields.some((one) => one.name === name) ? name : 'organizationId';
    filters.push([field, name.endsWith('Id') ? text.toLowerCase() : text]);
  }
  return filters;
}
