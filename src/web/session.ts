/**
 * The operator's session: a signed cookie, no server state, so that any number of web processes share it.
 *
 * The signing keys come from the session secret and the password together: changing either ends all sessions.
 * Logging out removes the cookie; a copy of it stays valid until it expires.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { csrf } from 'hono/csrf';
import type { CookieOptions } from 'hono/utils/cookie';
import { SluiceError } from '../errors.ts';
import { operator } from './actor.ts';
import type { AdminLogin, WebEnv } from './contract.ts';
import { localPath } from './local-path.ts';
import { problemResponse, wantsJson } from './problem.ts';
import { secretsEqual } from './secret-compare.ts';
import { isHttps } from './security-headers.ts';

const SESSION_SECONDS = 12 * 3600;
const LOGIN_FORM_SECONDS = 3600;

export interface Session {
  readonly id: string;
  /** epoch milliseconds */
  readonly expiresAt: number;
  /** goes into every form of this session, as the field `csrf` */
  readonly csrf: string;
}

export interface Sessions {
  passwordMatches(candidate: string): boolean;
  /** Returns the id of the new session. */
  open(c: Context<WebEnv>): Promise<string>;
  /** The session of this request, or null: none, expired, or signed with another password or secret. */
  read(c: Context<WebEnv>): Promise<Session | null>;
  close(c: Context<WebEnv>, session: Session): void;
  /** Calls `listener` with the id of each session that is closed in this process, until what it returns is called. */
  onClose(listener: (id: string) => void): () => void;
  /** The value that the login form must send back beside its cookie; keeps the one that the browser has. */
  loginToken(c: Context<WebEnv>): Promise<string>;
  loginTokenMatches(c: Context<WebEnv>, sent: string): Promise<boolean>;
}

/** `now` in epoch milliseconds. */
export function createSessions(admin: AdminLogin, publicUrl: string, now: () => number): Sessions {
  const passwordDigest = createHash('sha256').update(admin.password).digest();
  // a key for each purpose: a signed value of one can't stand in for the other
  const keyFor = (purpose: string): Buffer<ArrayBuffer> =>
    createHmac('sha256', admin.sessionSecret).update(`sluice ${purpose}\0`).update(passwordDigest).digest();
  const sessionKey = keyFor('session');
  const csrfKey = keyFor('csrf');
  const loginKey = keyFor('login form');
  // cookies ignore ports: without this, two instances on one host would log each other out
  const suffix = keyFor('cookie name').toString('hex').slice(0, 8);
  const sessionCookie = `sluice_session_${suffix}`;
  const loginCookie = `sluice_login_${suffix}`;
  const cookie: CookieOptions = {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    ...(isHttps(publicUrl) ? { secure: true, prefix: 'host' } : {}),
  };
  const closeListeners = new Set<(id: string) => void>();
  const csrfOf = (id: string): string => createHmac('sha256', csrfKey).update(id).digest('base64url');
  const readSigned = async (
    c: Context<WebEnv>,
    key: Buffer<ArrayBuffer>,
    name: string,
  ): Promise<string | null> => (await getSignedCookie(c, key, name, cookie.prefix)) || null;

  return {
    passwordMatches: (candidate) => secretsEqual(candidate, admin.password),
    async open(c) {
      const expiresAt = now() + SESSION_SECONDS * 1000;
      const id = randomBytes(16).toString('hex');
      const value = `${id}.${expiresAt}`;
      await setSignedCookie(c, sessionCookie, value, sessionKey, { ...cookie, maxAge: SESSION_SECONDS });
      deleteCookie(c, loginCookie, cookie);
      return id;
    },
    async read(c) {
      const value = await readSigned(c, sessionKey, sessionCookie);
      const [id, expires] = value?.split('.') ?? [];
      const expiresAt = Number(expires);
      if (id === undefined || !(expiresAt > now())) return null;
      return { id, expiresAt, csrf: csrfOf(id) };
    },
    close(c, session) {
      deleteCookie(c, sessionCookie, cookie);
      for (const listener of closeListeners) listener(session.id);
    },
    onClose(listener) {
      closeListeners.add(listener);
      return () => void closeListeners.delete(listener);
    },
    async loginToken(c) {
      const token = (await readSigned(c, loginKey, loginCookie)) ?? randomBytes(16).toString('hex');
      await setSignedCookie(c, loginCookie, token, loginKey, { ...cookie, maxAge: LOGIN_FORM_SECONDS });
      return token;
    },
    async loginTokenMatches(c, sent) {
      const token = await readSigned(c, loginKey, loginCookie);
      return token !== null && secretsEqual(sent, token);
    },
  };
}

/** Lets a request with a session through; a person is led to the login, a program gets 401 `login_required`. */
export function requireSession(sessions: Sessions): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    const session = await sessions.read(c);
    if (session !== null) {
      c.set('session', session);
      c.set('actor', operator(c, session.id));
      await next();
      if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
      return;
    }
    if (wantsJson(c) || !['GET', 'HEAD'].includes(c.req.method)) {
      return problemResponse(
        c,
        new SluiceError('login_required', 'This needs an operator who is logged in.'),
      );
    }
    const url = new URL(c.req.url);
    const wanted = localPath(url.pathname + url.search);
    c.header('Cache-Control', 'no-store');
    return c.redirect(wanted === '/' ? '/login' : `/login?next=${encodeURIComponent(wanted)}`, 303);
  };
}

/**
 * Refuses requests that change something and come from a page of another origin, by `Sec-Fetch-Site` and
 * `Origin`. Behind a proxy that ends TLS only the public URL has the browser's scheme.
 */
export function requireSameOrigin(publicUrl: string): MiddlewareHandler<WebEnv> {
  const publicOrigin = new URL(publicUrl).origin;
  return csrf({ origin: (origin, c) => origin === publicOrigin || origin === new URL(c.req.url).origin });
}
