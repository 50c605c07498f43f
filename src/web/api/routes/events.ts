/** `/v1/events`: the inbox of webhooks, one event, and applying it again. */
import { z } from 'zod';
import { event, eventDetail, eventStatus } from '../inbox-schemas.ts';
import { cursor, eventParams, limit } from '../parameters.ts';
import { connectionParams, defineRoute } from '../route.ts';
import { pageOf } from '../schemas.ts';

export const eventRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/events',
    summary: 'Webhooks that came, newest first.',
    params: z.strictObject({}),
    query: z.strictObject({
      connection: connectionParams.shape.id.optional(),
      status: eventStatus.optional(),
      cursor,
      limit: limit(200, 50),
    }),
    answer: { status: 200, schema: pageOf(event) },
    handle: ({ query }, deps) =>
      deps.events({
        connection: query.connection,
        status: query.status,
        cursor: query.cursor,
        limit: query.limit,
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/events/:id',
    summary: 'One event with its body.',
    params: eventParams,
    errors: ['not_found'],
    answer: { status: 200, schema: z.strictObject({ event: eventDetail }) },
    handle: async ({ params }, deps) => ({ event: await deps.event(params.id) }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/events/:id/replay',
    summary: 'Applies an event again that is over.',
    description:
      'It cannot bring an old state back: versions decide what is newer, as they did the first time.',
    params: eventParams,
    errors: ['not_found', 'event_not_replayable'],
    answer: { status: 202, schema: z.strictObject({ event }) },
    handle: async ({ params }, deps) => ({ event: await deps.replayEvent(params.id) }),
  }),
];
