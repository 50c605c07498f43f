/**
 * A token endpoint for simulated providers, played by oidc-provider (a certified implementation): client credentials,
 * the secret in the body, tokens (opaque, or JWTs) that the API side looks up in the issuer's own store.
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto';

import type { Adapter, AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';

import type { Answer, SandboxRequest } from './http.ts';
import { capture, loadProvider } from './oidc.ts';

/** A client application of one customer account. */
export interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
  /** the most that its tokens may be given */
  readonly scopes: readonly string[];
  readonly account: string;
}

export interface TokenSettings {
  /** whole seconds, at least 1; may be changed at any time, for tokens issued from then on */
  lifetimeSeconds: number;
}

export interface VerifiedToken {
  readonly clientId: string;
  readonly account: string;
  readonly scopes: ReadonlySet<string>;
}

export interface TokenIssuer {
  readonly settings: TokenSettings;
  /** The token endpoint. */
  handle(request: SandboxRequest): Promise<Answer>;
  /** What a presented token stands for; undefined when it is unknown, expired or revoked. */
  verify(token: string): Promise<VerifiedToken | undefined>;
  addApplication(application: Application): void;
  /** Forgets every token that was issued; returns how many. */
  revokeAll(): number;
}

export interface TokenIssuerOptions {
  /** a URL; of the answers, it appears in a JWT only */
  readonly issuer: string;
  /** path of the token endpoint */
  readonly path: string;
  /** every scope that exists */
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
  /** scopes without which no token is given; default none */
  readonly requiredScopes?: readonly string[];
  /** whether the answer names the scopes that were given; default false */
  readonly answersScope?: boolean;
  /** makes the tokens JWTs for this audience; default: opaque tokens */
  readonly jwtAudience?: string;
}

export function createSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}

/** What a JWT stands for. */
interface IssuedJwt {
  readonly clientId: string | undefined;
  readonly scope: string | undefined;
  /** whether its life is over */
  readonly isExpired: boolean;
}

interface Store {
  readonly applications: Map<string, Application>;
  readonly tokens: Map<string, AdapterPayload>;
  /** oidc-provider keeps no JWTs: they are kept here, as issued */
  readonly jwts: Map<string, IssuedJwt>;
}

/** Makes every token a JWT for one audience, whether a request names a resource or not. */
function jwtTokens(audience: string, scopes: readonly string[]) {
  return {
    enabled: true,
    defaultResource: () => audience,
    getResourceServerInfo: () => ({
      scope: scopes.join(' '),
      audience,
      accessTokenFormat: 'jwt' as const,
      jwt: { sign: { alg: 'ES256' as const } },
    }),
  };
}

/** The provider's storage. Its own in-memory adapter forgets tokens beyond 1,000, which a busy test exceeds. */
function createAdapter({ applications, tokens }: Store, model: string): Adapter {
  const unused = async (): Promise<undefined> => undefined;
  return {
    async find(id) {
      if (model !== 'Client') return tokens.get(`${model}:${id}`);
      const application = applications.get(id);
      if (application === undefined) return undefined;
      return {
        client_id: application.clientId,
        client_secret: application.clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_post',
        id_token_signed_response_alg: 'ES256',
        scope: application.scopes.join(' '),
      };
    },
    async upsert(id, payload) {
      const now = Date.now() / 1000;
      // the oldest stand first: expired ones go as new ones come
      for (const [key, { exp }] of tokens) {
        if (exp === undefined || exp > now) break;
        tokens.delete(key);
      }
      tokens.set(`${model}:${id}`, payload);
    },
    async destroy(id) {
      tokens.delete(`${model}:${id}`);
    },
    consume: unused,
    findByUid: unused,
    findByUserCode: unused,
    revokeByGrantId: unused,
  };
}

