/** Bodies of requests: how large one may be, and a short way to its bytes for the route that is asked most. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { SluiceError } from '../errors.ts';
import type { WebEnv } from './contract.ts';
import { problemResponse } from './problem.ts';

/** Bytes of a request's body. */
export const MAX_BODY = 1024 * 1024;

/** 413. The rest of the body is still on its way: the connection can't be used again. */
export function bodyTooLarge(c: Context<WebEnv>): Response | Promise<Response> {
  c.header('Connection', 'close');
  return problemResponse(c, new SluiceError('body_too_large', `The body is larger than ${MAX_BODY} bytes.`));
}

/**
 * The bytes as Node receives them, in chunks too; undefined for more than `MAX_BODY`. A web `Request` with its stream
 * would cost a message more than its HMAC, its hash and its share of a commit together.
 *
 * @throws SluiceError `request_invalid` where the sender breaks off
 */
export function readBody(incoming: HttpBindings['incoming']): Promise<Buffer | undefined> {
  if (Number(incoming.headers['content-length'] ?? 0) > MAX_BODY) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY) {
        chunks.push(chunk);
        return;
      }
      incoming.off('data', take);
      incoming.pause();
      resolve(undefined);
    };
    incoming.on('data', take);
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    // after `end` nobody listens any more
    const breakOff = (): void => reject(new SluiceError('request_invalid', 'The body broke off.'));
    incoming.once('error', breakOff);
    incoming.once('close', breakOff);
  });
}
