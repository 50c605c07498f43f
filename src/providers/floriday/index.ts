/**
 * Floriday, the trading platform of Royal FloraHolland: client credentials for the application, and an API key for
 * the organization whose data is read.
 *
 * Sources: developer.floriday.io (authentication, API keys, synchronization, rate limits, versions) and the OpenAPI
 * files of the suppliers and the customers API, 2026v1.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineProvider, type Settings, type StreamDefinition } from '../contract.ts';
import { customers } from './customers.ts';
import { streamOf } from './feed.ts';
import { suppliers } from './suppliers.ts';
import { webhooks } from './webhooks.ts';

const issuers = {
  staging: 'https://idm.staging.floriday.io/oauth2/ausmw6b47z1BnlHkw0h7',
  live: 'https://idm.floriday.io/oauth2/aus3testdcf2vyfs70i7',
} as const;

const hosts = { staging: 'https://api.staging.floriday.io', live: 'https://api.floriday.io' } as const;

const streams = {
  suppliers: suppliers.map((feed) => streamOf(feed, 'suppliers')),
  customers: customers.map((feed) => streamOf(feed, 'customers')),
} as const;
const allStreams = [...streams.suppliers, ...streams.customers];

function environmentOf(settings: Settings): keyof typeof issuers {
  return settings.environment === 'live' ? 'live' : 'staging';
}

/** Of the two APIs, or of both as long as the setting names none of them. */
function streamsFor(settings: Settings): readonly StreamDefinition[] {
  return settings.api === 'suppliers' || settings.api === 'customers' ? streams[settings.api] : allStreams;
}

/** `GET /identities` is the documented way to try a key, but has a scope that not every choice of streams brings. */
const identities = { path: '/identities', scope: 'organization:read' };

const secret = z.string().min(1);

export const floriday = defineProvider({
  id: 'floriday',
  title: 'Floriday',
  description: 'flower and plant trade: catalogue, supply, orders, fulfilment, partners',
  docs: 'https://developer.floriday.io',

  grants: ['client'],
  // The portal asks to keep the token for the whole system and to renew it only when it is about to be used.
  tokenPolicy: 'reuse',
  clientAuth: 'post',
  basicEncoding: 'form',
  baseScopes: ['role:app'],
  defaultTokenLifetime: 3600,

  settings: z.strictObject({
    environment: z
      .enum(['staging', 'live'], { error: 'must be staging or live' })
      .describe('staging or live; each has its own credentials and API keys'),
    api: z
      .enum(['suppliers', 'customers'], { error: 'must be suppliers or customers' })
      .describe('which of the two APIs is read: suppliers or customers'),
    version: z
      .string()
      .regex(/^20\d\dv[1-9]$/, { error: 'must be a version such as 2026v1' })
      .default('2026v1')
      .describe('version of the API; 2026v1 unless you write another'),
  }),
  credentials: z.strictObject({
    clientId: secret.describe('client id of the application, which comes by e-mail after registration'),
    clientSecret: z
      .union([secret, z.array(secret).min(1)])
      .describe('client secret of the application; a list while it is rotated'),
    apiKey: secret.describe('X-Api-Key of the organization, made in Floriday and shown once'),
    webhookSecret: z
      .union([secret, z.array(secret).min(1)])
      .optional()
      .describe('key in the callback URL of a subscription that was made by hand'),
  }),
  endpoints: (settings) => ({
    issuer: issuers[environmentOf(settings)],
    api: `${hosts[environmentOf(settings)]}/${String(settings.api)}-api-${String(settings.version)}`,
  }),
  headers: ({ credentials }) => ({ 'X-Api-Key': credentials.apiKey ?? '', Accept: 'application/json' }),

  limits: [
    {
      requests: 3.4,
      perSeconds: 1,
      burst: 1000,
      evidence: 'documented',
      // The digest, since a key of a limiter is stored and shown, and the API key is a secret.
      key: ({ settings, credentials }) =>
        `floriday:${environmentOf(settings)}:${createHash('sha256')
          .update(credentials.apiKey ?? '')
          .digest('hex')
          .slice(0, 12)}`,
      keyedBy: 'API key; some streams have a slower rate of their own',
    },
  ],
  suggestedSchedule: 'every 5m',
  // The portal asks for cycles that don't begin on fixed ticks of the clock.
  jitterMs: 5 * 60_000,
  streams: allStreams,
  streamsFor,
  check: (chosen) => {
    const useful = chosen.some((stream) => stream.scopes.includes(identities.scope));
    return { path: useful || chosen.length === 0 ? identities.path : '/connections/current-max-sequence' };
  },
  webhooks,
  explainForbidden: (body, stream) => {
    const said = textOf(body);
    if (/api.?key/i.test(said))
      return 'the API key is wrong, belongs to the other environment, or was withdrawn';
    const scopes = stream?.scopes.join(' ');
    const reasons = [
      ...(scopes === undefined ? [] : [`the application lacks the scope ${scopes}`]),
      'the version of the API is offline',
      ...(stream === undefined ? [] : ['this feed has nothing for an organization without such partners']),
    ];
    return reasons.join(', or ');
  },
});

/** `detail` and `title` of the error body. */
function textOf(body: unknown): string {
  if (typeof body === 'string') return body;
  if (body === null || typeof body !== 'object') return '';
  const { title, detail, message } = body as Record<string, unknown>;
  return [title, detail, message].filter((part) => typeof part === 'string').join(' ');
}
