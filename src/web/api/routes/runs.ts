/** `/v1/runs`: the history, one run, and its end. */
import { z } from 'zod';
import { cursor, limit, runParams } from '../parameters.ts';
import { connectionParams, defineRoute } from '../route.ts';
import { pageOf, run, runDetail, runStatuses } from '../schemas.ts';

const one = z.strictObject({ run });

export const runRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/runs',
    summary: 'Runs, newest first.',
    params: z.strictObject({}),
    query: z.strictObject({
      connection: connectionParams.shape.id.optional(),
      status: runStatuses.optional(),
      cursor,
      limit: limit(200, 50),
    }),
    answer: { status: 200, schema: pageOf(run) },
    handle: ({ query }, deps) =>
      deps.runs({
        connection: query.connection,
        status: query.status,
        cursor: query.cursor,
        limit: query.limit,
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/runs/:id',
    summary: 'One run with its streams, and the timeline of its requests and waits.',
    params: runParams,
    errors: ['not_found'],
    answer: { status: 200, schema: z.strictObject({ run: runDetail }) },
    handle: async ({ params }, deps) => ({ run: await deps.run(params.id) }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/runs/:id/cancel',
    summary: 'Ends a run that is queued, waits or is under way; what it committed stays.',
    description:
      'A stream that is being read ends after its page, and the run with it. A run that is over stays as it is.',
    params: runParams,
    errors: ['not_found'],
    answer: { status: 200, schema: one },
    handle: async ({ params }, deps) => ({ run: await deps.cancel(params.id) }),
  }),
];
