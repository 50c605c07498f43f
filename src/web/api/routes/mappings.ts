/** `GET` and `PUT /v1/connections/:id/mappings`. */
import { z } from 'zod';
import type { MappingView } from '../../../sync/mappings.ts';
import { cursor, limit } from '../parameters.ts';
import { connectionParams, defineRoute } from '../route.ts';
import { pageOf } from '../schemas.ts';

const MAX_MAPPINGS = 5_000;

const mapping = z
  .strictObject({
    external: z.string().describe("the provider's id"),
    own: z.string().nullable().describe('your id for it'),
    stream: z.string().nullable(),
    name: z.string().nullable(),
  })
  .meta({ id: 'Mapping' }) satisfies z.ZodType<MappingView>;

export const readMappingsRoute = defineRoute({
  method: 'GET',
  path: '/v1/connections/:id/mappings',
  summary: "The provider's organizations and locations, with your ids for them.",
  params: connectionParams,
  query: z.strictObject({ cursor, limit: limit(1000, 100) }),
  errors: ['not_found'],
  answer: { status: 200, schema: pageOf(mapping) },
  handle: ({ params, query }, deps) => deps.mappings(params.id, { after: query.cursor, limit: query.limit }),
});

export const writeMappingsRoute = defineRoute({
  method: 'PUT',
  path: '/v1/connections/:id/mappings',
  summary: 'Puts these mappings in the place of all; what GET answers may be sent back, changed.',
  params: connectionParams,
  body: z.strictObject({
    data: z
      .array(
        z.object({
          external: z.string().min(1).max(1000),
          own: z.string().min(1).max(200).nullable(),
        }),
      )
      .max(MAX_MAPPINGS),
    next: z.null().optional().describe('accepted as GET answers it'),
  }),
  errors: ['not_found'],
  answer: { status: 200, schema: pageOf(mapping) },
  async handle({ params, body }, deps) {
    await deps.replaceMappings(
      params.id,
      body.data.map(({ external, own }) => ({ external, own })),
    );
    return deps.mappings(params.id, { limit: MAX_MAPPINGS });
  },
});
