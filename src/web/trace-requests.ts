/** One span a request. It names the route and not the path: a path may hold a one-time ticket, a query anything. */
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Tracing } from '../telemetry/tracing.ts';
import type { WebEnv } from './contract.ts';

/** Asked for all the time, by machines. */
const UNTRACED = new Set(['/livez', '/readyz', '/metrics']);

/** Never goes on with the trace of a caller: it may be anybody. */
export function traceRequests(tracing: Tracing): MiddlewareHandler<WebEnv> {
  return (c, next) => {
    if (UNTRACED.has(c.req.path)) return next();
    const attributes = { 'http.request.method': c.req.method };
    return tracing.span({ name: 'http request', kind: 'server', attributes }, async (span) => {
      await next();
      span.set({ 'http.route': routePath(c, -1), 'http.response.status_code': c.res.status });
    });
  };
}
