/** `GET /v1/notifications`: what was told to SLUICE_NOTIFY_URL, and how that went. */
import { z } from 'zod';
import { notification } from '../inbox-schemas.ts';
import { cursor, limit } from '../parameters.ts';
import { defineRoute } from '../route.ts';
import { pageOf } from '../schemas.ts';

export const notificationsRoute = defineRoute({
  method: 'GET',
  path: '/v1/notifications',
  summary: 'Notifications, newest first: what was told, and whether the receiver took it.',
  params: z.strictObject({}),
  query: z.strictObject({ cursor, limit: limit(200, 50) }),
  answer: { status: 200, schema: pageOf(notification) },
  handle: ({ query }, deps) => deps.notifications({ cursor: query.cursor, limit: query.limit }),
});
