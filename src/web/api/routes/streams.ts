/** `/v1/connections/:id/streams/:stream`: the mirrored records, and the change feed. */
import { z } from 'zod';
import { after, cursor, duration, flag, limit, streamParams } from '../parameters.ts';
import { defineRoute } from '../route.ts';
import { change, pageOf, record } from '../schemas.ts';

/** Longer ones would be cut by what stands in between: load balancers give up after a minute. */
const LONGEST_WAIT_MS = 50_000;

export const streamRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/connections/:id/streams/:stream/records',
    summary: 'The mirrored records by id.',
    description: 'A configured stream that never ran has none.',
    params: streamParams,
    query: z.strictObject({
      cursor,
      limit: limit(1000, 100),
      deleted: flag.describe('also those that were deleted at the provider'),
    }),
    errors: ['not_found'],
    answer: { status: 200, schema: pageOf(record) },
    handle: ({ params, query }, deps) =>
      deps.records(params.id, params.stream, {
        cursor: query.cursor,
        limit: query.limit,
        deleted: query.deleted,
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/connections/:id/streams/:stream/changes',
    summary: 'What was added, updated and deleted after a number, oldest first.',
    description:
      'Numbers have no gap and become visible in order: remember the last one that you have dealt with, and ask for ' +
      'what comes after it.',
    params: streamParams,
    query: z.strictObject({
      after,
      limit: limit(1000, 100),
      wait: duration(LONGEST_WAIT_MS).describe(
        'where nothing is there yet, how long to wait for it, such as 20s; up to 50s [0s]',
      ),
    }),
    errors: ['not_found', 'feed_truncated', 'cursor_ahead'],
    answer: {
      status: 200,
      schema: z.strictObject({
        data: z.array(change),
        last: z.int().nonnegative().describe("number of the stream's newest change"),
      }),
    },
    async handle({ params, query, caller }, deps) {
      const { after: number, limit: most, wait } = query;
      const page = await deps.changes(params.id, params.stream, {
        after: number,
        limit: most,
        wait,
        signal: caller.signal,
      });
      return { data: page.changes, last: page.last };
    },
  }),
];
