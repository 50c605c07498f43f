/** A simulated CoLoop: its authorization server, which is a Clerk instance, and its API under `/v1`. */

import { createAuthorizationServer, DEFAULT_REDIRECT_URIS } from '../authorization-server.ts';
import type {
  AuthorizationServer,
  GrantCounters,
  GrantSettings,
  UserApplication,
} from '../authorization-server.ts';
import type { CommonOptions, SimulatedProvider } from '../contract.ts';
import { createFaultBox } from '../faults.ts';
import { textOf } from '../form.ts';
import { json, lateHandler, listen } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import { createRequestLog } from '../requests.ts';
import type { EditableSource } from '../source.ts';
import { createSecret } from '../token-issuer.ts';
import { answerApi, BASE, failure } from './api.ts';
import type { CoLoopApi, CoLoopBehaviour } from './api.ts';
import { createCoLoopWorld } from './world.ts';
import type { CoLoopAccount, Counts } from './world.ts';

export interface CoLoopOptions extends CommonOptions {
  /** number of projects, memberships and members scale with it; or exact numbers by resource; default 40 projects in 2 organizations */
  readonly records?: number | Counts;
  /** default 7200 s */
  readonly tokenLifetimeSeconds?: number;
  /** default true; false: a refresh token lives on, and refreshing returns none */
  readonly rotation?: boolean;
  readonly redirectUris?: readonly string[];
}

export interface CoLoopSandbox extends SimulatedProvider {
  readonly id: 'coloop';
  readonly urls: {
    readonly issuer: string;
    readonly authorization: string;
    readonly token: string;
    readonly userinfo: string;
    readonly jwks: string;
    readonly api: string;
  };
  /** of the private application */
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  /** stands for the first account */
  readonly apiKey: string;
  /** of the public application, which has no secret */
  readonly publicCredentials: { readonly clientId: string };
  readonly source: EditableSource;
  /** the people who can sign in; the source holds what the first one sees */
  readonly accounts: readonly CoLoopAccount[];
  /** may be changed at any time */
  readonly tokens: GrantSettings;
  readonly grants: GrantCounters;
  readonly behaviour: CoLoopBehaviour;
  addApplication(options?: {
    readonly isPublic?: boolean;
    readonly redirectUris?: readonly string[];
  }): UserApplication;
  /** Lets both applications be called back at a further address. */
  allowRedirect(uri: string): void;
  revokeTokens(): number;
  /** Ends every consent, refresh tokens included. */
  revokeGrants(): number;
  revokeApiKey(): void;
}

const PATHS = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/.well-known/jwks.json',
} as const;
const USERINFO = '/oauth/userinfo';

/**
 * Starts on 127.0.0.1 and answers requests when the promise resolves.
 *
 * @throws Error when the port is taken or a number of records makes no sense
 */
