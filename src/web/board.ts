/** Bull Board as a part of our app: its Hono adapter, filled by whoever knows the queues. */
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Hono } from 'hono';

/** `attach` puts the queues onto the adapter. */
export function boardFactory(
  attach: (adapter: IServerAdapter, options: { readonly readOnly: boolean }) => void,
): (basePath: string, options: { readonly readOnly: boolean }) => Hono {
  return (basePath, options) => {
    const adapter = new HonoAdapter(serveStatic);
    adapter.setBasePath(basePath);
    attach(adapter, options);
    return adapter.registerPlugin();
  };
}
