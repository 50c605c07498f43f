/** Talks to the simulated authorization servers as a stranger would: plain fetch, nothing of the worker's own code. */

import { createHash, randomBytes } from 'node:crypto';

import { walkConsent } from '../../sandbox/consent.ts';
import type { Consent } from '../../sandbox/consent.ts';
import { send } from './lucca-client.ts';
import type { Called } from './lucca-client.ts';

export const CALLBACK = 'http://127.0.0.1:3000/oauth/callback';

/** Values of a request; null leaves one out. */
export type Changes = Readonly<Record<string, string | null>>;

interface Server {
  readonly urls: { readonly authorization: string; readonly token: string };
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
}

/** How a client proves who it is. */
export type Proof = 'basic' | 'post' | 'none';

export interface Client {
  readonly server: Server;
  readonly proof: Proof;
  readonly clientId: string;
  readonly clientSecret: string;
  /** of a correct authorization request, besides what all have */
  readonly asks: Readonly<Record<string, string>>;
}

export function clientOf(
  server: Server,
  proof: Proof,
  asks: Readonly<Record<string, string>>,
  clientId?: string,
): Client {
  const { credentials } = server;
  return {
    server,
    proof,
    clientId: clientId ?? credentials.clientId,
    clientSecret: credentials.clientSecret,
    asks,
  };
}

export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

export interface Challenge {
  readonly code_verifier: string;
  readonly code_challenge: string;
}

export function createChallenge(): Challenge {
  const verifier = randomBytes(32).toString('base64url');
  return {
    code_verifier: verifier,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  };
}

function filled(correct: Changes, changes: Changes): URLSearchParams {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...correct, ...changes }))
    if (value !== null) fields.set(name, value);
  return fields;
}

/** A correct authorization URL with PKCE, changed as told. */
export function authorizationUrl(client: Client, challenge: Challenge, changes: Changes = {}): string {
  const correct = {
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: CALLBACK,
    state: 'state-1',
    code_challenge: challenge.code_challenge,
    code_challenge_method: 'S256',
    ...client.asks,
  };
  return `${client.server.urls.authorization}?${filled(correct, changes).toString()}`;
}

/** The parameters with which the browser comes back to the application. */
export async function returned(url: string, consent: Consent = {}): Promise<Record<string, string>> {
  const { searchParams, hash } = new URL(await walkConsent(url, consent));
  // the answers to other response types than code come in the fragment
  return Object.fromEntries([...searchParams, ...new URLSearchParams(hash.slice(1))]);
}

/** Posts to the token endpoint with the client's own proof. */
export function post(
  client: Client,
  fields: Changes,
  headers: Readonly<Record<string, string>> = {},
): Promise<Called> {
  const own: Changes =
    client.proof === 'basic'
      ? {}
      : {
          client_id: client.clientId,
          ...(client.proof === 'post' ? { client_secret: client.clientSecret } : {}),
        };
  const authorization =
    client.proof === 'basic' ? { authorization: basic(client.clientId, client.clientSecret) } : {};
  return send(client.server.urls.token, {
    method: 'POST',
    headers: { ...authorization, ...headers },
    body: filled(own, fields),
  });
}

export interface Consented {
  readonly code: string;
  readonly challenge: Challenge;
}

export async function consentTo(
  client: Client,
  changes: Changes = {},
  consent: Consent = {},
): Promise<Consented> {
  const challenge = createChallenge();
  const { code, error } = await returned(authorizationUrl(client, challenge, changes), consent);
  if (code === undefined) throw new Error(`no code: ${error}`);
  return { code, challenge };
}

export function exchange(
  client: Client,
  { code, challenge }: Consented,
  changes: Changes = {},
): Promise<Called> {
  return post(client, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: CALLBACK,
    code_verifier: challenge.code_verifier,
    ...changes,
  });
}

export function refresh(client: Client, refreshToken: string, changes: Changes = {}): Promise<Called> {
  return post(client, { grant_type: 'refresh_token', refresh_token: refreshToken, ...changes });
}

/** The whole way from the authorization URL to the token answer. */
export async function connect(
  client: Client,
  changes: Changes = {},
  consent: Consent = {},
): Promise<Called['body']> {
  const { status, body, text } = await exchange(client, await consentTo(client, changes, consent));
  if (status !== 200) throw new Error(`no token: ${status} ${text}`);
  return body;
}

export function read(
  url: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Called> {
  return send(url, { headers: { authorization: `Bearer ${token}`, ...headers } });
}

export const outcome = ({ status, body }: Called): [number, unknown] => [status, body?.error];
