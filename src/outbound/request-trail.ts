/** The trail of one request through its repetitions: each time it was sent, what it waited for, what came back. */
import type { AccessToken } from '../auth/contract.ts';
import { reportOf } from '../errors.ts';
import type { RequestEntry, RequestWaitReason, TimelineEntry } from '../store/run-timeline.ts';

/** Characters of a path that are kept, and of the name of a query parameter. */
const MAX_PATH = 300;
const MAX_NAME = 60;
const MAX_NAMES = 20;
/** To look a token up is no wait, in milliseconds. */
const MIN_WAIT_MS = 5;

export interface RequestTrail {
  /** Another attempt begins, after a pause since the one before has ended. */
  again(): void;
  waited(reason: RequestWaitReason, ms: number): void;
  /** Does something that the next attempt has to wait for. */
  waiting<T>(reason: RequestWaitReason, work: () => Promise<T>): Promise<T>;
  /** It leaves now. Call the result when it is over, with the status or the error; returns the milliseconds it took. */
  sent(token: AccessToken | undefined): (status: number | null, error?: unknown) => number;
  /** the entry of the attempt that ended last */
  last(): RequestEntry | undefined;
}

/** Adds an entry to `entries` for each attempt that was sent. */
export function followRequest(url: string, entries: TimelineEntry[], now: () => number): RequestTrail {
  const path = shownPath(url);
  let attempt = 0;
  let waits: { reason: RequestWaitReason; ms: number }[] = [];
  let endedAt = performance.now();
  let last: RequestEntry | undefined;
  const waited = (reason: RequestWaitReason, ms: number): void => {
    // What is sent again says why, however soon that is.
    const isWait = ms >= MIN_WAIT_MS || reason === 'quick_retry' || reason === 'replay';
    if (isWait) waits.push({ reason, ms: Math.round(ms) });
  };
  return {
    again() {
      const began = performance.now();
      waited('quick_retry', began - endedAt);
      endedAt = began;
    },
    waited,
    async waiting(reason, work) {
      const began = performance.now();
      const result = await work();
      waited(reason, performance.now() - began);
      return result;
    },
    sent(token) {
      const at = now();
      const began = performance.now();
      attempt += 1;
      const [number, before] = [attempt, waits];
      waits = [];
      return (status, error) => {
        endedAt = performance.now();
        const ms = endedAt - began;
        last = {
          kind: 'request',
          at,
          path,
          status,
          error: error === undefined ? null : reportOf(error).code,
          ms: Math.round(ms),
          attempt: number,
          waits: before,
          token:
            token === undefined
              ? null
              : {
                  ageSeconds: Math.max(0, Math.floor((at - token.obtainedAt) / 1000)),
                  new: token.requested,
                },
        };
        entries.push(last);
        return ms;
      };
    },
    last: () => last,
  };
}

/**
 * Path and query of a URL as they may be shown and stored: the values of the query are left out, since a provider's
 * next link may carry anything, and so is whatever stands there without a name.
 */
export function shownPath(url: string): string {
  const { pathname, search } = new URL(url);
  const path = pathname.length > MAX_PATH ? `${pathname.slice(0, MAX_PATH)}…` : pathname;
  const parts = search.slice(1).split('&').filter(Boolean);
  const names = parts.slice(0, MAX_NAMES).map((part) => {
    const [name = '', ...value] = part.split('=');
    return value.length > 0 && name !== '' && name.length <= MAX_NAME ? `${name}=…` : '…';
  });
  if (parts.length > MAX_NAMES) names.push('…');
  return names.length === 0 ? path : `${path}?${names.join('&')}`;
}
