/** A simulated LockitNetwork: its authorization server and its API on one host. */

import { createGrantCounters, DEFAULT_REDIRECT_URIS } from '../authorization-server.ts';
import type { GrantCounters, GrantSettings, UserApplication } from '../authorization-server.ts';
import type { CommonOptions, SimulatedProvider } from '../contract.ts';
import { createFaultBox } from '../faults.ts';
import { textOf } from '../form.ts';
import { listen } from '../http.ts';
import { createRequestLog } from '../requests.ts';
import type { EditableSource } from '../source.ts';
import { createSecret } from '../token-issuer.ts';
import { answerApi } from './api.ts';
import type { LockitBehaviour } from './api.ts';
import { createAuthorization, PATHS } from './authorization.ts';
import { createGrants } from './grants.ts';
import { createLockitWorld } from './world.ts';
import type { Counts, LockitAccount } from './world.ts';

export interface LockitOptions extends CommonOptions {
  /** number of scenes that can be read; or exact numbers by resource; default 240 scenes in 4 projects, one of them not premium */
  readonly records?: number | Counts;
  /** default 604800 s */
  readonly tokenLifetimeSeconds?: number;
  /** default true; false: a refresh token lives on and is returned again */
  readonly rotation?: boolean;
  readonly redirectUris?: readonly string[];
}

export interface LockitSandbox extends SimulatedProvider {
  readonly id: 'lockit';
  readonly urls: { readonly authorization: string; readonly token: string; readonly api: string };
  readonly source: EditableSource;
  /** the people who can sign in; the source holds what the first one can read */
  readonly accounts: readonly LockitAccount[];
  /** may be changed at any time */
  readonly tokens: GrantSettings;
  readonly grants: GrantCounters;
  readonly behaviour: LockitBehaviour;
  addApplication(options?: { readonly redirectUris?: readonly string[] }): UserApplication;
  /** Lets the application be called back at a further address. */
  allowRedirect(uri: string): void;
  revokeTokens(): number;
  /** Ends every consent, refresh tokens included. */
  revokeGrants(): number;
}

/**
 * Starts on 127.0.0.1 and answers requests when the promise resolves.
 *
 * @throws Error when the port is taken or a number of records makes no sense
 */
export async function startLockit(options: LockitOptions = {}): Promise<LockitSandbox> {
  const seed = options.seed ?? 1;
  const world = createLockitWorld(seed, options.records ?? 240);
  const settings: GrantSettings = {
    lifetimeSeconds: options.tokenLifetimeSeconds ?? 604_800,
    refreshLifetimeSeconds: 90 * 86_400,
    codeLifetimeSeconds: 60,
    rotation: options.rotation ?? true,
    basicEncoding: 'raw',
  };
  const counters = createGrantCounters();
  const grants = createGrants(settings, counters, options.now ?? Date.now);
  const applications = new Map<string, UserApplication>();
  const addApplication: LockitSandbox['addApplication'] = (chosen = {}) => {
    const place = applications.size + 1;
    const application: UserApplication = {
      // fixed by the seed, so that a restarted process takes the same credentials; they open a sandbox only. The
      // secret holds what the two encodings of a Basic header disagree about
      clientId: `lockit-sandbox-${seed}-${place}`,
      clientSecret: place === 1 ? `lockit.sandbox~secret-${seed}+50%25/=` : createSecret(),
      name: place === 1 ? 'Sluice' : `Application ${place}`,
      redirectUris: [...(chosen.redirectUris ?? options.redirectUris ?? DEFAULT_REDIRECT_URIS)],
    };
    applications.set(application.clientId, application);
    return application;
  };
  const first = addApplication();
  const authorization = createAuthorization({
    applications,
    accounts: world.accounts,
    grants,
    counters,
    settings,
  });
  const api = { world, grants, behaviour: { notPremiumStatus: 403 } };
  const faults = createFaultBox();
  const requests = createRequestLog();
  const listener = await listen({
    port: options.port ?? 0,
    handle: (request) => authorization(request) ?? answerApi(api, request),
    isTokenPath: (path) => path === PATHS.token,
    faults,
    requests,
    page: {
      items: (body) => (Array.isArray(body) ? body : undefined),
      // lists have no pages: there is no link to change
      setNext: () => undefined,
    },
  });
  const { origin } = listener;
  const allowRedirect = (uri: string): void => void first.redirectUris.push(uri);
  return {
    id: 'lockit',
    urls: {
      authorization: `${origin}${PATHS.authorization}`,
      token: `${origin}${PATHS.token}`,
      api: origin,
    },
    settings: {},
    credentials: { clientId: first.clientId, clientSecret: first.clientSecret ?? '' },
    source: world.source,
    accounts: world.accounts,
    requests,
    faults,
    tokens: settings,
    grants: counters,
    behaviour: api.behaviour,
    addApplication,
    allowRedirect,
    revokeTokens: () => grants.revokeAccessTokens(),
    revokeGrants: () => grants.revokeAll(),
    commands: {
      revoke: () => ({ revoked: grants.revokeAccessTokens() }),
      'revoke-grants': () => ({ revoked: grants.revokeAll() }),
      tokens: (body) => Object.assign(settings, body),
      grants: () => counters,
      behaviour: (body) => Object.assign(api.behaviour, body),
      applications: (body) => addApplication(body),
      'allow-redirect': (body) => allowRedirect(textOf(body['uri'])),
    },
    close: () => listener.close(),
  };
}
