/**
 * The paths of the simulated authorization server. Its issuer has a path, and its metadata stand below that path, not where
 * RFC 8414 section 3.1 would insert the well-known part. https://developer.floriday.io/docs/client-credentials-flow
 */

import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';

export type Environment = 'staging' | 'live';

const ISSUER_PATHS: Readonly<Record<Environment, string>> = {
  staging: '/oauth2/ausmw6b47z1BnlHkw0h7',
  live: '/oauth2/aus3testdcf2vyfs70i7',
};

export interface AuthorizationPaths {
  readonly issuer: string;
  readonly token: string;
  readonly metadata: string;
}

export function authorizationPaths(environment: Environment): AuthorizationPaths {
  const issuer = ISSUER_PATHS[environment];
  return {
    issuer,
    token: `${issuer}/v1/token`,
    metadata: `${issuer}/.well-known/oauth-authorization-server`,
  };
}

/** The metadata document (RFC 8414 section 2). */
export function answerMetadata(request: SandboxRequest, issuer: string, scopes: readonly string[]): Answer {
  if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET' }, body: '' };
  return json(200, {
    issuer,
    token_endpoint: `${issuer}/v1/token`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    scopes_supported: scopes,
  });
}
