/**
 * Lucca, the HR suite: client credentials, a new token for each flow, one host per account.
 *
 * Sources: developers.luccasoftware.com (authentication, environments, paging, limits, versioning, errors) and the
 * OpenAPI 3.1 file "Lucca API reference 2024-11-01".
 */
import { z } from 'zod';
import { defineProvider } from '../contract.ts';
import { hostHelp, isLuccaHost } from './host.ts';
import { streams } from './streams.ts';
import { webhooksOf } from './webhooks.ts';

export const lucca = defineProvider({
  id: 'lucca',
  title: 'Lucca',
  description: 'HR suite: employees, organisation, employments, leaves',
  docs: 'https://developers.luccasoftware.com',

  grants: ['client'],
  // "It is considered good practice to request a new access token for each integration flow."
  tokenPolicy: 'per-flow',
  clientAuth: 'post',
  basicEncoding: 'form',
  baseScopes: [],
  defaultTokenLifetime: 1800,

  settings: z.strictObject({
    host: z
      .string({ error: `is missing: write ${hostHelp}` })
      .refine(isLuccaHost, { error: `must be ${hostHelp}` })
      .describe(hostHelp),
  }),
  credentials: z.strictObject({
    clientId: z
      .string()
      .min(1)
      .describe('client_id of the integration key (Lucca: /identity/admin/integration-keys)'),
    clientSecret: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .describe('client_secret, shown once when the integration key is made; a list while it is rotated'),
    webhookSecret: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe('secret of a webhook endpoint that was registered by hand'),
  }),
  endpoints: (settings) => ({
    token: 'https://accounts.world.luccasoftware.com/connect/token',
    api: `https://${String(settings.host)}/lucca-api`,
  }),
  headers: () => ({ 'Api-Version': '2024-11-01', Accept: 'application/json' }),

  limits: [
    {
      requests: 50,
      perSeconds: 60,
      evidence: 'documented',
      key: ({ settings }) => `lucca:${String(settings.host)}`,
      keyedBy: 'account host, shared with every other integration of that account',
    },
  ],
  suggestedSchedule: 'every 1h',
  streams,
  check: (chosen) => ({ path: (chosen[0] ?? streams[0])?.path ?? '/employees', query: { limit: '1' } }),
  webhooks: webhooksOf(streams),
  explainForbidden: (_body, stream) =>
    stream === undefined
      ? undefined
      : `the integration key lacks the scope ${stream.scopes.join(' ')}, or no business establishment of it covers this data`,
});
