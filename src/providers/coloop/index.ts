/**
 * CoLoop, analysis of qualitative research: a user's consent at its Clerk instance, or an API key.
 *
 * Sources: docs.coloop.ai (getting started, authentication; "alpha phase"), the OpenAPI description "CoLoop API" 1.0.0 and the
 * official example github.com/Genei-Ltd/coloop-integration-example.
 */
import { z } from 'zod';
import { defineProvider } from '../contract.ts';
import { streams } from './streams.ts';

const secret = z.string().min(1);

function accountOf(sub: unknown, label: unknown): { id: string; label: string } | undefined {
  if (typeof sub !== 'string') return undefined;
  return { id: sub, label: typeof label === 'string' ? label : sub };
}

export const coloop = defineProvider({
  id: 'coloop',
  title: 'CoLoop',
  description: 'qualitative research: organizations, members, projects, memberships',
  docs: 'https://docs.coloop.ai',

  grants: ['user'],
  grantOf: ({ credentials }) => (credentials.apiKey === undefined ? 'user' : 'none'),
  authorization: {
    // The guide asks for `email profile`; the official example adds `offline_access`, without which no refresh token may come.
    scopes: ['email', 'offline_access', 'profile'],
    // the way of public applications; a private one may do without
    pkce: 'default',
    // Whether refresh tokens are replaced at each use isn't documented: the safe reading is that they are.
    refresh: { unknownOutcome: 'reconnect' },
    account: ({ sub, email, name }) => accountOf(sub, email ?? name),
    evidence: 'documented',
  },
  mappable: ['organizations', 'projects'],
  tokenPolicy: 'reuse',
  // For private applications; a public one has no secret, and proves itself by PKCE.
  clientAuth: 'post',
  basicEncoding: 'form',
  baseScopes: [],
  defaultTokenLifetime: 7200,

  settings: z.strictObject({}),
  credentials: z
    .strictObject({
      clientId: secret.optional().describe('client id of the application, from CoLoop'),
      clientSecret: z
        .union([secret, z.array(secret).min(1)])
        .optional()
        .describe('client secret of a private application; a public application has none'),
      apiKey: secret.optional().describe('API key, instead of an application and a consent'),
    })
    .refine(({ clientId, apiKey }) => (clientId === undefined) !== (apiKey === undefined), {
      error: 'must hold either clientId (and clientSecret for a private application) or apiKey',
    })
    .refine(({ clientSecret, apiKey }) => clientSecret === undefined || apiKey === undefined, {
      error: 'must hold no clientSecret beside apiKey',
    }),
  endpoints: () => ({
    issuer: 'https://clerk.coloop.ai',
    authorization: 'https://clerk.coloop.ai/oauth/authorize',
    token: 'https://clerk.coloop.ai/oauth/token',
    userinfo: 'https://clerk.coloop.ai/oauth/userinfo',
    api: 'https://api.coloop.ai/v1',
  }),
  headers: ({ credentials: { apiKey } }) => ({
    Accept: 'application/json',
    ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
  }),

  limits: [],
  suggestedSchedule: 'every 1h',
  streams,
  check: () => ({ path: '/organizations/' }),
  // "Whether re-submitting the same payload unchanged might succeed."
  isRetriable: (_status, body) => {
    if (body === null || typeof body !== 'object') return undefined;
    const { retriable } = body as Record<string, unknown>;
    return typeof retriable === 'boolean' ? retriable : undefined;
  },
  explainForbidden: () => 'the account has no access here, or its role in the organization is too low',
});
