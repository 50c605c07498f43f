/**
 * Four ways to get an access token by client credentials: ours, and three libraries as their documentation shows
 * them to a user. Each gives a function that is called wherever a token is needed.
 */
import { randomBytes } from 'node:crypto';
import { ConfidentialClientApplication, type INetworkModule } from '@azure/msal-node';
import * as openid from 'openid-client';
import pg from 'pg';
import { ClientCredentials, type AccessToken } from 'simple-oauth2';
import type { TokenCache } from '../src/auth/cache.ts';
import type { TokenService, TokenSubject } from '../src/auth/contract.ts';
import { createKeyring } from '../src/auth/keyring.ts';
import { createOAuthClient } from '../src/auth/oauth.ts';
import { createPostgresCache } from '../src/auth/postgres-cache.ts';
import { createRedisCache } from '../src/auth/redis-cache.ts';
import { createTokenService } from '../src/auth/tokens.ts';
import { createVault } from '../src/auth/vault.ts';
import { createGuardedFetch } from '../src/net/fetch.ts';
import { closeRedis, connectRedis } from '../src/store/redis.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { recordTokenEvent } from '../src/telemetry/token-metrics.ts';

export type ClientName = 'sluice' | 'openid-client' | 'simple-oauth2' | 'msal-node';

export interface ClientPlace {
  readonly endpoint: string;
  /** where our shared cache lies; one of the two */
  readonly postgresUrl?: string;
  readonly redisUrl?: string;
  /** base64 of 32 bytes, the same for all processes */
  readonly key: string;
}

export interface TokenClient {
  /** The function that a process calls for the tokens of one application, kept as long as the process lives. */
  application(clientId: string): () => Promise<string>;
  close(): Promise<void>;
}

const SECRET = 'bench-secret';
const nothing = async (): Promise<void> => {};

export async function openClient(name: ClientName, place: ClientPlace): Promise<TokenClient> {
  switch (name) {
    case 'sluice':
      return sluice(place);
    case 'openid-client':
      return { application: (id) => openidClient(place, id), close: nothing };
    case 'simple-oauth2':
      return { application: (id) => simpleOauth2(place, id), close: nothing };
    case 'msal-node':
      return { application: (id) => msalNode(place, id), close: nothing };
  }
}

/** With everything that a worker has: encryption, guarded requests, metrics. */
async function sluice(place: ClientPlace): Promise<TokenClient> {
  const { cache, close } = await openCache(place);
  const { service, closeService } = openService(cache, place.key);
  return {
    application(clientId) {
      const subject = subjectOf(place.endpoint, clientId);
      return async () => (await service.get(subject, { flow: 'bench', maxWaitMs: 60_000 })).value;
    },
    async close() {
      await closeService();
      await close();
    },
  };
}

export function subjectOf(endpoint: string, clientId: string): TokenSubject {
  return {
    connectionId: 'bench',
    provider: 'bench',
    grant: 'client',
    policy: 'reuse',
    endpoints: { token: endpoint },
    clientId,
    clientSecrets: [SECRET],
    clientAuth: 'post',
    basicEncoding: 'form',
    scopes: ['read'],
    params: {},
    defaultLifetime: 3600,
  };
}

export function openService(
  cache: TokenCache,
  key: string,
): { readonly service: TokenService; readonly closeService: () => Promise<void> } {
  const fetcher = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
  const metrics = createMetrics();
  const service = createTokenService({
    cache,
    oauth: createOAuthClient({ fetch: fetcher.fetch, now: Date.now }),
    vault: createVault(createKeyring([{ id: 'bench', key: Buffer.from(key, 'base64') }])),
    now: Date.now,
    random: Math.random,
    ownerId: randomBytes(8).toString('hex'),
    onEvent: (event) => recordTokenEvent(metrics, event),
  });
  return {
    service,
    async closeService() {
      await service.close();
      await fetcher.close();
    },
  };
}

export async function openCache({
  postgresUrl,
  redisUrl,
}: Pick<ClientPlace, 'postgresUrl' | 'redisUrl'>): Promise<{
  readonly cache: TokenCache;
  readonly close: () => Promise<void>;
}> {
  if (redisUrl !== undefined) {
    const client = connectRedis(
      { url: redisUrl, prefix: 'bench' },
      { name: 'bench', onError: () => undefined },
    );
    return { cache: createRedisCache({ client, prefix: 'bench' }), close: () => closeRedis(client) };
  }
  // as the runtime has it
  const pool = new pg.Pool({ connectionString: postgresUrl, max: 3 });
  return { cache: createPostgresCache({ pool }), close: () => pool.end() };
}

/** It keeps no tokens: its documentation leaves that to the user, and so each call asks. */
function openidClient({ endpoint }: ClientPlace, clientId: string): () => Promise<string> {
  const config = new openid.Configuration(
    { issuer: new URL(endpoint).origin, token_endpoint: endpoint },
    clientId,
    {},
    openid.ClientSecretPost(SECRET),
  );
  openid.allowInsecureRequests(config);
  return async () => (await openid.clientCredentialsGrant(config, { scope: 'read' })).access_token;
}

/** Keeps the token in a variable and looks at `expired()` before each use, as its README has it. */
function simpleOauth2({ endpoint }: ClientPlace, clientId: string): () => Promise<string> {
  const { origin, pathname } = new URL(endpoint);
  const client = new ClientCredentials({
    client: { id: clientId, secret: SECRET },
    auth: { tokenHost: origin, tokenPath: pathname },
    options: { authorizationMethod: 'body' },
  });
  let token: AccessToken | undefined;
  return async () => {
    if (token === undefined || token.expired(60)) token = await client.getToken({ scope: 'read' });
    return String(token.token['access_token']);
  };
}

/** One application object, whose own cache it looks into. It speaks https only: the requests are led to the endpoint. */
function msalNode({ endpoint }: ClientPlace, clientId: string): () => Promise<string> {
  const authority = 'https://login.bench.example/tenant';
  const post: INetworkModule['sendPostRequestAsync'] = async (_url, options) => {
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: { ...options?.headers },
      body: options?.body ?? '',
    });
    return { status: answer.status, headers: {}, body: JSON.parse(await answer.text()) };
  };
  const networkClient: INetworkModule = {
    sendGetRequestAsync: () => Promise.reject(new Error('nothing is to be discovered')),
    sendPostRequestAsync: post,
  };
  const metadata = {
    issuer: authority,
    authorization_endpoint: `${authority}/authorize`,
    token_endpoint: `${authority}/token`,
    jwks_uri: `${authority}/jwks`,
  };
  const app = new ConfidentialClientApplication({
    auth: {
      clientId,
      clientSecret: SECRET,
      authority,
      knownAuthorities: ['login.bench.example'],
      authorityMetadata: JSON.stringify(metadata),
    },
    system: { networkClient, protocolMode: 'OIDC' },
  });
  return async () => {
    const result = await app.acquireTokenByClientCredential({ scopes: ['read'] });
    if (result === null) throw new Error('msal-node gave no token');
    return result.accessToken;
  };
}
