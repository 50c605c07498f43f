/** `/connect/:connection` and `/oauth/callback`: a person gives access at the provider and comes back. */
import { randomBytes } from 'node:crypto';
import { Hono, type Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { Connector } from '../../auth/authorization/contract.ts';
import { withResult } from '../../auth/authorization/return-url.ts';
import { SluiceError } from '../../errors.ts';
import { actorOf, operator } from '../actor.ts';
import { connectedPage, failurePage, notConnectedPage } from '../connect-pages.tsx';
import type { ConnectDeps, WebApp, WebEnv } from '../contract.ts';
import { isPreview } from '../preview.ts';
import { problemResponse, statusOf, wantsJson } from '../problem.ts';
import { requireSession, type Sessions } from '../session.ts';
import { isHttps } from '../security-headers.ts';

const COOKIE = 'sluice_connect';
/** Longer than a link and a consent together. */
const COOKIE_SECONDS = 3600;

/** Failures of the consent itself: they get a page of their own, which says what happened to the connection. */
const OWN_PAGES: ReadonlySet<string> = new Set([
  'connect_link_expired',
  'connect_expired',
  'connect_state_invalid',
]);

export function connectRoutes(
  deps: ConnectDeps & {
    readonly connector: Connector;
    /** `/connections/:id/mappings` can be linked */
    readonly hasMappings: boolean;
  },
  sessions: Sessions | undefined,
): WebApp {
  const routes = new Hono<WebEnv>();
  const { connector, connectorAs, publicUrl } = deps;
  const secure = isHttps(publicUrl);

  const fail = (c: Context<WebEnv>, error: SluiceError): Response | Promise<Response> => {
    if (wantsJson(c) || !OWN_PAGES.has(error.code)) return problemResponse(c, error);
    c.header('Cache-Control', 'no-store');
    return c.html(failurePage(error, c.get('secureHeadersNonce')), statusOf(error));
  };

  /** The random value that ties a consent to the browser in which it began; made where there is none. */
  const browserOf = (c: Context<WebEnv>): string => {
    const known = readBrowser(c);
    const value = known ?? randomBytes(32).toString('base64url');
    setCookie(c, COOKIE, value, {
      path: '/',
      httpOnly: true,
      // the provider's redirect is a navigation from another site: `Strict` would leave the cookie out
      sameSite: 'Lax',
      maxAge: COOKIE_SECONDS,
      ...(secure ? { secure: true, prefix: 'host' as const } : {}),
    });
    return value;
  };
  const readBrowser = (c: Context<WebEnv>): string | undefined => {
    const value = getCookie(c, COOKIE, secure ? 'host' : undefined);
    return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
  };

  /** Whoever is logged in here comes back as an operator, also from a consent that began with a link. */
  const finisherOf = async (c: Context<WebEnv>): Promise<Pick<Connector, 'finish'>> => {
    const session = (await sessions?.read(c)) ?? null;
    return session === null || connectorAs === undefined ? connector : connectorAs(operator(c, session.id));
  };

  const begin = async (
    c: Context<WebEnv>,
    by: Pick<Connector, 'begin'>,
    ticket: string | undefined,
  ): Promise<Response> => {
    c.header('Cache-Control', 'no-store');
    // they must not be taken for the person's own browser, nor send anybody to the provider
    if (isPreview(c)) return c.body(null, 204);
    try {
      const address = await by.begin({
        connectionId: c.req.param('connection') ?? '',
        ticket,
        browser: browserOf(c),
        returnUrl: c.req.query('returnUrl'),
        publicUrl,
      });
      return c.redirect(address, 303);
    } catch (error) {
      if (error instanceof SluiceError && OWN_PAGES.has(error.code)) return fail(c, error);
      throw error;
    }
  };

  routes.get('/connect/:connection', async (c, next) => {
    const ticket = c.req.query('ticket');
    if (ticket === undefined) return next();
    return begin(c, connector, ticket);
  });
  if (sessions === undefined || connectorAs === undefined) {
    routes.get('/connect/:connection', (c) => {
      const message = 'This page needs a link that was made for it.';
      return fail(c, new SluiceError('connect_link_expired', message));
    });
  } else {
    routes.use('/connect/:connection', requireSession(sessions));
    routes.get('/connect/:connection', (c) => {
      // another site could otherwise make an operator's browser begin a consent
      if (c.req.header('sec-fetch-site') === 'cross-site') {
        return problemResponse(
          c,
          new SluiceError('cross_site_request', 'This request came from another site.'),
        );
      }
      return begin(c, connectorAs(actorOf(c)), undefined);
    });
  }

  routes.get('/oauth/callback', async (c) => {
    c.header('Cache-Control', 'no-store');
    // an answer of the provider can be used once: by the person who came back with it
    if (isPreview(c)) return c.body(null, 204);
    const query = new URL(c.req.url).search;
    let ended: Awaited<ReturnType<Connector['finish']>>;
    try {
      ended = await (await finisherOf(c)).finish({ query, browser: readBrowser(c), publicUrl });
    } catch (error) {
      if (error instanceof SluiceError && OWN_PAGES.has(error.code)) return fail(c, error);
      throw error;
    }
    const nonce = c.get('secureHeadersNonce');
    if (ended.ok) {
      if (ended.returnUrl === null)
        return c.html(connectedPage(ended, { nonce, mappingsLink: deps.hasMappings && ended.mappable }));
      return c.redirect(withResult(ended.returnUrl, { connection: ended.connectionId }), 303);
    }
    const { error, returnUrl, connectionId } = ended;
    // a choice is asked of the person, so it is asked here
    if (returnUrl === null || ended.otherAccount !== null)
      return c.html(notConnectedPage(ended, nonce), statusOf(error));
    return c.redirect(withResult(returnUrl, { connection: connectionId, code: error.code }), 303);
  });
  return routes;
}
