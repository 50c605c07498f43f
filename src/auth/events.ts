/** What the token service tells about itself, for metrics. */
import type { RejectionOutcome } from './cache.ts';

/**
 * Why a token was asked for: there was none; the old one had come to its end; it was renewed ahead of that, for those
 * who use it; a caller wanted a longer life; the provider had rejected the old one.
 */
export type RequestCause = 'first' | 'expired' | 'ahead' | 'min_life' | 'rejected';

export type TokenEventBody =
  /** a token was found: in this process, or in the shared cache */
  | { readonly type: 'hit'; readonly level: 'memory' | 'shared' }
  /** a request to the token endpoint ended; `outcome` is `ok` or an error code */
  | { readonly type: 'request'; readonly outcome: string; readonly ms: number; readonly cause: RequestCause }
  /** the whole fleet leaves the endpoint alone until `retryAt` (epoch ms); `error` is the code that is remembered */
  | { readonly type: 'failure_remembered'; readonly error: string; readonly retryAt: number }
  /** another process held the lock */
  | { readonly type: 'lock_wait'; readonly ms: number }
  /** a caller reported a 401 */
  | { readonly type: 'rejection'; readonly outcome: RejectionOutcome }
  /** the renewal failed, and the token that still lives was served; `error` is its code */
  | { readonly type: 'served_old'; readonly error: string }
  /** a caller got no token; `error` is its code */
  | { readonly type: 'failure'; readonly error: string }
  /** the shared cache did not answer; this process goes on alone for a while */
  | { readonly type: 'cache_down' };

export type TokenEvent = TokenEventBody & { readonly provider: string; readonly connectionId: string };
