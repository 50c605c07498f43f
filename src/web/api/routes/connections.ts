/** `/v1/connections`: list, one, put, delete, and what a person does with one. */
import { z } from 'zod';
import { connectionSchema } from '../../../config/connection-schema.ts';
import { cursor, flag, limit } from '../parameters.ts';
import { connectionParams, Created, defineRoute } from '../route.ts';
import { checkReport, connection, connectionSummary, pageOf, run } from '../schemas.ts';

const one = z.strictObject({ connection });
const streamNames = z.array(z.string().min(1).max(100)).min(1).max(500);

export const connectionRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/connections',
    summary: 'The connections by id: state, reason, what to do.',
    params: z.strictObject({}),
    query: z.strictObject({ cursor, limit: limit(200, 50) }),
    answer: { status: 200, schema: pageOf(connectionSummary) },
    handle: ({ query }, deps) => deps.connections({ cursor: query.cursor, limit: query.limit }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/connections/:id',
    summary: 'One connection: state, reason, what to do, its streams and how many records they have.',
    params: connectionParams,
    errors: ['not_found'],
    answer: { status: 200, schema: one },
    handle: async ({ params }, deps) => ({ connection: await deps.connection(params.id) }),
  }),
  defineRoute({
    method: 'PUT',
    path: '/v1/connections/:id',
    summary: 'Makes a connection, or replaces how it is configured.',
    description:
      'The body is what stands below the id in sluice.yaml, as JSON; `${NAME}` is text like any other here. Secrets ' +
      'are write-only. Of a connection that exists, `credentials` may be left out: they stay, as long as provider, ' +
      'settings, endpoints and oauth stay too.',
    params: connectionParams,
    // every problem is found by the check of the whole body
    body: z.looseObject({}),
    fullBody: connectionSchema,
    errors: ['config_invalid', 'connection_managed_by_file'],
    answer: { status: 200, schema: one, orCreated: true },
    async handle({ params, body }, deps) {
      const { created, connection: stored } = await deps.putConnection(params.id, body);
      return created ? new Created({ connection: stored }) : { connection: stored };
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/connections/:id',
    summary: 'Removes a connection; what it brought stays, unless `purge` is true.',
    params: connectionParams,
    query: z.strictObject({ purge: flag.describe('also erase its records, changes and events') }),
    errors: ['not_found', 'connection_managed_by_file'],
    answer: {
      status: 200,
      schema: z.strictObject({
        removed: z.strictObject({
          id: z.string(),
          purge: z.boolean(),
          records: z.int().describe('that were erased, or that stay'),
        }),
      }),
    },
    handle: async ({ params, query }, deps) => ({
      removed: await deps.removeConnection(params.id, query.purge),
    }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/:id/sync',
    summary: 'Asks for a run; joins the one that is queued where a run is active.',
    description: 'The run that is answered is the one to follow at /v1/runs/{id}.',
    params: connectionParams,
    body: z.strictObject({
      streams: streamNames.optional().describe('only these [all]'),
      full: z
        .boolean()
        .default(false)
        .describe('a complete pass, also of streams that could read changes only'),
      allowDeletes: z.boolean().default(false).describe('apply deletes that would be held, once'),
    }),
    idempotent: true,
    errors: [
      'not_found',
      'connection_paused',
      'connection_parked',
      'idempotency_key_reused',
      'idempotency_in_progress',
    ],
    answer: { status: 202, schema: z.strictObject({ run }) },
    handle: async ({ params, body, caller }, deps) => ({
      run: await deps.sync(params.id, {
        streams: body.streams,
        full: body.full,
        allowDeletes: body.allowDeletes,
        idempotencyKey: caller.idempotencyKey,
      }),
    }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/:id/pause',
    summary: 'Stops the schedule; what was asked for before goes on.',
    params: connectionParams,
    errors: ['not_found'],
    answer: { status: 200, schema: one },
    handle: async ({ params }, deps) => ({ connection: await deps.pause(params.id) }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/:id/resume',
    summary: 'Makes a connection active again that was paused or waited for a person.',
    params: connectionParams,
    errors: ['not_found'],
    answer: { status: 200, schema: one },
    handle: async ({ params }, deps) => ({ connection: await deps.resume(params.id) }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/:id/reset',
    summary: 'Forgets how far streams were read, so that the next run begins from the start.',
    params: connectionParams,
    body: z.strictObject({ streams: streamNames.optional().describe('only these [all]') }),
    errors: ['not_found'],
    answer: { status: 200, schema: one.extend({ streams: z.array(z.string()) }) },
    handle: ({ params, body }, deps) => deps.reset(params.id, body.streams),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/:id/check',
    summary: "Asks for a token and makes the provider's cheapest call, now; `ok` says whether it works.",
    params: connectionParams,
    errors: ['not_found'],
    answer: { status: 200, schema: checkReport },
    handle: ({ params }, deps) => deps.check(params.id),
  }),
];
