/** What tests of grants need: a database, an authorization server, and refreshers, each as in a process of its own. */
import { randomUUID } from 'node:crypto';
import {
  authorizationCodeGrant,
  Configuration,
  ClientSecretPost,
  allowInsecureRequests,
} from 'openid-client';
import type { TokenSubject } from '../../src/auth/contract.ts';
import { createRefresher, type Refresher, type RefresherOptions } from '../../src/auth/grants/refresh.ts';
import { createAuthorizationServers } from '../../src/auth/grants/server.ts';
import { parseKeyring } from '../../src/auth/keyring.ts';
import { createVault } from '../../src/auth/vault.ts';
import { createGuardedFetch } from '../../src/net/fetch.ts';
import { openDb, type Db } from '../../src/store/db.ts';
import { findGrant, grantIdentity, replaceGrant, type GrantRow } from '../../src/store/grants.ts';
import {
  CLIENT,
  createWalker,
  startAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from '../support/authorization-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { KEYS } from './fleet.ts';

export const vault = createVault(parseKeyring(KEYS));
export { KEYS };

export interface GrantsBench {
  readonly database: TestDatabase;
  readonly server: AuthorizationServer;
  readonly pool: Db['pool'];
  /** A connection with a grant that was obtained a moment ago. Returns its subject. */
  grant(id: string, more?: Partial<NonNullable<TokenSubject['userGrant']>>): Promise<TokenSubject>;
  /** A refresh token of a fresh consent. */
  consent(): Promise<string>;
  row(id: string): Promise<GrantRow>;
  token(id: string): Promise<string>;
  state(id: string): Promise<{ state: string; state_code: string | null }>;
  intents(): Promise<number>;
  /** As in a process of its own. */
  member(options?: Partial<RefresherOptions> & { url?: string }): Member;
  close(): Promise<void>;
}

export interface Member {
  readonly refresher: Refresher;
  /** application name of its lock connections */
  readonly name: string;
  close(): Promise<void>;
}

export async function openGrantsBench(options: AuthorizationServerOptions = {}): Promise<GrantsBench> {
  const database = await createTestDatabase({ max: 4 });
  const server = await startAuthorizationServer(options);
  const { pool } = database.db;
  const members: Member[] = [];

  const consent = async (): Promise<string> => {
    const config = new Configuration(
      { issuer: server.issuer, token_endpoint: `${server.issuer}/token` },
      CLIENT.id,
      {},
      ClientSecretPost(CLIENT.secret),
    );
    allowInsecureRequests(config);
    const redirect = 'http://127.0.0.1:1/oauth/callback';
    const asked = new URLSearchParams({
      response_type: 'code',
      client_id: CLIENT.id,
      redirect_uri: redirect,
      scope: 'openid offline_access profile',
      prompt: 'consent',
    });
    const end = await createWalker().go(
      `${server.issuer}/auth?${asked.toString()}`,
      (url) => url.port === '1',
    );
    const tokens = await authorizationCodeGrant(config, end.url);
    if (tokens.refresh_token === undefined) throw new Error('the server gave no refresh token');
    return tokens.refresh_token;
  };

  const row = async (id: string): Promise<GrantRow> => {
    const found = await findGrant(pool, id);
    if (found === undefined) throw new Error(`no grant of ${id}`);
    return found;
  };

  return {
    database,
    server,
    pool,
    consent,
    async grant(id, more = {}) {
      const epoch = randomUUID();
      await pool.query(
        `insert into sluice.connections (id, provider, managed_by, config, credentials)
         values ($1, 'sample', 'file', '{}', '') on conflict do nothing`,
        [id],
      );
      const token = await consent();
      await replaceGrant(pool, {
        connectionId: id,
        epoch,
        refreshToken: vault.encrypt(token, grantIdentity(id)),
        clientId: CLIENT.id,
        scopes: ['openid'],
        account: { id: server.account, label: server.account },
        expiresAt: null,
      });
      return {
        connectionId: id,
        provider: 'sample',
        grant: 'user',
        userGrant: { epoch, unknownOutcome: 'retry-old-once', ...more },
        policy: 'reuse',
        endpoints: { token: `${server.issuer}/token` },
        clientId: CLIENT.id,
        clientSecrets: [CLIENT.secret],
        clientAuth: 'post',
        basicEncoding: 'form',
        scopes: ['openid'],
        params: {},
        defaultLifetime: 3600,
      };
    },
    row,
    token: async (id) => vault.decrypt((await row(id)).refresh_token ?? '', grantIdentity(id)),
    async state(id) {
      const found = await pool.query<{ state: string; state_code: string | null }>(
        `select state, state_code from sluice.connections where id = $1`,
        [id],
      );
      return found.rows[0] ?? { state: 'gone', state_code: null };
    },
    async intents() {
      return (await pool.query(`select 1 from sluice.grant_refreshes`)).rowCount ?? 0;
    },
    member(more = {}) {
      const url = more.url ?? database.url;
      const name = `refresher ${randomUUID().slice(0, 8)}`;
      const onError = (): undefined => undefined;
      const locks = openDb({ url, max: 4, applicationName: name, onError });
      const writes = openDb({
        url,
        max: 2,
        applicationName: `writes of ${name}`,
        onError,
        queryTimeoutMs: 5_000,
      });
      const net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
      const servers = createAuthorizationServers({ fetch: net.fetch, now: Date.now, timeoutMs: 5_000 });
      const refresher = createRefresher({ locks, writes, servers, vault, now: Date.now, ...more });
      let closed = false;
      const member = {
        refresher,
        name,
        async close() {
          if (closed) return;
          closed = true;
          await refresher.close();
          await locks.close();
          await writes.close();
          await net.close();
        },
      };
      members.push(member);
      return member;
    },
    async close() {
      for (const member of members) await member.close();
      await server.close();
      await database.drop();
    },
  };
}

/** The access token works for the person it was made for. */
export async function worksFor(
  server: AuthorizationServer,
  accessToken: string,
): Promise<string | undefined> {
  const answer = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  return answer.ok ? ((await answer.json()) as { sub: string }).sub : undefined;
}
