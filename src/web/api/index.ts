/** `/v1`: every route behind a bearer key, errors as problem documents; and the description of all of it. */
import { requireApiKey } from '../api-key.ts';
import type { WebApp } from '../contract.ts';
import type { Api } from './contract.ts';
import { docsPage } from './docs-page.tsx';
import { openApiDocument } from './openapi.ts';
import { defaultApiRate, limitRate, type ApiRate } from './rate-limit.ts';
import { mountRoutes, type ApiRoute } from './route.ts';
import { connectLinkRoute } from './routes/connect-link.ts';
import { connectionRoutes } from './routes/connections.ts';
import { eventRoutes } from './routes/events.ts';
import { readMappingsRoute, writeMappingsRoute } from './routes/mappings.ts';
import { notificationsRoute } from './routes/notifications.ts';
import { providerRoutes } from './routes/providers.ts';
import { runRoutes } from './routes/runs.ts';
import { streamRoutes } from './routes/streams.ts';
import { webhooksRoute } from './routes/webhooks.ts';

export const apiRoutes: readonly ApiRoute[] = [
  ...providerRoutes,
  ...connectionRoutes,
  connectLinkRoute,
  webhooksRoute,
  readMappingsRoute,
  writeMappingsRoute,
  ...runRoutes,
  ...streamRoutes,
  ...eventRoutes,
  notificationsRoute,
];

export interface ApiOptions {
  readonly apiKeys: readonly string[];
  readonly publicUrl: string;
  readonly version: string;
  readonly now: () => number;
  /** of each key [1200 a minute, 200 at once] */
  readonly rate?: ApiRate | undefined;
}

/** The description needs no key: it says nothing of what is stored. */
export function mountApi(app: WebApp, deps: Api, options: ApiOptions): void {
  app.use('/v1/*', requireApiKey(options.apiKeys), limitRate(options.rate ?? defaultApiRate, options.now));
  mountRoutes(app, apiRoutes, deps);
  const document = openApiDocument(apiRoutes, { version: options.version, url: options.publicUrl });
  app.get('/openapi.json', (c) => c.json(document));
  app.get('/docs', (c) => c.html(docsPage(document, c.get('secureHeadersNonce'))));
}
