/** `/assets/…`: scripts and style sheets, for anyone; they hold nothing but the console's own code. */
import { Hono } from 'hono';
import { findAsset } from '../assets.ts';
import type { WebApp, WebEnv } from '../contract.ts';

export function assetRoutes(): WebApp {
  const routes = new Hono<WebEnv>();
  routes.get('/assets/:name', (c) => {
    const asset = findAsset(c.req.param('name'));
    if (asset === undefined) return c.notFound();
    // only under the address with its hash it stays what it is
    const isFixed = c.req.query('v') === asset.hash;
    return c.body(asset.body, 200, {
      'Content-Type': asset.type,
      'Cache-Control': isFixed ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
  });
  return routes;
}
