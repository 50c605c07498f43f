import { allowInsecureRequests, clientCredentialsGrant, Configuration, customFetch } from 'openid-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetcher } from '../../src/net/fetch.ts';
import { asFetch } from '../../src/net/web-fetch.ts';
import { serveHttp, type TestServer } from './servers.ts';

let net: GuardedFetcher;
let server: TestServer;
beforeEach(async () => {
  net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
  server = await serveHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      if (request.url === '/redirect') response.writeHead(302, { location: '/x' }).end();
      else if (request.url === '/large') response.end('x'.repeat(100_000));
      else if (request.url === '/empty') response.writeHead(204).end();
      else if (request.url === '/odd') response.writeHead(999).end('odd');
      else if (request.url === '/token') {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ access_token: 'abc', token_type: 'bearer', expires_in: 60, scope: body }),
        );
      } else {
        response.writeHead(401, {
          'content-type': 'text/plain',
          'x-seen': request.headers['content-type'] ?? '',
        });
        response.end(`${request.method} ${body}`);
      }
    });
  });
});
afterEach(async () => {
  await net.close();
  await server.close();
});

describe('the guarded fetch as fetch', () => {
  it('returns a Response with status, url, headers and body', async () => {
    const fetch: typeof globalThis.fetch = asFetch(net.fetch);
    const response = await fetch(new URL(`${server.origin}/a?b=c`), {
      method: 'post',
      body: new URLSearchParams({ a: '1 2' }),
      redirect: 'manual',
    });
    expect(response).toBeInstanceOf(Response);
    expect(response.status).toBe(401);
    expect(response.url).toBe(`${server.origin}/a?b=c`);
    expect(response.headers.get('x-seen')).toContain('application/x-www-form-urlencoded');
    expect(await response.text()).toBe('POST a=1+2');
  });

  it('returns a Response without a body for 204', async () => {
    const response = await asFetch(net.fetch)(`${server.origin}/empty`);
    expect(response.status).toBe(204);
    expect(response.body).toBeNull();
  });

  it('keeps the guard: no redirect, no more than the limit, no unknown status, the reason of the signal', async () => {
    const fetch = asFetch(net.fetch, { maxBytes: 10_000 });
    await expect(fetch(`${server.origin}/redirect`)).rejects.toMatchObject({ code: 'redirect_refused' });
    await expect(fetch(`${server.origin}/large`)).rejects.toMatchObject({ code: 'response_too_large' });
    await expect(fetch(`${server.origin}/odd`)).rejects.toMatchObject({ code: 'response_unreadable' });
    await expect(fetch('http://10.0.0.1/')).rejects.toMatchObject({ code: 'endpoint_refused' });
    const reason = new Error('enough');
    await expect(fetch(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('serves openid-client, whose errors carry ours as their cause', async () => {
    const configuration = (endpoint: string): Configuration => {
      const made = new Configuration(
        { issuer: server.origin, token_endpoint: server.origin + endpoint },
        'id',
        'secret',
      );
      allowInsecureRequests(made);
      made[customFetch] = asFetch(net.fetch);
      return made;
    };
    const tokens = await clientCredentialsGrant(configuration('/token'), { scope: 'read' });
    expect(tokens.access_token).toBe('abc');
    expect(tokens.scope).toContain('grant_type=client_credentials');
    await expect(clientCredentialsGrant(configuration('/redirect'))).rejects.toMatchObject({
      cause: { code: 'redirect_refused' },
    });
  });
});
