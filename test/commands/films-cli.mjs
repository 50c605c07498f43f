/** The built command line with one more provider, whose connections are made by a person. */
import { z } from 'zod';
import { providers } from '../../dist/src/providers/registry.js';

providers.push({
  id: 'films',
  title: 'Films',
  description: 'of a test',
  docs: 'https://example.com',
  grants: ['user'],
  authorization: {
    scopes: ['openid', 'offline_access', 'profile'],
    pkce: 'required',
    prompt: 'consent',
    refresh: { unknownOutcome: 'retry-old-once' },
    account: ({ sub, name }) => (typeof sub === 'string' ? { id: sub, label: name ?? sub } : undefined),
    evidence: 'unverified',
  },
  mappable: ['sites'],
  tokenPolicy: 'reuse',
  clientAuth: 'post',
  basicEncoding: 'form',
  baseScopes: [],
  defaultTokenLifetime: 3600,
  settings: z.strictObject({}),
  credentials: z.strictObject({ clientId: z.string(), clientSecret: z.string() }),
  endpoints: () => ({}),
  headers: () => ({}),
  limits: [],
  suggestedSchedule: 'manual',
  streams: [
    {
      name: 'sites',
      title: 'Sites',
      path: '/sites',
      scopes: [],
      items: 'items',
      id: 'id',
      paging: { style: 'none' },
      changes: { detect: 'full' },
      schema: z.looseObject({}),
      evidence: 'unverified',
    },
  ],
  check: () => ({ path: '/sites' }),
});
await import('../../dist/src/cli.js');
