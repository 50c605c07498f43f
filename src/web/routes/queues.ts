/** Bull Board under `/queues`, behind the operator's session, read-only unless it is configured otherwise. */
import { Hono } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { WebApp, WebDeps, WebEnv } from '../contract.ts';
import { requireSameOrigin, requireSession, type Sessions } from '../session.ts';

export const QUEUES_PATH = '/queues';

export function queuesRoutes(deps: WebDeps, sessions: Sessions): WebApp {
  const routes = new Hono<WebEnv>();
  if (deps.bullBoard === undefined) return routes;
  const readOnly = deps.bullBoardReadOnly ?? true;
  const everything = `${QUEUES_PATH}/*`; // Hono counts the bare path in

  routes.use(everything, requireSession(sessions));
  routes.use(everything, async (c, next) => {
    // Bull Board hides its buttons by itself; this holds against a request made by hand
    if (readOnly && !['GET', 'HEAD'].includes(c.req.method)) {
      throw new SluiceError('queues_read_only', 'Bull Board is read-only here.');
    }
    return next();
  });
  routes.use(everything, requireSameOrigin(deps.publicUrl));
  routes.use(`${QUEUES_PATH}/static/*`, async (c, next) => {
    await next();
    // the library's own files, named by their content: no need to load a megabyte at every visit
    if (c.res.ok) c.res.headers.set('Cache-Control', 'private, max-age=86400');
  });
  routes.get(`${QUEUES_PATH}/`, (c) => c.redirect(QUEUES_PATH, 302));
  const board = deps.bullBoard(QUEUES_PATH, { readOnly });
  // its own handler would print to the console and answer with plain text
  board.onError((error) => {
    throw error;
  });
  routes.route(QUEUES_PATH, board);
  return routes;
}