export async function createTokenIssuer(options: TokenIssuerOptions): Promise<TokenIssuer> {
  const { default: Provider } = await loadProvider();
  const store: Store = { applications: new Map(), tokens: new Map(), jwts: new Map() };
  const settings: TokenSettings = { lifetimeSeconds: options.lifetimeSeconds };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const off = { enabled: false };
  const provider = new Provider(options.issuer, {
    adapter: (model) => createAdapter(store, model),
    clientAuthMethods: ['client_secret_post'],
    scopes: [...options.scopes],
    responseTypes: [],
    routes: { token: options.path },
    ttl: { ClientCredentials: () => settings.lifetimeSeconds },
    // never used, but without them oidc-provider prints that it makes up its own
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [createSecret()] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: off,
      dPoP: off,
      pushedAuthorizationRequests: off,
      resourceIndicators:
        options.jwtAudience === undefined ? off : jwtTokens(options.jwtAudience, options.scopes),
      rpInitiatedLogout: off,
      userinfo: off,
    },
  });
  const handle = capture(provider, async (ctx, next) => {
    // oidc-provider also takes Basic from a client that is registered for the body, and drops scopes that it doesn't know
    if (ctx.get('authorization') !== '') {
      refuse(ctx, 401, 'invalid_client', 'the client secret is expected in the body');
    } else {
      await next();
      await checkAnswer(ctx, options, store);
    }
  });
  return {
    settings,
    handle,
    async verify(token) {
      const found = store.jwts.get(token) ?? (await provider.ClientCredentials.find(token));
      const application = store.applications.get(found?.clientId ?? '');
      if (found === undefined || application === undefined || found.isExpired) return undefined;
      return {
        clientId: application.clientId,
        account: application.account,
        scopes: new Set(found.scope?.split(' ')),
      };
    },
    addApplication(application) {
      store.applications.set(application.clientId, application);
    },
    revokeAll() {
      const count = store.tokens.size + store.jwts.size;
      store.tokens.clear();
      store.jwts.clear();
      return count;
    },
  };
}

function refuse(
  ctx: { status: number; body: unknown },
  status: number,
  error: string,
  description: string,
): void {
  ctx.status = status;
  ctx.body = { error, error_description: description };
}

/**
 * Refuses a request that asks for no scope, for one that doesn't exist, or without a required one (RFC 6749 section 5.2,
 * `invalid_scope`), and names the scopes in the answer only where the documented answer does.
 */
async function checkAnswer(
  ctx: KoaContextWithOIDC,
  options: TokenIssuerOptions,
  { jwts }: Store,
): Promise<void> {
  if (ctx.status !== 200) return;
  const token = ctx.oidc.entities.ClientCredentials;
  // the body as it was sent: from its parameters oidc-provider has removed the scopes that it doesn't know
  const asked = ((ctx.oidc.body?.['scope'] as string | undefined) ?? '')
    .split(' ')
    .filter((scope) => scope !== '');
  const granted = new Set(token?.scope?.split(' '));
  const missing = options.requiredScopes?.find((scope) => !asked.includes(scope));
  let fault: string | undefined;
  if (asked.length === 0) fault = 'scope is required';
  else if (asked.some((scope) => !granted.has(scope))) fault = 'requested scope does not exist';
  else if (missing !== undefined) fault = `the scope ${missing} is required`;
  if (fault !== undefined) {
    await token?.destroy();
    refuse(ctx, 400, 'invalid_scope', fault);
    return;
  }
  const { scope, ...rest } = ctx.body as Record<string, unknown>;
  ctx.body = options.answersScope === true ? { ...rest, scope } : rest;
  if (options.jwtAudience === undefined || token === undefined) return;
  // the oldest stand first: expired ones go as new ones come
  for (const [key, { isExpired }] of jwts) {
    if (!isExpired) break;
    jwts.delete(key);
  }
  const expiresAt = Date.now() + Number(rest['expires_in']) * 1000;
  jwts.set(String(rest['access_token']), {
    clientId: token.clientId,
    scope: token.scope,
    get isExpired() {
      return Date.now() >= expiresAt;
    },
  });
}