export async function startCoLoop(options: CoLoopOptions = {}): Promise<CoLoopSandbox> {
  const seed = options.seed ?? 1;
  const world = createCoLoopWorld(seed, options.records ?? 40);
  const faults = createFaultBox();
  const requests = createRequestLog();
  const late = lateHandler();
  const listener = await listen({
    port: options.port ?? 0,
    handle: late.handle,
    isTokenPath: (path) => path === PATHS.token,
    faults,
    requests,
    page: {
      items: (body) => {
        const { items, projects } = body as { items?: unknown[]; projects?: unknown[] };
        return items ?? projects;
      },
      // lists have no pages: there is no link to change
      setNext: () => undefined,
    },
  });
  const { origin } = listener;
  const settings: GrantSettings = {
    lifetimeSeconds: options.tokenLifetimeSeconds ?? 7200,
    refreshLifetimeSeconds: 30 * 86_400,
    codeLifetimeSeconds: 60,
    rotation: options.rotation ?? true,
    basicEncoding: 'form',
  };
  let tokens: AuthorizationServer;
  try {
    tokens = await createAuthorizationServer({
      provider: 'CoLoop',
      issuer: origin,
      paths: PATHS,
      scopes: ['openid', 'email', 'profile', 'offline_access'],
      refreshScope: 'offline_access',
      accounts: world.accounts,
      clientAuth: 'post',
      clientCredentials: false,
      settings,
      tokenType: 'bearer',
      metadata: { userinfo_endpoint: `${origin}${USERINFO}` },
    });
  } catch (error) {
    await listener.close();
    throw error;
  }
  let count = 0;
  const addApplication: CoLoopSandbox['addApplication'] = (chosen = {}) => {
    const application: UserApplication = {
      // fixed by the seed, so that a restarted process takes the same credentials; they open a sandbox only
      clientId: `coloop-sandbox-${seed}-${++count}`,
      ...(chosen.isPublic === true
        ? {}
        : { clientSecret: count === 1 ? `coloop-sandbox-secret-${seed}` : createSecret() }),
      name: count <= 2 ? 'Sluice' : `Application ${count}`,
      redirectUris: [...(chosen.redirectUris ?? options.redirectUris ?? DEFAULT_REDIRECT_URIS)],
    };
    tokens.addApplication(application);
    return application;
  };
  const first = addApplication();
  const open = addApplication({ isPublic: true });
  const apiKey = `coloop-sandbox-key-${seed}`;
  const apiKeys = new Map([[apiKey, world.accounts[0]?.id ?? '']]);
  const api: CoLoopApi = { world, tokens, apiKeys, behaviour: { projectsKey: 'items' } };
  late.open(async (request) => {
    const own = await tokens.handle(request);
    if (own !== undefined) return own;
    const { pathname } = request.url;
    if (pathname === USERINFO) return answerUserinfo(tokens, world.accounts, request);
    if (pathname.startsWith(`${BASE}/`)) return answerApi(api, request);
    return failure(404, 'NOT_FOUND', 'There is nothing at this path.');
  });
  const allowRedirect = (uri: string): void => {
    for (const { redirectUris } of [first, open]) redirectUris.push(uri);
  };
  return {
    id: 'coloop',
    urls: {
      issuer: origin,
      authorization: `${origin}${PATHS.authorization}`,
      token: `${origin}${PATHS.token}`,
      userinfo: `${origin}${USERINFO}`,
      jwks: `${origin}${PATHS.jwks}`,
      api: `${origin}${BASE}`,
    },
    settings: {},
    credentials: { clientId: first.clientId, clientSecret: first.clientSecret ?? '' },
    apiKey,
    publicCredentials: { clientId: open.clientId },
    source: world.source,
    accounts: world.accounts,
    requests,
    faults,
    tokens: settings,
    grants: tokens.counters,
    behaviour: api.behaviour,
    addApplication,
    allowRedirect,
    revokeTokens: () => tokens.revokeAccessTokens(),
    revokeGrants: () => tokens.revokeGrants(),
    revokeApiKey: () => apiKeys.clear(),
    commands: {
      revoke: () => ({ revoked: tokens.revokeAccessTokens() }),
      'revoke-grants': () => ({ revoked: tokens.revokeGrants() }),
      'revoke-api-key': () => apiKeys.clear(),
      tokens: (body) => Object.assign(settings, body),
      grants: () => tokens.counters,
      behaviour: (body) => Object.assign(api.behaviour, body),
      applications: (body) => addApplication(body),
      'allow-redirect': (body) => allowRedirect(textOf(body['uri'])),
    },
    close: () => listener.close(),
  };
}

/**
 * What the guide shows: `email`, `email_verified` and `name`, by scope. It asks no `openid` scope, so that oidc-provider's own
 * endpoint, which insists on it, can't be used.
 */
async function answerUserinfo(
  tokens: AuthorizationServer,
  accounts: readonly CoLoopAccount[],
  { method, headers }: SandboxRequest,
): Promise<Answer> {
  if (method !== 'GET') return { status: 405, headers: { allow: 'GET' }, body: '' };
  const presented = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const token = presented === undefined ? undefined : await tokens.verify(presented);
  const account = accounts.find(({ id }) => id === token?.accountId);
  if (token === undefined || account === undefined) {
    return json(401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
  }
  return json(200, {
    sub: account.id,
    ...(token.scopes.has('email') ? { email: account.email, email_verified: true } : {}),
    ...(token.scopes.has('profile') ? { name: account.name } : {}),
  });
}
