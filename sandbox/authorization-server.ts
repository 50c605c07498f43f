/**
 * An authorization server for simulated providers whose users consent in a browser, played by oidc-provider (a certified
 * implementation): authorization code with PKCE, refresh tokens, client credentials where the provider has them. What
 * each provider does differently is an option here; paths, scopes and pages are the provider's own.
 */

import { generateKeyPairSync } from 'node:crypto';
import type { ClientMetadata, KoaContextWithOIDC } from 'oidc-provider';

import { errorPage } from './consent-pages.ts';
import type { Account } from './consent-pages.ts';
import { readBasic, textOf } from './form.ts';
import type { Answer, SandboxRequest } from './http.ts';
import { INTERACTION, interact } from './interactions.ts';
import { createOidcStore } from './oidc-store.ts';
import type { OidcStore } from './oidc-store.ts';
import { capture, loadProvider } from './oidc.ts';
import { createSecret } from './token-issuer.ts';

/** A client application that users can give access to. */
export interface UserApplication {
  readonly clientId: string;
  /** undefined for a public application */
  readonly clientSecret?: string;
  readonly name: string;
  /** matched exactly; may grow at any time */
  readonly redirectUris: string[];
}

export interface GrantSettings {
  /** of access tokens, whole seconds, at least 1; for tokens issued from then on */
  lifetimeSeconds: number;
  refreshLifetimeSeconds: number;
  codeLifetimeSeconds: number;
  /** whether each use of a refresh token yields another one, and the old one becomes worthless */
  rotation: boolean;
  /** how a Basic header is read */
  basicEncoding: 'raw' | 'form';
}

/** Where applications are called back unless told otherwise: the usual address of Sluice's own callback. */
export const DEFAULT_REDIRECT_URIS: readonly string[] = [
  'http://127.0.0.1:3000/oauth/callback',
  'http://localhost:3000/oauth/callback',
];

/** What the authorization server has done so far. */
export interface GrantCounters {
  /** access tokens for client credentials */
  clientTokens: number;
  /** authorization codes exchanged */
  codes: number;
  refreshes: number;
  /** uses of a refresh token that had been replaced: each one revoked the whole grant */
  reuses: number;
  /** consents that were denied */
  denials: number;
  /** refused token requests by OAuth error */
  refused: Record<string, number>;
}

export function createGrantCounters(): GrantCounters {
  return { clientTokens: 0, codes: 0, refreshes: 0, reuses: 0, denials: 0, refused: {} };
}

export interface VerifiedUserToken {
  readonly clientId: string;
  /** null for client credentials */
  readonly accountId: string | null;
  readonly scopes: ReadonlySet<string>;
}

export interface AuthorizationServer {
  readonly settings: GrantSettings;
  readonly counters: GrantCounters;
  readonly applications: ReadonlyMap<string, UserApplication>;
  /** Answers a request for the server; undefined where the path is none of its own. */
  handle(request: SandboxRequest): Promise<Answer> | undefined;
  /** What a presented token stands for; undefined when it is unknown, expired or revoked. */
  verify(token: string): Promise<VerifiedUserToken | undefined>;
  addApplication(application: UserApplication): void;
  /** Forgets every access token; returns how many. Refresh tokens live on. */
  revokeAccessTokens(): number;
  /** Forgets every consent with its access and refresh tokens; returns how many refresh tokens. */
  revokeGrants(): number;
}

