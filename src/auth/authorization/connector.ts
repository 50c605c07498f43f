/** A person's consent from the link to the stored grant (RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 9700). */
import { createHash, randomBytes } from 'node:crypto';
import {
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { SluiceError } from '../../errors.ts';
import type { ResolvedConnection } from '../../providers/connection.ts';
import type { AuthorizationDefinition } from '../../providers/contract.ts';
import {
  claimFlow,
  findFlow,
  openTicket,
  reportTicket,
  ticketOutcome,
  writeFlow,
  writeTicket,
  type FlowRow,
} from '../../store/connect-flows.ts';
import type { Db } from '../../store/db.ts';
import type { TokenSubject } from '../contract.ts';
import type { AuthorizationServers, ServerEndpoints } from '../grants/server.ts';
import { normaliseScopes } from '../identity.ts';
import type { Vault } from '../vault.ts';
import { exchangeCode, type Granted } from './code.ts';
import type { Connected, Connector, ConsentToken, NotConnected, SetupView } from './contract.ts';
import { importGrant } from './import.ts';
import { keepGrant } from './keep.ts';
import { checkReturnUrl } from './return-url.ts';

const LINK_MS = 15 * 60_000;
const FLOW_MS = 15 * 60_000;

export interface ConnectorOptions {
  readonly db: Db;
  readonly vault: Pick<Vault, 'encrypt' | 'decrypt'>;
  readonly servers: AuthorizationServers;
  /** @throws SluiceError `connection_removed` */
  readonly loadConnection: (id: string) => Promise<ResolvedConnection>;
  readonly subjectOf: (connection: ResolvedConnection) => TokenSubject;
  /** origins besides the public URL's to which a person may be sent back */
  readonly returnOrigins: readonly string[];
  /** makes a connection active that waited for this */
  readonly onConnected: (connection: ResolvedConnection) => Promise<void>;
  /** what the person reaches beside the application, where the provider's setup asks; never fails for the provider's sake */
  readonly lookAround: (
    connection: ResolvedConnection,
    token: ConsentToken,
  ) => Promise<SetupView | undefined>;
  /** epoch milliseconds */
  readonly now: () => number;
  readonly logger?: {
    info(details: object, message: string): void;
    warn(details: object, message: string): void;
  };
}

/** What a consent works with. */
export interface Party {
  readonly connection: ResolvedConnection;
  readonly authorization: AuthorizationDefinition;
  readonly subject: TokenSubject;
  /** false: the consent serves the setup alone */
  readonly kept: boolean;
}

export function createConnector(options: ConnectorOptions): Connector {
  const { db, now } = options;

  async function partyOf(connectionId: string): Promise<Party> {
    const connection = await load(connectionId);
    const { authorization, title } = connection.provider;
    const kept = authorization?.keepsRefreshToken !== false;
    if (authorization === undefined || (kept && connection.grant !== 'user')) {
      const message = `${connectionId} works with its own credentials: ${title} needs no person's consent for it.`;
      throw new SluiceError('connect_not_possible', message);
    }
    const base = options.subjectOf(connection);
    // a consent for the setup asks for its own scopes, whatever the background work needs
    const subject = kept ? base : { ...base, scopes: [...authorization.scopes] };
    return { connection, authorization, subject, kept };
  }

  async function load(connectionId: string): Promise<ResolvedConnection> {
    try {
      return await options.loadConnection(connectionId);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'connection_removed') throw error;
      throw new SluiceError('not_found', `There is no connection ${connectionId}.`);
    }
  }

  async function link(ticket: {
    readonly connectionId: string;
    readonly publicUrl: string;
    readonly returnUrl: string | null;
    readonly otherAccount: boolean;
    readonly browser: string | null;
  }): Promise<{ url: string; expiresAt: Date; id: string }> {
    const secret = randomBytes(32).toString('base64url');
    const expiresAt = new Date(now() + LINK_MS);
    const id = hashed(secret);
    const { connectionId, publicUrl, ...rest } = ticket;
    await writeTicket(db.pool, { ...rest, connectionId, hash: id, expiresAt });
    const url = new URL(`/connect/${connectionId}`, publicUrl);
    url.searchParams.set('ticket', secret);
    return { url: url.href, expiresAt, id };
  }

  async function startFlow(
    party: Party,
    flow: Pick<FlowRow, 'browser' | 'return_url' | 'other_account' | 'ticket'>,
    publicUrl: string,
  ): Promise<string> {
    const { connection, authorization, subject } = party;
    const server = await options.servers.endpoints(subject);
    const config = options.servers.configuration(subject, server, None(), options.servers.fetch);
    if (server.authorization === undefined) {
      throw new SluiceError('authorization_refused', `${connection.id} has no authorization endpoint.`, {
        advice: 'Set `endpoints.authorization`, or `endpoints.issuer` where the provider has metadata.',
      });
    }
    const state = randomState();
    const scopes = normaliseScopes(subject.scopes);
    const verifier = usesPkce(party) ? randomPKCECodeVerifier() : undefined;
    const nonce = expectsIdToken(server, scopes) ? randomNonce() : undefined;
    const redirectUri = new URL('/oauth/callback', publicUrl).href;
    const hash = hashed(state);
    await writeFlow(db.pool, {
      ...flow,
      state: hash,
      connection_id: connection.id,
      sealed: options.vault.encrypt(JSON.stringify({ verifier, nonce }), flowIdentity(hash)),
      redirect_uri: redirectUri,
      expires_at: new Date(now() + FLOW_MS),
    });
    const prompt = connection.oauth.prompt ?? authorization.prompt;
    return buildAuthorizationUrl(config, {
      ...authorization.extraParams,
      redirect_uri: redirectUri,
      state,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      ...(prompt === undefined ? {} : { prompt }),
      ...(nonce === undefined ? {} : { nonce }),
      ...(verifier === undefined
        ? {}
        : { code_challenge: await calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }),
    }).href;
  }

  /** The flow of a callback, used up by this very call. */
  async function takeFlow(query: URLSearchParams, browser: string | undefined): Promise<FlowRow> {
    const states = query.getAll('state');
    const hash = states.length === 1 ? hashed(states[0] ?? '') : '';
    const flow = await findFlow(db.pool, hash);
    // another browser's flow stays untouched: whoever learns a state can't end it for its owner
    if (flow === undefined || browser === undefined || flow.browser !== hashed(browser)) {
      const message = 'This answer belongs to no consent that was begun in this browser.';
      throw new SluiceError('connect_state_invalid', message);
    }
    if (flow.used_at !== null || !(await claimFlow(db.pool, hash))) {
      throw new SluiceError('connect_state_invalid', 'This answer of the provider was used before.');
    }
    if (flow.expires_at.getTime() <= now()) {
      throw new SluiceError('connect_expired', 'This consent took longer than 15 minutes.');
    }
    return flow;
  }

  async function complete(party: Party, flow: FlowRow, query: URLSearchParams): Promise<Connected> {
    const sealed = options.vault.decrypt(flow.sealed, flowIdentity(flow.state));
    const granted: Granted = await exchangeCode(options.servers, party, {
      redirectUri: flow.redirect_uri,
      query,
      ...(JSON.parse(sealed) as { verifier?: string; nonce?: string }),
    });
    const stored = await keepGrant(options, party, granted, { otherAccount: flow.other_account });
    return { ...stored, returnUrl: flow.return_url };
  }

  async function failed(flow: FlowRow, error: SluiceError, publicUrl: string): Promise<NotConnected> {
    const ticket = {
      connectionId: flow.connection_id,
      publicUrl,
      returnUrl: flow.return_url,
      browser: flow.browser,
    };
    const again = await link({ ...ticket, otherAccount: false });
    const other =
      error.code === 'connect_other_account' ? await link({ ...ticket, otherAccount: true }) : undefined;
    const connection = await load(flow.connection_id).catch(() => undefined);
    return {
      ok: false,
      error,
      connectionId: flow.connection_id,
      provider: connection?.provider.title ?? 'The provider',
      returnUrl: flow.return_url,
      again: again.url,
      otherAccount: other?.url ?? null,
    };
  }

  return {
    async createLink(connectionId, { returnUrl, publicUrl }) {
      await partyOf(connectionId);
      const back = checkReturnUrl(returnUrl, publicUrl, options.returnOrigins);
      return link({ connectionId, publicUrl, returnUrl: back, otherAccount: false, browser: null });
    },

    async outcome(linkId) {
      return (await ticketOutcome(db.pool, linkId))?.outcome ?? undefined;
    },

    async begin({ connectionId, ticket, browser, returnUrl, publicUrl }) {
      const own = hashed(browser);
      if (ticket === undefined) {
        const party = await partyOf(connectionId);
        const back = checkReturnUrl(returnUrl, publicUrl, options.returnOrigins);
        const flow = { browser: own, return_url: back, other_account: false, ticket: null };
        return startFlow(party, flow, publicUrl);
      }
      const hash = hashed(ticket);
      const at = { hash, connectionId, browser: own, now: new Date(now()) };
      const opened = await openTicket(db.pool, at);
      if (opened === undefined) {
        const message = 'This link has expired, or was opened in another browser before.';
        throw new SluiceError('connect_link_expired', message);
      }
      const { return_url, other_account } = opened;
      const flow = { browser: own, return_url, other_account, ticket: hash };
      return startFlow(await partyOf(connectionId), flow, publicUrl);
    },

    async finish({ query, browser, publicUrl }) {
      const params = new URLSearchParams(query);
      const flow = await takeFlow(params, browser);
      const report = (outcome: Parameters<typeof reportTicket>[2]): Promise<void> =>
        flow.ticket === null ? Promise.resolve() : reportTicket(db.pool, flow.ticket, outcome);
      try {
        const connected = await complete(await partyOf(flow.connection_id), flow, params);
        await report({ account: connected.account, error: null });
        options.logger?.info({ connection: flow.connection_id }, 'a person connected it');
        return connected;
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        options.logger?.warn({ connection: flow.connection_id, code: error.code }, 'a consent failed');
        const { code, message, advice } = error;
        await report({ account: null, error: { code, message, advice } });
        return failed(flow, error, publicUrl);
      }
    },

    async importToken(connectionId, refreshToken, choice) {
      const party = await partyOf(connectionId);
      if (!party.kept) {
        const message = `${connectionId} keeps no refresh token: its background work has credentials of its own.`;
        throw new SluiceError('connect_not_possible', message);
      }
      const granted = await importGrant(options.servers, party, refreshToken, now());
      return { ...(await keepGrant(options, party, granted, choice)), returnUrl: null };
    },
  };
}

/** On unless provider or connection say otherwise; a public client has no other proof (RFC 9700 section 2.1.1). */
function usesPkce({ connection, authorization, subject }: Party): boolean {
  if (authorization.pkce === 'required' || subject.clientAuth === 'none') return true;
  return connection.oauth.pkce ?? authorization.pkce !== 'off';
}

/** An id token can only be checked where the issuer is known. */
function expectsIdToken(server: ServerEndpoints, scopes: readonly string[]): boolean {
  return server.issuer !== undefined && scopes.includes('openid');
}

/** What the secrets of a consent that is under way are bound to in the vault. */
export function flowIdentity(stateHash: string): string {
  return `connect:${stateHash}`;
}

export function hashed(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
