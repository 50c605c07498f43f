/** A provider whose connections are made by a person: its definition, and an API that takes the server's tokens. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import {
  defineProvider,
  type AuthorizationDefinition,
  type ProviderDefinition,
} from '../../src/providers/contract.ts';
import { CLIENT, type AuthorizationServer } from './authorization-server.ts';
import { tinyStream } from './tiny-provider.ts';

export interface ConsentProvider {
  readonly definition: ProviderDefinition;
  /** the same application, whose background work is done by client credentials */
  readonly setupOnly: ProviderDefinition;
  /** for `Fleet.connect` */
  readonly connection: Readonly<Record<string, unknown>>;
  /** rows of `/sites` */
  sites: { id: string; name: string }[];
  /** who asked, by the token's account or `key:` and the API key */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startConsentProvider(
  server: AuthorizationServer,
  authorization: Partial<AuthorizationDefinition> = {},
): Promise<ConsentProvider> {
  const api = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    request.resume();
    const key = request.headers['x-api-key'];
    if (typeof key === 'string') {
      self.asked.push(`key:${key}${request.headers.authorization === undefined ? '' : ' and a token'}`);
      answer(200, { items: self.sites });
      return;
    }
    const headers = { authorization: request.headers.authorization ?? '' };
    void fetch(`${server.issuer}/me`, { headers }).then(async (who) => {
      if (!who.ok) return answer(401, {});
      self.asked.push(((await who.json()) as { sub: string }).sub);
      return answer(200, { items: self.sites });
    });
  });
  await new Promise<void>((resolve) => void api.listen(0, '127.0.0.1', resolve));
  const base: ProviderDefinition = defineProvider({
    id: 'films',
    title: 'Films',
    description: 'of a test',
    docs: 'https://example.com',
    grants: ['user'],
    grantOf: ({ credentials }) => (credentials.apiKey === undefined ? 'user' : 'none'),
    authorization: {
      scopes: ['openid', 'offline_access', 'profile'],
      pkce: 'default',
      prompt: 'consent',
      refresh: { unknownOutcome: 'retry-old-once' },
      account: ({ sub, name }) =>
        typeof sub === 'string' ? { id: sub, label: typeof name === 'string' ? name : sub } : undefined,
      evidence: 'unverified',
      ...authorization,
    },
    mappable: ['sites'],
    tokenPolicy: 'reuse',
    clientAuth: 'post',
    basicEncoding: 'form',
    baseScopes: [],
    defaultTokenLifetime: 3600,
    settings: z.strictObject({}),
    credentials: z.strictObject({
      clientId: z.string().optional(),
      clientSecret: z.string().optional(),
      apiKey: z.string().optional(),
    }),
    endpoints: () => ({}),
    headers: ({ credentials }): Record<string, string> =>
      credentials.apiKey === undefined ? {} : { 'x-api-key': credentials.apiKey },
    limits: [],
    suggestedSchedule: 'every 1h',
    streams: [tinyStream('sites', { paging: { style: 'none' } })],
    check: () => ({ path: '/sites' }),
  });
  const { grantOf: _, ...rest } = base;
  const self: ConsentProvider = {
    definition: base,
    setupOnly: defineProvider({
      ...rest,
      id: 'setup',
      title: 'Setup',
      grants: ['client', 'user'],
      authorization: { ...(base.authorization as AuthorizationDefinition), keepsRefreshToken: false },
    }),
    connection: {
      provider: 'films',
      settings: {},
      credentials: { clientId: CLIENT.id, clientSecret: CLIENT.secret },
      endpoints: { issuer: server.issuer, api: `http://127.0.0.1:${(api.address() as AddressInfo).port}` },
      schedule: 'manual',
    },
    sites: [
      { id: 's1', name: 'Studio one' },
      { id: 's2', name: 'Studio two' },
    ],
    asked: [],
    async close() {
      api.closeAllConnections();
      await new Promise((resolve) => api.close(resolve));
    },
  };
  return self;
}
