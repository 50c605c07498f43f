/** `/v1/providers`: what each provider offers. */
import { z } from 'zod';
import { providerParams } from '../parameters.ts';
import { defineRoute } from '../route.ts';
import { pageOf, provider } from '../schemas.ts';

export const providerRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/providers',
    summary: 'What each provider offers, all on one page.',
    params: z.strictObject({}),
    answer: { status: 200, schema: pageOf(provider) },
    handle: async (_input, deps) => ({ data: deps.providers(), next: null }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/providers/:name',
    summary: 'One provider: grants, token policy, settings, streams, limits.',
    params: providerParams,
    errors: ['not_found'],
    answer: { status: 200, schema: z.strictObject({ provider }) },
    handle: async ({ params }, deps) => ({ provider: deps.provider(params.name) }),
  }),
];
