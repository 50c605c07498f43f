/** A simulated Lucca: one customer account behind `/lucca-api`, and the token endpoint that all accounts share. */

import type { CommonOptions, SimulatedProvider } from '../contract.ts';
import { createFaultBox } from '../faults.ts';
import { listen } from '../http.ts';
import { createRequestLog } from '../requests.ts';
import { createSecret, createTokenIssuer } from '../token-issuer.ts';
import type { Application, TokenSettings } from '../token-issuer.ts';
import { answerApi } from './api.ts';
import { createRateLimiter, documentedLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { RESOURCES } from './resources.ts';
import { createLuccaData } from './source.ts';
import type { Counts } from './source.ts';
import { deliveryCommands } from '../deliveries.ts';
import type { Deliveries } from '../deliveries.ts';
import { createLuccaWebhooks } from './webhooks.ts';
import type { LuccaWebhooks } from './webhooks.ts';

export interface LuccaOptions extends CommonOptions {
  /** number of employees, the other resources scale with it; or exact numbers by resource; default 400 employees */
  readonly records?: number | Counts;
  /** the account's host; default `sandbox.ilucca.net` */
  readonly host?: string;
  /** default 1800 s */
  readonly tokenLifetimeSeconds?: number;
  /** default: as documented, 50 requests in 60 seconds */
  readonly limits?: Partial<Limits>;
}

export interface LuccaSandbox extends SimulatedProvider {
  readonly id: 'lucca';
  /** may be changed at any time */
  readonly limits: Limits;
  readonly tokens: TokenSettings;
  readonly webhooks: LuccaWebhooks;
  readonly deliveries: Deliveries;
  readonly toldResource: string;
  /** Declares a client application: of this account with the scopes given (default all), or of another account. */
  addApplication(options?: { readonly scopes?: readonly string[]; readonly account?: string }): Application;
  /** Makes every token issued so far worthless; returns how many there were. */
  revokeTokens(): number;
}

const TOKEN_PATH = '/connect/token';

/** Both scopes of each simulated resource and of webhook endpoints, and the read-only one of events. */
const SCOPES = [
  ...RESOURCES.flatMap((resource) => [`${resource}.readonly`, `${resource}.readwrite`]),
  'events.readonly',
  'webhook-endpoints.readonly',
  'webhook-endpoints.readwrite',
];

/**
 * Starts on 127.0.0.1 and answers requests when the promise resolves.
 *
 * @throws Error when the port is taken or a number of records makes no sense
 */
export async function startLucca(options: LuccaOptions = {}): Promise<LuccaSandbox> {
  const account = options.host ?? 'sandbox.ilucca.net';
  const seed = options.seed ?? 1;
  const now = options.now ?? Date.now;
  const limits: Limits = { ...documentedLimits, ...options.limits };
  // record urls name the account's public host, not this process: a restart on another port changes no record
  const webhooks = createLuccaWebhooks({ seed, source: `https://${account}`, now });
  const data = createLuccaData({
    seed,
    records: options.records ?? 400,
    base: `https://${account}/lucca-api`,
    onEdit: (edit) => webhooks.onEdit(edit),
  });
  const tokens = await createTokenIssuer({
    issuer: 'https://accounts.world.luccasoftware.com',
    path: TOKEN_PATH,
    scopes: SCOPES,
    lifetimeSeconds: options.tokenLifetimeSeconds ?? 1800,
  });
  let applications = 0;
  const addApplication: LuccaSandbox['addApplication'] = (chosen = {}) => {
    const application: Application = {
      // fixed by the seed, so that a restarted process takes the same credentials; they open a sandbox only
      clientId: `lucca-sandbox-${seed}-${++applications}`,
      clientSecret: applications === 1 ? `lucca-sandbox-secret-${seed}` : createSecret(),
      scopes: chosen.scopes ?? SCOPES,
      account: chosen.account ?? account,
    };
    tokens.addApplication(application);
    return application;
  };
  const { clientId, clientSecret } = addApplication();
  const api = {
    data,
    tokens,
    limits,
    limiter: createRateLimiter(limits, now),
    account,
    cursorSecret: `lucca-cursor-${seed}`,
    now,
    webhooks,
  };
  const faults = createFaultBox();
  const requests = createRequestLog();
  const listener = await listen({
    port: options.port ?? 0,
    handle: (request) =>
      request.url.pathname === TOKEN_PATH ? tokens.handle(request) : answerApi(api, request),
    isTokenPath: (path) => path === TOKEN_PATH,
    faults,
    requests,
    page: {
      items: (body) => (body as { items?: unknown[] }).items,
      setNext(body, _answer, href) {
        const page = body as { links?: Record<string, unknown> };
        page.links = { prev: null, ...page.links, next: { href } };
      },
    },
    maxHeaderBytes: 8192,
  });
  const revokeTokens = (): number => tokens.revokeAll();
  return {
    id: 'lucca',
    urls: { token: `${listener.origin}${TOKEN_PATH}`, api: `${listener.origin}/lucca-api` },
    settings: { host: account },
    credentials: { clientId, clientSecret },
    source: data.source,
    requests,
    faults,
    limits,
    tokens: tokens.settings,
    webhooks,
    deliveries: webhooks.deliveries,
    toldResource: 'employees',
    addApplication,
    revokeTokens,
    commands: {
      revoke: () => ({ revoked: revokeTokens() }),
      limits: (body) => Object.assign(limits, body),
      tokens: (body) => Object.assign(tokens.settings, body),
      applications: (body) => addApplication(body),
      ...deliveryCommands(webhooks.deliveries),
      endpoints: () => ({ items: webhooks.endpoints().map(({ secret: _secret, ...shown }) => shown) }),
    },
    async close() {
      await webhooks.deliveries.close();
      await listener.close();
    },
  };
}
