/** The bearer key that programs send. */
import type { MiddlewareHandler } from 'hono';
import { SluiceError } from '../errors.ts';
import type { WebEnv } from './contract.ts';
import { keyHolder } from './actor.ts';
import { problemResponse } from './problem.ts';
import { isOneOf } from './secret-compare.ts';

/** Answers 401 `api_key_required` unless the request carries one of `keys` (RFC 6750, header only). */
export function requireApiKey(keys: readonly string[]): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    const sent = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (sent !== undefined && isOneOf(sent, keys)) {
      c.set('actor', keyHolder(c, sent));
      return next();
    }
    c.header('WWW-Authenticate', sent === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
    const message = sent === undefined ? 'This needs an API key.' : 'This API key is not known.';
    return problemResponse(c, new SluiceError('api_key_required', message));
  };
}
