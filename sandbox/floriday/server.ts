/** A simulated Floriday: the authorization server, and both APIs for as many organizations as are added. */

import type { CommonOptions, SimulatedProvider, Source } from '../contract.ts';
import { createFaultBox } from '../faults.ts';
import { deliveryCommands } from '../deliveries.ts';
import type { Deliveries } from '../deliveries.ts';
import { listen } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import { mix } from '../random.ts';
import { createRequestLog } from '../requests.ts';
import { createSecret, createTokenIssuer } from '../token-issuer.ts';
import type { Application, TokenIssuer, TokenSettings } from '../token-issuer.ts';
import { answerApi } from './api.ts';
import type { FloridayApi, Organization, Release } from './api.ts';
import { answerMetadata, authorizationPaths } from './authorization.ts';
import type { Environment } from './authorization.ts';
import { createRateLimiter, documentedLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import type { Api } from './models.ts';
import { DATA_SCOPES } from './resources.ts';
import type { Counts } from './sizes.ts';
import { createFloridayData } from './source.ts';
import type { FloridayData, NewPartner } from './source.ts';
import { createFloridayWebhooks } from './webhooks.ts';
import type { FloridayWebhooks } from './webhooks.ts';
import { uuidOf } from './world.ts';

export interface FloridayOptions extends CommonOptions {
  /** number of trade items, the other resources scale with it; or exact numbers by resource; default 400 trade items */
  readonly records?: number | Counts;
  /** the API of the first organization; default `suppliers` */
  readonly api?: Api;
  /** the version that is served; default `2026v1` */
  readonly version?: string;
  /** default `staging` */
  readonly environment?: Environment;
  /** default 3600 s */
  readonly tokenLifetimeSeconds?: number;
  /** default: as documented, and no Retry-After */
  readonly limits?: Partial<Limits>;
}

/** Floriday's truth, with what only Floriday has. */
export interface FloridaySource extends Source {
  /** Connects a partner that has records already, which become visible under their old sequence numbers. */
  connectPartner(): NewPartner;
}

/** One organization: an API key, and the data behind it. */
export interface FloridayOrganization {
  readonly api: Api;
  readonly apiKey: string;
  readonly organizationId: string;
  /** base of its API, without a trailing slash */
  readonly url: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly source: FloridaySource;
}

export interface FloridaySandbox extends SimulatedProvider {
  readonly id: 'floriday';
  readonly urls: { readonly issuer: string; readonly token: string; readonly api: string };
  readonly credentials: { readonly clientId: string; readonly clientSecret: string; readonly apiKey: string };
  readonly source: FloridaySource;
  /** may be changed at any time */
  readonly limits: Limits;
  readonly tokens: TokenSettings;
  readonly release: Release;
  readonly webhooks: FloridayWebhooks;
  readonly deliveries: Deliveries;
  readonly toldResource: string;
  readonly customSync: {
    /** From now on the custom synchronisation answers 423. */
    startRebuild(): void;
    /** Ends that: its sequence begins anew. */
    finishRebuild(): void;
  };
  /** A further organization that has added the application. */
  addOrganization(options?: { readonly api?: Api; readonly records?: number | Counts }): FloridayOrganization;
  /** What removing the application in Floriday does: the key is worth nothing any more. */
  removeApiKey(apiKey: string): void;
  /** Declares a further client application, with the scopes given (default all). */
  addApplication(options?: { readonly scopes?: readonly string[] }): Application;
  /** Makes every token issued so far worthless; returns how many there were. */
  revokeTokens(): number;
}

const SCOPES = ['role:app', 'webhooks:write', ...DATA_SCOPES];

/**
 * Starts on 127.0.0.1 and answers requests when the promise resolves.
 *
 * @throws Error when the port is taken or a number of records makes no sense
 */
export async function startFloriday(options: FloridayOptions = {}): Promise<FloridaySandbox> {
  const seed = options.seed ?? 1;
  const now = options.now ?? Date.now;
  const version = options.version ?? '2026v1';
  const environment = options.environment ?? 'staging';
  const limits: Limits = { ...documentedLimits, ...options.limits };
  const paths = authorizationPaths(environment);
  const organizations = new Map<string, Organization>();
  const release: Release = { state: 'main' };
  const rebuild = { isRebuilding: false };

  let origin = '';
  const webhooks = createFloridayWebhooks({ seed, now, origin: () => origin });
  const createOrganization = (chosen: { api?: Api; records?: number | Counts }) => {
    const api = chosen.api ?? 'suppliers';
    const own = mix(seed, organizations.size);
    const data: FloridayData = createFloridayData({
      api,
      seed: own,
      records: chosen.records ?? 400,
      onEdit: (resource, id, change) => webhooks.onEdit(data.organizationId, resource, id, change),
    });
    // fixed by the seed, so that a restarted process takes the same keys; they open a sandbox only
    const apiKey = uuidOf(own, 'apiKey', 0);
    organizations.set(apiKey, { api, data });
    return { api, data, apiKey };
  };
  const first = createOrganization({
    ...(options.api === undefined ? {} : { api: options.api }),
    ...(options.records === undefined ? {} : { records: options.records }),
  });

  const faults = createFaultBox();
  const requests = createRequestLog();
  // tokens name the address in their issuer, which is known only when the server listens
  let open: (handle: (request: SandboxRequest) => Promise<Answer>) => void = () => undefined;
  const opened = new Promise<(request: SandboxRequest) => Promise<Answer>>((resolve) => (open = resolve));
  const listener = await listen({
    port: options.port ?? 0,
    handle: async (request) => (await opened)(request),
    isTokenPath: (path) => path === paths.token,
    faults,
    requests,
    page: {
      items: (body) => (body as { results?: unknown[] }).results,
      // there are no links: the number in the page is what leads to the next one
      setNext: (body, _answer, href) => {
        (body as { maximumSequenceNumber?: unknown }).maximumSequenceNumber = Number(href);
      },
    },
  });
  origin = listener.origin;
  const issuer = `${listener.origin}${paths.issuer}`;
  let tokens: TokenIssuer;
  try {
    tokens = await createTokenIssuer({
      issuer,
      path: paths.token,
      scopes: SCOPES,
      lifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
      requiredScopes: ['role:app'],
      answersScope: true,
      jwtAudience: 'api://floriday',
    });
  } catch (error) {
    await listener.close();
    throw error;
  }
  let applications = 0;
  const addApplication: FloridaySandbox['addApplication'] = (chosen = {}) => {
    const place = String(++applications);
    const application: Application = {
      // 20 characters, the most that the description of an identity allows
      clientId: `0oafld${String(seed).padStart(9, '0')}${place.padStart(5, '0')}`,
      clientSecret: applications === 1 ? `floriday-sandbox-secret-${seed}` : createSecret(),
      scopes: chosen.scopes ?? SCOPES,
      account: 'floriday',
    };
    tokens.addApplication(application);
    return application;
  };
  const { clientId, clientSecret } = addApplication();
  const api: FloridayApi = {
    version,
    release,
    tokens,
    organizations,
    limits,
    limiter: createRateLimiter(limits, now),
    customSync: rebuild,
    now,
    webhooks,
  };
  open(async (request) => {
    const { pathname } = request.url;
    if (pathname === paths.token) return tokens.handle(request);
    const confirmed = webhooks.confirm(request);
    if (confirmed !== undefined) return confirmed;
    return pathname === paths.metadata ? answerMetadata(request, issuer, SCOPES) : answerApi(api, request);
  });

  const describe = ({ api: name, data, apiKey }: typeof first): FloridayOrganization => ({
    api: name,
    apiKey,
    organizationId: data.organizationId,
    url: `${listener.origin}/${name}-api-${version}`,
    settings: { api: name, version, environment },
    source: { ...data.source, connectPartner: () => data.connectPartner() },
  });
  const main = describe(first);
  const addOrganization: FloridaySandbox['addOrganization'] = (chosen = {}) =>
    describe(createOrganization(chosen));
  const revokeTokens = (): number => tokens.revokeAll();
  const customSync: FloridaySandbox['customSync'] = {
    startRebuild: () => {
      rebuild.isRebuilding = true;
    },
    finishRebuild: () => {
      rebuild.isRebuilding = false;
      for (const { data } of organizations.values()) data.restartCustomSync();
    },
  };
  return {
    id: 'floriday',
    urls: { issuer, token: `${listener.origin}${paths.token}`, api: main.url },
    settings: main.settings,
    credentials: { clientId, clientSecret, apiKey: main.apiKey },
    source: main.source,
    requests,
    faults,
    limits,
    tokens: tokens.settings,
    release,
    webhooks,
    deliveries: webhooks.deliveries,
    toldResource: 'batches',
    customSync,
    addOrganization,
    removeApiKey: (apiKey) => void organizations.delete(apiKey),
    addApplication,
    revokeTokens,
    commands: {
      revoke: () => ({ revoked: revokeTokens() }),
      limits: (body) => Object.assign(limits, body),
      tokens: (body) => Object.assign(tokens.settings, body),
      release: (body) => Object.assign(release, body),
      applications: (body) => addApplication(body),
      organizations: (body) => addOrganization(body),
      'connect-partner': () => main.source.connectPartner(),
      'start-rebuild': () => customSync.startRebuild(),
      'finish-rebuild': () => customSync.finishRebuild(),
      ...deliveryCommands(webhooks.deliveries),
      subscriptions: () => ({ items: webhooks.subscriptions().map(({ token: _token, ...shown }) => shown) }),
    },
    async close() {
      await webhooks.deliveries.close();
      await listener.close();
    },
  };
}
