/**
 * The authorization server of the simulated LockitNetwork, after its "Obtaining API Tokens via OAuth 2.0" guide: unusual token
 * path, HTTP Basic, PKCE supported and not required, no scopes, no discovery document.
 */

import type { GrantCounters, UserApplication } from '../authorization-server.ts';
import { consentPage, errorPage, loginPage } from '../consent-pages.ts';
import type { Account } from '../consent-pages.ts';
import { cookie, readBasic, readForm, redirect } from '../form.ts';
import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import { createSecret } from '../token-issuer.ts';
import { GrantError } from './grants.ts';
import type { Grants } from './grants.ts';

export const PATHS = { authorization: '/oauth/authorize', token: '/oauth/access-token' } as const;
const CONSENT = '/oauth/consent/';
const COOKIE = 'lockit_consent';

interface Pending {
  readonly application: UserApplication;
  readonly redirectUri: string;
  readonly state: string | null;
  readonly challenge: string | undefined;
  account?: Account;
}

export interface LockitAuthorization {
  readonly applications: ReadonlyMap<string, UserApplication>;
  readonly accounts: readonly Account[];
  readonly grants: Grants;
  readonly counters: GrantCounters;
  readonly settings: { readonly basicEncoding: 'raw' | 'form' };
}

/** Answers a request for the authorization server; undefined where the path is none of its own. */
export function createAuthorization(
  server: LockitAuthorization,
): (request: SandboxRequest) => Answer | Promise<Answer> | undefined {
  const pending = new Map<string, Pending>();
  return (request) => {
    const { pathname } = request.url;
    if (pathname === PATHS.authorization) return authorize(server, pending, request);
    if (pathname.startsWith(CONSENT)) return consent(server, pending, request);
    if (pathname === PATHS.token) return answerToken(server, request);
    return undefined;
  };
}

function authorize(
  { applications }: LockitAuthorization,
  pending: Map<string, Pending>,
  { method, url }: SandboxRequest,
): Answer {
  if (method !== 'GET') return { status: 405, headers: { allow: 'GET' }, body: '' };
  const query = url.searchParams;
  const application = applications.get(query.get('client_id') ?? '');
  const redirectUri = query.get('redirect_uri') ?? '';
  // an address that isn't registered is never redirected to (RFC 6749 section 4.1.2.1)
  if (application === undefined) return errorPage(400, 'invalid_client', 'There is no such client.');
  if (!application.redirectUris.includes(redirectUri)) {
    return errorPage(400, 'invalid_request', 'redirect_uri is not one that was registered.');
  }
  const state = query.get('state');
  const fault = faultOf(query);
  if (fault !== undefined) return redirect(callback(redirectUri, state, fault));
  const id = createSecret(12);
  const challenge = query.get('code_challenge') ?? undefined;
  pending.set(id, { application, redirectUri, state, challenge });
  const path = `${CONSENT}${id}`;
  return redirect(path, { 'set-cookie': `${COOKIE}=${id}; Path=${path}; HttpOnly; SameSite=Lax` });
}

/** What is wrong with an authorization request whose client and redirect_uri are right. */
function faultOf(query: URLSearchParams): Record<string, string> | undefined {
  const names = Array.from(query.keys());
  const repeated = names.find((name, place) => names.indexOf(name) !== place);
  if (repeated !== undefined)
    return { error: 'invalid_request', error_description: `${repeated} came more than once` };
  if (query.get('response_type') !== 'code') return { error: 'unsupported_response_type' };
  const challenge = query.get('code_challenge');
  // without a method RFC 7636 means `plain`, which protects nobody: the strict reading of "PKCE is supported"
  const isS256 = query.get('code_challenge_method') === 'S256' && /^[\w-]{43}$/.test(challenge ?? '');
  const isUsed = challenge !== null || query.has('code_challenge_method');
  if (isUsed && !isS256)
    return { error: 'invalid_request', error_description: 'the code challenge must be S256' };
  return undefined;
}

function callback(redirectUri: string, state: string | null, fields: Record<string, string>): string {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  if (state !== null) url.searchParams.set('state', state);
  return url.href;
}

