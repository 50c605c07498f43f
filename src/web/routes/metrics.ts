/** `/metrics` in the Prometheus text format, for holders of an API key, or for all where that is configured. */
import { Hono } from 'hono';
import { requireApiKey } from '../api-key.ts';
import type { ProbeDeps, WebApp, WebEnv } from '../contract.ts';

export function metricsRoutes(deps: ProbeDeps): WebApp {
  const routes = new Hono<WebEnv>();
  if (!deps.metricsOpen) routes.use('/metrics', requireApiKey(deps.apiKeys));
  routes.get('/metrics', async (c) => {
    const { contentType, body } = await deps.metrics.render();
    return c.body(body, 200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
  });
  return routes;
}
