/** `POST /v1/connections/:id/webhooks`: endpoints at the provider. */
import { z } from 'zod';
import { endpoint } from '../inbox-schemas.ts';
import { connectionParams, defineRoute } from '../route.ts';
import { pageOf } from '../schemas.ts';

export const webhooksRoute = defineRoute({
  method: 'POST',
  path: '/v1/connections/:id/webhooks',
  summary: 'Registers its webhook endpoints at the provider, where they are missing, moved or down.',
  description: 'One that is well stays as it is, so that this may be sent again. No answer holds a secret.',
  params: connectionParams,
  body: z.strictObject({
    renew: z.boolean().default(false).describe('also those that are well: with a new secret'),
  }),
  errors: [
    'not_found',
    'webhooks_unavailable',
    'webhook_registration_failed',
    'lease_busy',
    'network_error',
    'token_client_rejected',
    'provider_forbidden',
    'provider_rate_limited',
  ],
  answer: { status: 200, schema: pageOf(endpoint) },
  handle: async ({ params, body }, deps) => ({
    data: await deps.registerWebhooks(params.id, body.renew),
    next: null,
  }),
});
