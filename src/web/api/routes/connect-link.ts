/** `POST /v1/connections/:id/connect-link`. */
import { z } from 'zod';
import { connectionParams, defineRoute } from '../route.ts';
import { time } from '../schemas.ts';

export const connectLinkRoute = defineRoute({
  method: 'POST',
  path: '/v1/connections/:id/connect-link',
  summary: 'A one-time link by which a person connects it; it lives for 15 minutes.',
  params: connectionParams,
  body: z.strictObject({
    returnUrl: z
      .string()
      .max(2000)
      .optional()
      .describe('where the person is sent afterwards: on the origin of PUBLIC_URL or SLUICE_RETURN_ORIGINS'),
  }),
  errors: ['not_found', 'connect_not_possible'],
  answer: { status: 200, schema: z.strictObject({ url: z.url(), expiresAt: time }) },
  async handle({ params, body }, deps) {
    const { url, expiresAt } = await deps.connectLink(params.id, body.returnUrl);
    return { url, expiresAt: expiresAt.toISOString() };
  },
});
