/** How often a password may be tried: per client and in all, in bounded memory. */

export interface LoginLimits {
  /** attempts of one client within its window [10 in 15 minutes] */
  readonly perClient: number;
  readonly perClientWindowMs: number;
  /** attempts of all clients within their window [60 in 1 minute]: short, since it also keeps the operator out */
  readonly total: number;
  readonly totalWindowMs: number;
  /** clients remembered; the oldest is forgotten first [10,000] */
  readonly maxClients: number;
}

export interface LoginLimiter {
  /** Counts one attempt. Returns 0 where it may go on, else the milliseconds to wait. */
  take(client: string): number;
  /** A correct password: the client's earlier mistakes no longer count. */
  forgive(client: string): void;
}

interface Window {
  endsAt: number;
  attempts: number;
}

const DEFAULTS: LoginLimits = {
  perClient: 10,
  perClientWindowMs: 15 * 60_000,
  total: 60,
  totalWindowMs: 60_000,
  maxClients: 10_000,
};

/** `now` in epoch milliseconds. Each web process counts for itself. */
export function createLoginLimiter(now: () => number, overrides: Partial<LoginLimits> = {}): LoginLimiter {
  const limits = { ...DEFAULTS, ...overrides };
  const clients = new Map<string, Window>();
  let all: Window = { endsAt: 0, attempts: 0 };

  return {
    take(client) {
      const at = now();
      const known = clients.get(client);
      const own =
        known !== undefined && known.endsAt > at
          ? known
          : { endsAt: at + limits.perClientWindowMs, attempts: 0 };
      if (own.attempts >= limits.perClient) return own.endsAt - at;
      if (all.endsAt <= at) all = { endsAt: at + limits.totalWindowMs, attempts: 0 };
      if (all.attempts >= limits.total) return all.endsAt - at;
      own.attempts += 1;
      all.attempts += 1;
      clients.delete(client);
      clients.set(client, own);
      if (clients.size > limits.maxClients) forgetOldest(clients);
      return 0;
    },
    forgive(client) {
      clients.delete(client);
    },
  };
}

function forgetOldest(clients: Map<string, Window>): void {
  const oldest = clients.keys().next();
  if (oldest.done !== true) clients.delete(oldest.value);
}
