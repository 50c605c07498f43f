/** What a simulated provider has been asked, for tests to look at: bounded in memory, without a secret in it. */

import { createHash } from 'node:crypto';

export interface LoggedRequest {
  /** ISO time of arrival */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** of the answer; 0 while there is none (a hanging or reset request keeps it) */
  status: number;
  /** first 12 hex digits of the SHA-256 of the presented access token; null without one */
  readonly tokenFingerprint: string | null;
  readonly userAgent: string | null;
}

export interface RequestCounters {
  readonly total: number;
  /** requests that reached the token endpoint, whatever their answer */
  readonly tokenRequests: number;
  readonly tokensIssued: number;
  readonly byStatus: Readonly<Record<string, number>>;
  /** uses of each access token at the API, by fingerprint */
  readonly byToken: Readonly<Record<string, number>>;
}

export interface RequestLog {
  /** The latest requests, oldest first. */
  list(): readonly LoggedRequest[];
  counters(): RequestCounters;
  clear(): void;
  /** Used by the server: notes an arrival. */
  begin(request: Omit<LoggedRequest, 'status'>, kind: 'token' | 'api'): LoggedRequest;
  /** Used by the server: notes the status that is about to be sent. */
  end(request: LoggedRequest, status: number, kind: 'token' | 'api'): void;
}

/** First 12 hex digits of the SHA-256 of a token: enough to tell tokens apart, useless to whoever reads a log. */
export function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12);
}

/** A log that keeps the last `limit` requests and as many token counters. */
export function createRequestLog(limit = 10_000): RequestLog {
  let entries: LoggedRequest[] = [];
  let total = 0;
  let tokenRequests = 0;
  let tokensIssued = 0;
  let byStatus = new Map<number, number>();
  let byToken = new Map<string, number>();
  return {
    list: () => entries.slice(-limit),
    counters: () => ({
      total,
      tokenRequests,
      tokensIssued,
      byStatus: Object.fromEntries(byStatus),
      byToken: Object.fromEntries(byToken),
    }),
    clear() {
      entries = [];
      total = tokenRequests = tokensIssued = 0;
      byStatus = new Map();
      byToken = new Map();
    },
    begin(request, kind) {
      const entry: LoggedRequest = { ...request, status: 0 };
      total++;
      if (kind === 'token') tokenRequests++;
      entries.push(entry);
      // cut in batches: shifting one element of a long array for each request is slow
      if (entries.length >= limit * 2) entries = entries.slice(-limit);
      const token = entry.tokenFingerprint;
      if (token !== null) {
        const uses = byToken.get(token) ?? 0;
        byToken.delete(token);
        byToken.set(token, uses + 1);
        if (byToken.size > limit) byToken.delete(byToken.keys().next().value as string);
      }
      return entry;
    },
    end(entry, status, kind) {
      entry.status = status;
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (kind === 'token' && status === 200) tokensIssued++;
    },
  };
}
