/**
 * A certified authorization server of a test's own: strict rotation with reuse detection, consents that plain fetch
 * can walk through, and a token endpoint whose answers a test can hold back, cut or replace after the server made them.
 */
import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type ClientMetadata } from 'oidc-provider';

export interface TokenExchange {
  readonly form: URLSearchParams;
  /** from 1 */
  readonly count: number;
  /** what the server has answered; it has done its work by then */
  readonly answer: { readonly status: number; readonly body: string };
}

/** What becomes of an answer on its way: undefined lets it pass. */
export type Fault = (
  exchange: TokenExchange,
  response: ServerResponse,
) => Promise<'handled' | undefined> | 'handled' | undefined;

export interface AuthorizationServer {
  readonly issuer: string;
  /** answers of the token endpoint on their way to the client */
  fault: Fault;
  /** before the server sees it; true: it never does, the test has answered */
  intercept: (form: URLSearchParams, response: ServerResponse) => Promise<boolean> | boolean;
  /** who consents next */
  account: string;
  /** the person says no */
  deny: boolean;
  /** forms of all token requests that reached the server */
  readonly tokenRequests: URLSearchParams[];
  /** how often a refresh token that had been spent came again: each ends the whole grant */
  readonly reuses: { count: number };
  readonly revocations: string[];
  /** while true every endpoint but the metadata answers 503 */
  down: boolean;
  close(): Promise<void>;
}

export interface AuthorizationServerOptions {
  /** seconds of an access token */
  readonly accessTokenTtl?: number;
}

export const CLIENT = { id: 'app.of-test', secret: 'se.cret-of+the/app' };
export const PUBLIC_CLIENT = 'public-app';

export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const front = createServer();
  const back = createServer();
  const [issuer, inner] = await Promise.all([listen(front), listen(back)]);
  const provider = new Provider(issuer, {
    clients: clientsOf(),
    scopes: ['openid', 'profile', 'email', 'offline_access', 'read'],
    claims: { profile: ['name'], email: ['email'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Name of ${id}`, email: `${id}@example.com` }),
    }),
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      userinfo: { enabled: true },
    },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { required: () => false },
    ttl: {
      AccessToken: options.accessTokenTtl ?? 3600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    cookies: { keys: ['key of a test'] },
  });
  const self: AuthorizationServer = {
    issuer,
    fault: () => undefined,
    intercept: () => false,
    account: 'ada',
    deny: false,
    tokenRequests: [],
    reuses: { count: 0 },
    revocations: [],
    down: false,
    async close() {
      front.closeAllConnections();
      back.closeAllConnections();
      front.close();
      back.close();
      await Promise.all([once(front, 'close'), once(back, 'close')]);
    },
  };
  provider.on('grant.error', (_, error) => {
    if (/already used/.test(String((error as { error_detail?: string }).error_detail)))
      self.reuses.count += 1;
  });
  const answer = provider.callback();
  back.on('request', (request, response) => void answer(request, response));

  const interact = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (self.deny) {
      const result = { error: 'access_denied', error_description: 'the person said no' };
      return provider.interactionFinished(request, response, result);
    }
    if (prompt.name === 'login' || session?.accountId !== self.account) {
      const result = { login: { accountId: self.account } };
      return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    }
    const { client_id: clientId, scope } = params as { client_id: string; scope?: string };
    const grant = new provider.Grant({ accountId: self.account, clientId });
    grant.addOIDCScope(scope ?? '');
    const consent = { grantId: await grant.save() };
    return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  };

  const proxy = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', issuer).pathname;
    const body = await bodyOf(request);
    if (self.down && !path.startsWith('/.well-known')) {
      response.writeHead(503, { 'content-type': 'text/html' }).end('down for maintenance');
      return;
    }
    if (path.startsWith('/interaction/')) return interact(request, response);
    if (path === '/token/revocation') self.revocations.push(new URLSearchParams(body).get('token') ?? '');
    const form = new URLSearchParams(body);
    if (path === '/token' && (await self.intercept(form, response))) return;
    const made = await send(inner, request, body);
    if (path === '/token') {
      self.tokenRequests.push(form);
      const exchange = {
        form,
        count: self.tokenRequests.length,
        answer: { status: made.status, body: made.body.toString('utf8') },
      };
      if ((await self.fault(exchange, response)) === 'handled') return;
    }
    if (response.destroyed) return;
    response.writeHead(made.status, made.headers);
    response.end(made.body);
  };
  front.on('request', (request, response) => {
    proxy(request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  return self;
}

function clientsOf(): ClientMetadata[] {
  const base: Partial<ClientMetadata> = {
    grant_types: ['authorization_code', 'refresh_token'],
    // native: any port of loopback (RFC 8252 section 7.3), as a command's own server has it
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/oauth/callback'],
  };
  return [
    {
      ...base,
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      token_endpoint_auth_method: 'client_secret_post',
    },
    { ...base, client_id: PUBLIC_CLIENT, token_endpoint_auth_method: 'none' },
  ];
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  if (message.method !== 'POST') return '';
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

interface Made {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

async function send(origin: string, request: IncomingMessage, body: string): Promise<Made> {
  const { connection: _, 'content-length': __, 'transfer-encoding': ___, ...headers } = request.headers;
  const outgoing = forward(origin + (request.url ?? '/'), {
    method: request.method,
    // with the front's host, of which the server makes its links
    headers: { ...headers, ...(body === '' ? {} : { 'content-length': Buffer.byteLength(body) }) },
    agent: false,
  });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const { 'transfer-encoding': ____, connection: _____, ...kept } = answer.headers;
  return { status: answer.statusCode ?? 500, headers: kept, body: Buffer.concat(chunks) };
}

/** A browser that follows redirects by itself and keeps the cookies of every origin. */
export interface Walker {
  /** Goes to an address and follows redirects, up to an address for which `until` is true, which is not fetched. */
  go(address: string, until?: (url: URL) => boolean): Promise<Visit>;
  forget(): void;
}

export interface Visit {
  readonly url: URL;
  readonly status: number;
  readonly page: string;
  readonly headers: Headers;
}

export function createWalker(): Walker {
  const jars = new Map<string, Map<string, string>>();
  return {
    forget: () => jars.clear(),
    async go(address, until = () => false) {
      let url = new URL(address);
      for (let hop = 0; hop < 20; hop += 1) {
        if (until(url)) return { url, status: 0, page: '', headers: new Headers() };
        const jar = jars.get(url.origin) ?? new Map<string, string>();
        jars.set(url.origin, jar);
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
        const answer = await fetch(url, {
          redirect: 'manual',
          headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }) },
        });
        for (const line of answer.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (value === '' || /expires=Thu, 01 Jan 1970|max-age=0(?:;|$)/i.test(line)) jar.delete(name);
          else jar.set(name, value);
        }
        const location = answer.headers.get('location');
        if (answer.status < 300 || answer.status >= 400 || location === null) {
          return { url, status: answer.status, page: await answer.text(), headers: answer.headers };
        }
        await answer.body?.cancel();
        url = new URL(location, url);
      }
      throw new Error(`more than 20 redirects, the last to ${url.href}`);
    },
  };
}
