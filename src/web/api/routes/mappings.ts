/** `GET` and `PUT /v1/connections/:id/mappings`. */
import { z } from 'zod';
import { connectionParams, defineRoute } from '../route.ts';

const MAX_MAPPINGS = 5_000;

const mappingSchema = z.object({
  external: z.string().describe("the provider's id"),
  own: z.string().nullable().describe('your id for it'),
  stream: z.string().nullable(),
  name: z.string().nullable(),
});

export const readMappingsRoute = defineRoute({
  method: 'GET',
  path: '/v1/connections/:id/mappings',
  summary: "The provider's organizations and locations, with your ids for them.",
  params: connectionParams,
  query: z.strictObject({
    cursor: z.string().max(1000).optional().describe('`next` of the page before'),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  }),
  errors: ['not_found'],
  answer: {
    status: 200,
    schema: z.object({ data: z.array(mappingSchema), next: z.string().nullable() }),
  },
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
  answer: {
    status: 200,
    schema: z.object({ data: z.array(mappingSchema), next: z.string().nullable() }),
  },
  async handle({ params, body }, deps) {
    await deps.replaceMappings(
      params.id,
      body.data.map(({ external, own }) => ({ external, own })),
    );
    return deps.mappings(params.id, { limit: MAX_MAPPINGS });
  },
});