async function consent(
  server: LockitAuthorization,
  pending: Map<string, Pending>,
  { method, url, raw }: SandboxRequest,
): Promise<Answer> {
  const id = url.pathname.slice(CONSENT.length);
  const found = pending.get(id);
  if (found === undefined || cookie(raw.request, COOKIE) !== id) {
    return errorPage(
      400,
      'Nothing to decide',
      'This page belongs to no authorization request of this browser.',
    );
  }
  const { application, redirectUri, state, account } = found;
  const show = (): Answer =>
    found.account === undefined
      ? loginPage('LockitNetwork', server.accounts, url.pathname)
      : consentPage(
          'LockitNetwork',
          { client: application.name, account: found.account.name, scopes: [] },
          url.pathname,
        );
  if (method === 'GET') return show();
  const form = method === 'POST' ? await readForm(raw.request) : undefined;
  const decision = form?.get('decision');
  if (decision === 'deny') {
    pending.delete(id);
    server.counters.denials++;
    return redirect(callback(redirectUri, state, { error: 'access_denied' }));
  }
  if (account === undefined && decision === 'continue') {
    const chosen = server.accounts.find((one) => one.id === form?.get('account'));
    if (chosen === undefined) return errorPage(400, 'Unknown account', 'Nobody can sign in by that name.');
    found.account = chosen;
    return redirect(url.pathname);
  }
  if (account !== undefined && decision === 'allow') {
    pending.delete(id);
    const { clientId } = application;
    const code = server.grants.issueCode({
      clientId,
      accountId: account.id,
      redirectUri,
      challenge: found.challenge,
    });
    return redirect(callback(redirectUri, state, { code }));
  }
  return errorPage(400, 'Not understood', 'The form was not filled in as its page asked.');
}

async function answerToken(server: LockitAuthorization, request: SandboxRequest): Promise<Answer> {
  const { counters } = server;
  const answer = await token(server, request);
  if (answer.status !== 200) {
    const { error } = JSON.parse(String(answer.body)) as { error: string };
    counters.refused[error] = (counters.refused[error] ?? 0) + 1;
  }
  return { ...answer, headers: { ...answer.headers, 'cache-control': 'no-store' } };
}

function failure(status: number, error: string, description: string): Answer {
  const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="LockitNetwork"' } : {};
  return json(status, { error, error_description: description }, challenge);
}

async function token(server: LockitAuthorization, { method, headers, raw }: SandboxRequest): Promise<Answer> {
  if (method !== 'POST') return failure(405, 'invalid_request', 'POST is expected');
  const form = await readForm(raw.request);
  if (form === undefined) return failure(400, 'invalid_request', 'a form is expected');
  const names = Array.from(form.keys());
  if (new Set(names).size !== names.length)
    return failure(400, 'invalid_request', 'a parameter came more than once');
  const basic = readBasic(headers.authorization, server.settings.basicEncoding);
  const application = server.applications.get(basic?.id ?? '');
  if (basic === undefined || application === undefined || application.clientSecret !== basic.secret) {
    return failure(401, 'invalid_client', 'the client must authenticate by HTTP Basic');
  }
  // RFC 6749 section 2.3: not more than one method in a request
  if (form.has('client_secret') || (form.get('client_id') ?? basic.id) !== basic.id) {
    return failure(400, 'invalid_request', 'the client authenticates by HTTP Basic alone');
  }
  const need = (name: string): string | undefined => form.get(name) ?? undefined;
  try {
    switch (form.get('grant_type')) {
      case 'authorization_code': {
        const [code, redirectUri] = [need('code'), need('redirect_uri')];
        if (code === undefined || redirectUri === undefined)
          return failure(400, 'invalid_request', 'code and redirect_uri are required');
        return json(200, server.grants.redeem(code, basic.id, redirectUri, need('code_verifier')));
      }
      case 'refresh_token': {
        const refreshToken = need('refresh_token');
        if (refreshToken === undefined) return failure(400, 'invalid_request', 'refresh_token is required');
        return json(200, server.grants.refresh(refreshToken, basic.id));
      }
      case null:
        return failure(400, 'invalid_request', 'grant_type is required');
      default:
        return failure(400, 'unsupported_grant_type', 'authorization_code and refresh_token are supported');
    }
  } catch (error) {
    if (error instanceof GrantError) return failure(400, 'invalid_grant', error.message);
    throw error;
  }
}