export interface AuthorizationServerOptions {
  readonly provider: string;
  /** origin of the server, without a trailing slash */
  readonly issuer: string;
  readonly paths: { readonly authorization: string; readonly token: string; readonly jwks: string };
  /** every scope that exists */
  readonly scopes: readonly string[];
  /** the scope that a refresh token depends on */
  readonly refreshScope: string;
  readonly accounts: readonly Account[];
  readonly clientAuth: 'basic' | 'post';
  readonly clientCredentials: boolean;
  readonly settings: GrantSettings;
  /** default `Bearer` */
  readonly tokenType?: string;
  /** further fields of the discovery document */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const DISCOVERY = '/.well-known/openid-configuration';

export async function createAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const module = await loadProvider();
  const applications = new Map<string, UserApplication>();
  const counters = createGrantCounters();
  const store = createOidcStore((id) => {
    const application = applications.get(id);
    return application === undefined ? undefined : registration(options, application);
  });
  const provider = new module.default(options.issuer, configuration(options, store));
  provider.on('grant.error', (_ctx, error) => {
    if (error.error_detail === 'refresh token already used') counters.reuses++;
  });
  const { paths, settings } = options;
  const answer = capture(provider, async (ctx, next) => {
    if (ctx.path === paths.token && options.clientAuth === 'post' && ctx.get('authorization') !== '') {
      // oidc-provider also takes Basic from a client that is registered for the body
      ctx.status = 401;
      ctx.body = { error: 'invalid_client', error_description: 'client credentials belong into the body' };
    } else {
      await next();
    }
    if (ctx.path === paths.token) finishTokenAnswer(ctx, options, counters);
  });
  const server: AuthorizationServer = {
    settings,
    counters,
    applications,
    handle(request) {
      const { pathname } = request.url;
      if (pathname.startsWith(INTERACTION)) {
        return interact({ server: provider, ...options, onDenial: () => counters.denials++ }, request);
      }
      const isOwn =
        pathname === DISCOVERY ||
        Object.values(paths).includes(pathname) ||
        pathname.startsWith(`${paths.authorization}/`);
      if (!isOwn) return undefined;
      if (pathname === paths.authorization) beginAfresh(options, request);
      if (pathname === paths.token && options.clientAuth === 'basic') encodeBasic(settings, request);
      return answer(request);
    },
    async verify(token) {
      const found =
        (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
      if (found?.clientId === undefined || found.isExpired) return undefined;
      if (!applications.has(found.clientId)) return undefined;
      const accountId = 'accountId' in found && found.accountId !== undefined ? found.accountId : null;
      return { clientId: found.clientId, accountId, scopes: new Set(found.scope?.split(' ')) };
    },
    addApplication: (application) => void applications.set(application.clientId, application),
    revokeAccessTokens: () => store.forget('AccessToken', 'ClientCredentials'),
    revokeGrants() {
      const count = store.size('RefreshToken');
      store.forget('AccessToken', 'RefreshToken', 'AuthorizationCode', 'Grant', 'Session');
      return count;
    },
  };
  return server;
}

function registration(options: AuthorizationServerOptions, application: UserApplication): ClientMetadata {
  const { clientId, clientSecret, name, redirectUris } = application;
  const isPublic = clientSecret === undefined;
  return {
    client_id: clientId,
    client_name: name,
    ...(isPublic ? {} : { client_secret: clientSecret }),
    redirect_uris: [...redirectUris],
    response_types: ['code'],
    grant_types: [
      'authorization_code',
      'refresh_token',
      ...(options.clientCredentials && !isPublic ? ['client_credentials'] : []),
    ],
    token_endpoint_auth_method: isPublic ? 'none' : `client_secret_${options.clientAuth}`,
    id_token_signed_response_alg: 'ES256',
  };
}

function configuration(options: AuthorizationServerOptions, store: OidcStore) {
  const { settings, paths } = options;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const off = { enabled: false };
  const lifetime = (): number => settings.lifetimeSeconds;
  return {
    adapter: (model: string) => store.adapter(model),
    clientAuthMethods:
      options.clientAuth === 'basic'
        ? (['client_secret_basic'] as const).slice()
        : (['client_secret_post', 'none'] as const).slice(),
    scopes: [...options.scopes],
    claims: Object.fromEntries(
      Object.entries({ openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] }).filter(
        ([scope]) => options.scopes.includes(scope),
      ),
    ),
    responseTypes: ['code' as const],
    // public applications have nothing else to prove themselves with (RFC 9700 section 2.1.1)
    pkce: {
      required: (_ctx: unknown, client: { clientAuthMethod?: string | undefined }) =>
        client.clientAuthMethod === 'none',
    },
    routes: paths,
    ttl: {
      AccessToken: lifetime,
      ClientCredentials: lifetime,
      RefreshToken: () => settings.refreshLifetimeSeconds,
      AuthorizationCode: () => settings.codeLifetimeSeconds,
      Grant: () => settings.refreshLifetimeSeconds,
      IdToken: 3600,
      Interaction: 3600,
      Session: 3600,
    },
    rotateRefreshToken: () => settings.rotation,
    issueRefreshToken: (_ctx: unknown, _client: unknown, code: { scopes: Set<string> }) =>
      code.scopes.has(options.refreshScope),
    // consents outlive the browser session
    expiresWithSession: () => false,
    findAccount: (_ctx: unknown, id: string) => {
      const account = options.accounts.find((one) => one.id === id);
      if (account === undefined) return undefined;
      const { name, email } = account;
      return { accountId: id, claims: () => ({ sub: id, name, email, email_verified: true }) };
    },
    interactions: {
      url(ctx: { query: Record<string, unknown> }, interaction: { uid: string }) {
        // oidc-provider leaves out the scopes that it doesn't know; RFC 6749 section 4.1.2.1 has an error for them
        const asked = textOf(ctx.query['scope']).split(' ');
        const unknown = asked.find((scope) => scope !== '' && !options.scopes.includes(scope));
        const note = unknown === undefined ? '' : `?unknown=${encodeURIComponent(unknown)}`;
        return `${INTERACTION}${interaction.uid}${note}`;
      },
    },
    renderError(
      ctx: { type: string; body: unknown },
      out: { error: string; error_description?: string | undefined },
    ) {
      ctx.type = 'html';
      ctx.body = errorPage(400, out.error, out.error_description ?? '').body;
    },
    ...(options.metadata === undefined ? {} : { discovery: options.metadata }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
    cookies: { keys: [createSecret()] },
    features: {
      clientCredentials: { enabled: options.clientCredentials },
      devInteractions: off,
      dPoP: off,
      pushedAuthorizationRequests: off,
      resourceIndicators: off,
      rpInitiatedLogout: off,
      userinfo: off,
    },
  };
}

/**
 * Every authorization request begins without a session, so that the account can be chosen each time; and asks for consent,
 * without which oidc-provider drops `offline_access`.
 */
function beginAfresh(options: AuthorizationServerOptions, { raw, url }: SandboxRequest): void {
  delete raw.request.headers.cookie;
  if (options.refreshScope !== 'offline_access' || url.searchParams.has('prompt')) return;
  raw.request.url = `${url.pathname}?${url.searchParams.toString()}&prompt=consent`;
}

/** oidc-provider always takes the two parts of a Basic header as form-encoded: a raw one is encoded for it. */
function encodeBasic(settings: GrantSettings, { raw }: SandboxRequest): void {
  const { headers } = raw.request;
  const basic = readBasic(headers.authorization, settings.basicEncoding);
  if (basic === undefined) return;
  const pair = `${encodeURIComponent(basic.id)}:${encodeURIComponent(basic.secret)}`;
  headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
}

function finishTokenAnswer(
  ctx: KoaContextWithOIDC,
  { tokenType, settings }: AuthorizationServerOptions,
  counters: GrantCounters,
): void {
  const body = ctx.body as Record<string, unknown> | undefined;
  const grant = (ctx.oidc as KoaContextWithOIDC['oidc'] | undefined)?.params?.['grant_type'];
  if (ctx.status !== 200) {
    const error = typeof body?.['error'] === 'string' ? body['error'] : String(ctx.status);
    counters.refused[error] = (counters.refused[error] ?? 0) + 1;
    return;
  }
  if (grant === 'client_credentials') counters.clientTokens++;
  else if (grant === 'refresh_token') counters.refreshes++;
  else counters.codes++;
  if (body === undefined) return;
  if (tokenType !== undefined) body['token_type'] = tokenType;
  // RFC 6749 section 6: a refresh answer may bring no refresh token; the one that was used goes on
  if (grant === 'refresh_token' && !settings.rotation) delete body['refresh_token'];
}
