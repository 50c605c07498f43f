import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createOAuthClient } from '../../src/auth/oauth.ts';
import { createGuardedFetch } from '../../src/net/fetch.ts';
import { subjectAt } from './fleet.ts';

const SECRET = 'p+l/u s:%7E-._~';

let server: Server;
let issuer: string;
const fetcher = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
const oauth = createOAuthClient({ fetch: fetcher.fetch, now: Date.now });

beforeAll(async () => {
  // it warns about its in-memory storage and the Node version
  vi.spyOn(console, 'info').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = {
    scope: 'read',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [] as never[],
  };
  const provider = new Provider(issuer, {
    clients: [
      { ...client, client_id: 'by.header-1', client_secret: SECRET },
      {
        ...client,
        client_id: 'by-body',
        client_secret: SECRET,
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    scopes: ['read', 'write'],
    ttl: { ClientCredentials: 600 },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => void answer(request, response));
});
afterAll(async () => {
  await fetcher.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  vi.restoreAllMocks();
});

test.each([
  ['basic', 'by.header-1'],
  ['post', 'by-body'],
] as const)(
  'a certified server issues a token to a client that authenticates by %s',
  async (clientAuth, clientId) => {
    const subject = subjectAt('', {
      endpoints: { issuer },
      clientAuth,
      clientId,
      clientSecrets: ['wrong', SECRET],
    });
    expect(await oauth.requestToken(subject)).toMatchObject({ lifetimeMs: 600_000, scopes: ['read'] });
  },
);

test('a certified server tells a wrong secret from a wrong scope', async () => {
  const subject = subjectAt('', { endpoints: { issuer }, clientId: 'by-body', clientSecrets: [SECRET] });
  await expect(oauth.requestToken({ ...subject, clientSecrets: ['wrong'] })).rejects.toMatchObject({
    code: 'token_client_rejected',
  });
  await expect(oauth.requestToken({ ...subject, scopes: ['write'] })).rejects.toMatchObject({
    code: 'token_scope_rejected',
  });
});
