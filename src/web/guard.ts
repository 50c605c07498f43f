/** What stands before every page that acts: a session, the same origin, and the proof that a form is this session's. */
import { Hono, type Context } from 'hono';
import { SluiceError } from '../errors.ts';
import type { WebApp, WebDeps, WebEnv } from './contract.ts';
import { readForm, requireFormToken, type SentForm } from './form.ts';
import { requireSameOrigin, requireSession, type Session, type Sessions } from './session.ts';

/** Routes under these paths, which nobody reaches without a session or from another site. */
export function guardedRoutes(
  paths: readonly string[],
  { publicUrl }: Pick<WebDeps, 'publicUrl'>,
  sessions: Sessions,
): WebApp {
  const routes = new Hono<WebEnv>();
  for (const path of paths) routes.use(path, requireSameOrigin(publicUrl), requireSession(sessions));
  return routes;
}

/** @throws SluiceError `login_required` */
export function sessionOf(c: Context<WebEnv>): Session {
  const session = c.get('session');
  if (session !== undefined) return session;
  throw new SluiceError('login_required', 'This needs an operator who is logged in.');
}

/** A form of this session. @throws SluiceError `cross_site_request`, `request_invalid` */
export async function sentForm(c: Context<WebEnv>): Promise<SentForm> {
  const form = await readForm(c);
  requireFormToken(sessionOf(c), form.one('csrf'));
  return form;
}
