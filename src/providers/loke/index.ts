/**
 * LOKE, loyalty, ordering and payments for hospitality: client credentials for all background work, one add-on that any
 * number of organizations install.
 *
 * Sources: developers.loke.global (authentication, paging, CRM integration, API pages, all of them marked as beta) and the
 * vendor's own sample add-on, github.com/LOKE/addon-fidel.
 */
import { z } from 'zod';
import { defineProvider, type SetupDefinition } from '../contract.ts';
import { streams } from './streams.ts';
import { webhooks } from './webhooks.ts';

const ISSUER = 'https://auth.loke.global';

const secret = z.string().min(1);
const secrets = z.union([secret, z.array(secret).min(1)]);

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** As the guide writes it, on the issuer of the connection. */
function installLink({ credentials, endpoints }: Parameters<SetupDefinition['installLink']>[0]): string {
  const url = new URL(`${(endpoints.issuer ?? ISSUER).replace(/\/$/, '')}/install-client`);
  url.searchParams.set('client', credentials.clientId ?? '');
  return url.href;
}

export const loke = defineProvider({
  id: 'loke',
  title: 'LOKE',
  description: 'hospitality: organizations, locations, customers, payments',
  docs: 'https://developers.loke.global',

  // All background work is done as the client; a user's consent serves the setup, where he sees his organizations.
  grants: ['client', 'user'],
  authorization: {
    scopes: ['openid'],
    pkce: 'default',
    prompt: 'consent',
    keepsRefreshToken: false,
    refresh: { unknownOutcome: 'reconnect' },
    // A person's token reaches those of the organizations with the add-on that he may access himself.
    setup: { stream: 'organizations', installLink },
    account: ({ sub, email, name }) =>
      typeof sub === 'string' ? { id: sub, label: [email, name, sub].find(isText) ?? sub } : undefined,
    evidence: 'documented',
  },
  mappable: ['organizations', 'locations'],
  tokenPolicy: 'reuse',
  clientAuth: 'basic',
  // The guide's sample is btoa(`${CLIENT_ID}:${CLIENT_SECRET}`), without any encoding before that.
  basicEncoding: 'raw',
  // The guide's call for client credentials names no scope.
  baseScopes: [],
  // Not documented; the answer is expected to say it. Short, since a token that is refused is replaced anyway.
  defaultTokenLifetime: 300,

  settings: z.strictObject({}),
  credentials: z.strictObject({
    clientId: secret.describe('client id of the add-on'),
    clientSecret: secrets.describe('client secret of the add-on; a list while it is rotated'),
    webhookSecret: secrets.optional().describe('secret of webhooks that were registered by hand'),
  }),
  endpoints: () => ({ issuer: ISSUER, api: 'https://api.loke.global' }),
  headers: () => ({ Accept: 'application/json' }),

  limits: [],
  suggestedSchedule: 'every 1h',
  streams,
  webhooks,
  check: () => ({ path: '/organizations' }),
  explainForbidden: () =>
    'the add-on is not installed for this organization, or no longer; its install link adds it',
});
