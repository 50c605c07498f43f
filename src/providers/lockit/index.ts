/**
 * LockitNetwork, script supervision for film and television: a user's consent, and the projects that he works on.
 *
 * Sources: developer.lockitnetwork.com (obtaining API tokens via OAuth 2.0, matching clip metadata) and what is stored of
 * doc.api.lockitnetwork.com, "LockitNetwork API (1.0.1)".
 */
import { z } from 'zod';
import { defineProvider, type Settings, type StreamDefinition } from '../contract.ts';
import * as schema from './schema.ts';

const secret = z.string().min(1);

const defaults = {
  episodesPath: '/projects/{parent}/episodes',
  scenesPath: '/projects/{grandparent}/episodes/{parent}/scenes',
} as const;

function path(name: keyof typeof defaults, what: string) {
  return z
    .string()
    .regex(/^\/(?!\/)[^\s?#\\]*\{parent\}[^\s?#\\]*$/, {
      error: 'must be a path that begins with / and holds {parent}',
    })
    .default(defaults[name])
    .describe(`path of ${what}; ${defaults[name]} unless you write another`);
}

const common = {
  scopes: [],
  items: '',
  id: 'uuid',
  paging: { style: 'none' },
  changes: { detect: 'full' },
  docs: 'https://doc.api.lockitnetwork.com',
} as const satisfies Partial<StreamDefinition>;

/** "The project-specific endpoints are only enabled for premium projects" (guide about matching clips). */
const premium = { stream: 'projects', field: 'isPremium', values: [true] } as const;

/** The path of projects is documented, the others are inferred from the names of their parameters: a setting each. */
function streamsFor(settings: Settings): readonly StreamDefinition[] {
  const pathOf = (name: keyof typeof defaults): string => {
    const chosen = settings[name];
    return typeof chosen === 'string' ? chosen : defaults[name];
  };
  return [
    {
      ...common,
      name: 'projects',
      title: 'Projects',
      path: '/projects',
      schema: schema.project,
      evidence: 'documented',
      docs: 'https://developer.lockitnetwork.com/guides/match-clips',
    },
    {
      ...common,
      name: 'episodes',
      title: 'Episodes of premium projects',
      path: pathOf('episodesPath'),
      parent: 'projects',
      onlyParents: premium,
      schema: schema.episode,
      evidence: 'inferred',
    },
    {
      ...common,
      name: 'scenes',
      title: 'Scenes',
      path: pathOf('scenesPath'),
      parent: 'episodes',
      onlyParents: premium,
      schema: schema.scene,
      evidence: 'inferred',
    },
  ];
}

export const lockit = defineProvider({
  id: 'lockit',
  title: 'LockitNetwork',
  description: 'film and television production: projects, episodes, scenes',
  docs: 'https://developer.lockitnetwork.com',

  grants: ['user'],
  authorization: {
    scopes: [],
    // its guide shows both, and recommends it
    pkce: 'default',
    // A refresh answers with a refresh token; whether it replaces the old one isn't said: the safe reading is that it does.
    refresh: { unknownOutcome: 'reconnect' },
    evidence: 'documented',
  },
  mappable: ['projects'],
  tokenPolicy: 'reuse',
  clientAuth: 'basic',
  // The guide's sample is curl -u, which encodes nothing before base64.
  basicEncoding: 'raw',
  // "Access token scopes are not supported, yet."
  baseScopes: [],
  defaultTokenLifetime: 604_800,

  settings: z.strictObject({
    episodesPath: path('episodesPath', "a project's episodes"),
    scenesPath: path('scenesPath', "an episode's scenes"),
  }),
  credentials: z.strictObject({
    clientId: secret.describe('client id, by mail from support@lockitnetwork.com'),
    clientSecret: z
      .union([secret, z.array(secret).min(1)])
      .describe('client secret; a list while it is rotated'),
  }),
  endpoints: () => ({
    authorization: 'https://api.lockitnetwork.com/oauth/authorize',
    token: 'https://api.lockitnetwork.com/oauth/access-token',
    api: 'https://api.lockitnetwork.com',
  }),
  headers: () => ({ Accept: 'application/json' }),

  limits: [],
  suggestedSchedule: 'every 1h',
  streams: streamsFor({}),
  streamsFor,
  check: () => ({ path: '/projects' }),
  explainForbidden: (_body, stream) =>
    stream?.parent === undefined
      ? undefined
      : 'only premium projects are open to the API, or the user who consented has no access any more',
});
