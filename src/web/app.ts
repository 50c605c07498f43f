/** The web applications: what each route needs around it. Listening is apart, in `server.ts`. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { SluiceError } from '../errors.ts';
import { version } from '../package-root.ts';
import { mountApi } from './api/index.ts';
import { bodyTooLarge, MAX_BODY } from './body.ts';
import type { ConnectDeps, ProbeDeps, WebApp, WebDeps, WebEnv } from './contract.ts';
import { errorHandler, problemResponse, unknownRoute } from './problem.ts';
import { actionRoutes } from './routes/actions.tsx';
import { assetRoutes } from './routes/assets.ts';
import { auditRoutes } from './routes/audit.tsx';
import { connectRoutes } from './routes/connect.tsx';
import { consoleRoutes } from './routes/console.tsx';
import { editConnectionRoutes } from './routes/edit-connection.tsx';
import { eventRoutes } from './routes/events.tsx';
import { healthRoutes } from './routes/health.ts';
import { liveRoutes } from './routes/live.ts';
import { loginRoutes } from './routes/login.tsx';
import { mappingsRoutes } from './routes/mappings.tsx';
import { metricsRoutes } from './routes/metrics.ts';
import { newConnectionRoutes } from './routes/new-connection.tsx';
import { notificationRoutes } from './routes/notifications.tsx';
import { QUEUES_PATH, queuesRoutes } from './routes/queues.ts';
import { readsItself, webhookRoutes } from './routes/webhooks.ts';
import { traceRequests } from './trace-requests.ts';
import { securityHeaders } from './security-headers.ts';
import { createSessions, type Sessions } from './session.ts';
import type { SteeringWebDeps } from './steering/page.tsx';

/** The app of a `web` process: health, metrics, and, where there is a password, console and Bull Board. */
export function createWebApp(deps: WebDeps): WebApp {
  const app = baseApp(deps);
  if (deps.intake !== undefined) app.route('/', webhookRoutes(deps.intake, deps.refusals));
  const sessions =
    deps.admin === undefined ? undefined : createSessions(deps.admin, deps.publicUrl, deps.now);
  const { api, connector } = deps;
  if (api !== undefined) mountApi(app, api, { ...deps, rate: deps.apiRate, version });
  if (connector !== undefined) {
    const hasMappings = deps.mappings !== undefined && sessions !== undefined;
    app.route('/', connectRoutes({ ...deps, connector, hasMappings }, sessions));
  }
  if (sessions !== undefined) {
    app.route('/', loginRoutes(deps, sessions));
    app.route('/', queuesRoutes(deps, sessions));
    app.route('/', assetRoutes());
    const { steering } = deps;
    // before what shows one connection: `new` is no id there
    if (steering !== undefined && api !== undefined) steer(app, { ...deps, steering, api }, sessions);
    if (deps.console !== undefined) {
      app.route('/', liveRoutes({ ...deps, live: deps.console.live }, sessions));
      app.route('/', consoleRoutes({ ...deps, console: deps.console }, sessions));
    }
    if (deps.mappings !== undefined) {
      app.route('/', mappingsRoutes({ ...deps, mappings: deps.mappings }, sessions));
    }
  }
  return app;
}

/** The pages by which an operator acts. */
function steer(app: WebApp, deps: SteeringWebDeps, sessions: Sessions): void {
  app.route('/', newConnectionRoutes(deps, sessions));
  app.route('/', editConnectionRoutes(deps, sessions));
  app.route('/', actionRoutes(deps, sessions));
  app.route('/', eventRoutes(deps, sessions));
  app.route('/', notificationRoutes(deps, sessions));
  app.route('/', auditRoutes(deps, sessions));
}

/** The app of a command that waits for a callback itself: the pages of a consent and nothing else. */
export function createConnectApp(deps: ConnectDeps & Pick<ProbeDeps, 'logger' | 'now'>): WebApp {
  const app = bareApp(deps);
  const { connector } = deps;
  if (connector !== undefined)
    app.route('/', connectRoutes({ ...deps, connector, hasMappings: false }, undefined));
  return app;
}

/** The app of a `worker` process: `/livez`, `/readyz`, `/metrics` and nothing else. */
export function createWorkerApp(deps: ProbeDeps): WebApp {
  return baseApp(deps);
}

function baseApp(deps: ProbeDeps): WebApp {
  const app = bareApp(deps);
  app.route('/', healthRoutes(deps));
  app.route('/', metricsRoutes(deps));
  return app;
}

function bareApp(deps: Pick<ProbeDeps, 'logger' | 'now' | 'publicUrl' | 'tracing'>): WebApp {
  const app = new Hono<WebEnv>();
  app.use(async (c, next) => {
    const startedAt = deps.now();
    await next();
    // the path only: a query may hold an authorization code
    const { method, path } = c.req;
    deps.logger.debug({ method, path, status: c.res.status, ms: deps.now() - startedAt }, 'request');
  });
  if (deps.tracing !== undefined) app.use(traceRequests(deps.tracing));
  app.use(securityHeaders(deps.publicUrl, QUEUES_PATH));
  app.use(async (c, next) => {
    // what Postgres can't hold names nothing; these two have answers of their own
    if (!/\0|%00/.test(c.req.path) || /^\/(?:v1|webhooks)\//.test(c.req.path)) return next();
    return problemResponse(c, new SluiceError('not_found', 'There is nothing of that name.'));
  });
  const limit = bodyLimit({ maxSize: MAX_BODY, onError: bodyTooLarge });
  app.use((c, next) => (readsItself(c.req.method, c.req.path) ? next() : limit(c, next)));
  app.notFound(unknownRoute);
  app.onError(errorHandler(deps.logger));
  return app;
}
