/** A simulated LOKE: the authorization server with its install page, and the add-on API. */

import { createAuthorizationServer, DEFAULT_REDIRECT_URIS } from '../authorization-server.ts';
import type {
  AuthorizationServer,
  GrantCounters,
  GrantSettings,
  UserApplication,
} from '../authorization-server.ts';
import type { Account } from '../consent-pages.ts';
import type { CommonOptions, SimulatedProvider } from '../contract.ts';
import { deliveryCommands } from '../deliveries.ts';
import type { Deliveries } from '../deliveries.ts';
import { createFaultBox } from '../faults.ts';
import { textOf } from '../form.ts';
import { lateHandler, listen } from '../http.ts';
import { createRequestLog } from '../requests.ts';
import type { EditableSource } from '../source.ts';
import { createSecret } from '../token-issuer.ts';
import { answerApi } from './api.ts';
import type { LokeApi, LokeBehaviour } from './api.ts';
import { createLokeDeliveries } from './deliveries.ts';
import { answerInstall, INSTALL_PATH } from './install.ts';
import { createWebhookBook } from './webhooks.ts';
import type { WebhookRegistration } from './webhooks.ts';
import { createLokeWorld } from './world.ts';
import type { Counts } from './world.ts';

export interface LokeOptions extends CommonOptions {
  /** number of customers over all organizations, payments scale with it; or exact numbers by resource; default 400 customers in 3 organizations */
  readonly records?: number | Counts;
  /** default 3600 s; LOKE documents none */
  readonly tokenLifetimeSeconds?: number;
  /** where the application may be called back; default the demo's and the console's usual address */
  readonly redirectUris?: readonly string[];
}

export interface LokeAccount extends Account {
  /** ids of the organizations that the account may access, with or without the add-on */
  readonly organizations: ReadonlySet<string>;
}

export interface LokeSandbox extends SimulatedProvider {
  readonly id: 'loke';
  readonly urls: {
    readonly issuer: string;
    readonly authorization: string;
    readonly token: string;
    readonly jwks: string;
    readonly api: string;
  };
  /** where a user installs the add-on for an organization */
  readonly installLink: string;
  readonly source: EditableSource;
  /**
   * The people who can sign in. At the start the first one may access every organization with the add-on and one without,
   * the second the last one with it and the other one without.
   */
  readonly accounts: readonly LokeAccount[];
  /** may be changed at any time */
  readonly tokens: GrantSettings;
  readonly grants: GrantCounters;
  readonly behaviour: LokeBehaviour;
  /** ids of the organizations without the add-on */
  uninstalled(): string[];
  install(organizationId: string): void;
  /** What removing the add-on in LOKE does: its tokens don't reach the organization any more, its webhooks are gone. */
  uninstall(organizationId: string): void;
  webhooks(): readonly WebhookRegistration[];
  /** events for the edits of organizations that have a registration */
  readonly deliveries: Deliveries;
  readonly toldResource: string;
  addApplication(options?: { readonly redirectUris?: readonly string[] }): UserApplication;
  /** Lets the application be called back at a further address. */
  allowRedirect(uri: string): void;
  revokeTokens(): number;
  /** Ends every consent, refresh tokens included. */
  revokeGrants(): number;
}

const PATHS = { authorization: '/authorize', token: '/token', jwks: '/jwks' } as const;

/**
 * Starts on 127.0.0.1 and answers requests when the promise resolves.
 *
 * @throws Error when the port is taken or a number of records makes no sense
 */
export async function startLoke(options: LokeOptions = {}): Promise<LokeSandbox> {
  const seed = options.seed ?? 1;
  const world = createLokeWorld(seed, options.records ?? 400);
  const accounts = createAccounts(world.organizations);
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
      items: (body) => (Array.isArray(body) ? body : undefined),
      setNext: (_body, answer, href) => {
        answer.headers['x-next-page'] = href;
      },
    },
  });
  const settings: GrantSettings = {
    lifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
    refreshLifetimeSeconds: 30 * 86_400,
    codeLifetimeSeconds: 60,
    rotation: true,
    basicEncoding: 'raw',
  };
  let tokens: AuthorizationServer;
  try {
    tokens = await createAuthorizationServer({
      provider: 'LOKE',
      issuer: listener.origin,
      paths: PATHS,
      scopes: ['openid', 'offline'],
      refreshScope: 'offline',
      accounts,
      clientAuth: 'basic',
      clientCredentials: true,
      settings,
    });
  } catch (error) {
    await listener.close();
    throw error;
  }
  let count = 0;
  const addApplication: LokeSandbox['addApplication'] = (chosen = {}) => {
    const application: UserApplication = {
      // fixed by the seed, so that a restarted process takes the same credentials; they open a sandbox only. The
      // secret holds what the two encodings of a Basic header disagree about
      clientId: `loke-sandbox.${seed}-${++count}`,
      clientSecret: count === 1 ? `loke_sandbox~secret-${seed}+50%25/=` : createSecret(),
      name: count === 1 ? 'Sluice' : `Add-on ${count}`,
      redirectUris: [...(chosen.redirectUris ?? options.redirectUris ?? DEFAULT_REDIRECT_URIS)],
    };
    tokens.addApplication(application);
    return application;
  };
  const first = addApplication();
  const webhooks = createWebhookBook();
  const told = createLokeDeliveries({ seed, world, registrations: () => webhooks.list() });
  const { deliveries } = told;
  world.source.onEdit((edit) => told.onEdit(edit));
  const organizationsOf = (accountId: string): ReadonlySet<string> =>
    accounts.find(({ id }) => id === accountId)?.organizations ?? new Set();
  const api: LokeApi = {
    world,
    tokens,
    webhooks,
    behaviour: { pageSize: 1000, nextPage: 'absolute', hiddenStatus: 403 },
    // only the first application is installed anywhere: a further one sees nothing
    isInstalled: (clientId, id) => clientId === first.clientId && world.installed.has(id),
    organizationsOf,
    cursorSecret: `loke-cursor-${seed}`,
  };
  const install = (organizationId: string): void => {
    if (world.organizations.get(organizationId) === undefined)
      throw new Error(`there is no organization '${organizationId}'`);
    world.installed.add(organizationId);
  };
  const uninstall = (organizationId: string): void => {
    if (!world.installed.delete(organizationId))
      throw new Error(`the add-on is not installed for '${organizationId}'`);
    webhooks.forget(organizationId, first.clientId);
  };
  const everyOrganization = () =>
    Array.from(world.organizations.forward(), (index) => {
      const { id, name } = world.organizations.at(index) ?? {};
      return { id: String(id), name: String(name) };
    });
  const desk = {
    tokens,
    accounts,
    organizationsOf,
    organizations: everyOrganization,
    install: (clientId: string, organizationId: string) => {
      if (clientId === first.clientId) install(organizationId);
    },
  };
  late.open(
    async (request) =>
      (await tokens.handle(request)) ??
      (request.url.pathname === INSTALL_PATH ? answerInstall(desk, request) : answerApi(api, request)),
  );
  const { origin } = listener;
  const sandbox: LokeSandbox = {
    id: 'loke',
    urls: {
      issuer: origin,
      authorization: `${origin}${PATHS.authorization}`,
      token: `${origin}${PATHS.token}`,
      jwks: `${origin}${PATHS.jwks}`,
      api: origin,
    },
    installLink: `${origin}${INSTALL_PATH}?client=${encodeURIComponent(first.clientId)}`,
    settings: {},
    credentials: { clientId: first.clientId, clientSecret: first.clientSecret ?? '' },
    source: world.source,
    accounts,
    requests,
    faults,
    tokens: settings,
    grants: tokens.counters,
    behaviour: api.behaviour,
    uninstalled: () =>
      everyOrganization()
        .map(({ id }) => id)
        .filter((id) => !world.installed.has(id)),
    install,
    uninstall,
    webhooks: () => webhooks.list(),
    deliveries,
    toldResource: 'customers',
    addApplication,
    allowRedirect: (uri) => void first.redirectUris.push(uri),
    revokeTokens: () => tokens.revokeAccessTokens(),
    revokeGrants: () => tokens.revokeGrants(),
    commands: {
      revoke: () => ({ revoked: tokens.revokeAccessTokens() }),
      'revoke-grants': () => ({ revoked: tokens.revokeGrants() }),
      tokens: (body) => Object.assign(settings, body),
      grants: () => tokens.counters,
      behaviour: (body) => Object.assign(api.behaviour, body),
      install: (body) => install(textOf(body['organization'])),
      uninstall: (body) => uninstall(textOf(body['organization'])),
      uninstalled: () => ({ items: sandbox.uninstalled() }),
      ...deliveryCommands(deliveries),
      // the secrets stay here
      registrations: () => ({ items: webhooks.list().map(({ secret: _secret, ...rest }) => rest) }),
      applications: (body) => addApplication(body),
      'allow-redirect': (body) => sandbox.allowRedirect(textOf(body['uri'])),
    },
    async close() {
      await deliveries.close();
      await listener.close();
    },
  };
  return sandbox;
}

/** Two people with different organizations, so that the wrong one can sign in. */
function createAccounts(organizations: {
  forward(): Generator<number>;
  idAt(index: number): string;
}): LokeAccount[] {
  const ids = Array.from(organizations.forward(), (index) => organizations.idAt(index));
  return [
    {
      id: 'loke-user-1',
      name: 'Olive Marsh',
      email: 'olive@loke.example',
      organizations: new Set(ids.slice(0, -1)),
    },
    {
      id: 'loke-user-2',
      name: 'Sam Tran',
      email: 'sam@loke.example',
      organizations: new Set([...ids.slice(-3, -2), ...ids.slice(-1)]),
    },
  ];
}
