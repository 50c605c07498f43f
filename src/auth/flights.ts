/**
 * Shares one piece of work among all callers in this process that want its result. A caller may leave, by its
 * signal or its patience, without ending the work for the others.
 */

export interface Flight {
  /** true as soon as its result must no longer be kept: what it stands on was rejected or has ended */
  readonly isDetached: () => boolean;
  /** true where every caller has left; newcomers then start anew */
  readonly isAbandoned: () => boolean;
}

interface JoinOptions {
  /** a name that several flights may share, for `detachTagged` */
  readonly tag: string | null;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** what to throw when the time is over */
  readonly onTimeout: () => Error;
}

export interface Flights<T> {
  join(key: string, start: (flight: Flight) => Promise<T>, options: JoinOptions): Promise<T>;
  /** The next `join` of this key starts anew; callers on board still get the result. */
  detach(key: string): void;
  detachTagged(tag: string): void;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

interface Shared<T> {
  readonly promise: Promise<T>;
  readonly tag: string | null;
  callers: number;
  detached: boolean;
}

export function createFlights<T>(): Flights<T> {
  const current = new Map<string, Shared<T>>();
  const running = new Set<Promise<T>>();

  function depart(key: string, start: (flight: Flight) => Promise<T>, tag: string | null): Shared<T> {
    const { promise, resolve, reject } = withResolvers<T>();
    const shared: Shared<T> = { promise, tag, callers: 0, detached: false };
    current.set(key, shared);
    running.add(promise);
    const leave = (): void => {
      if (current.get(key) === shared) current.delete(key);
    };
    // callers who left hear nothing of a failure
    promise.catch(() => undefined);
    const flight: Flight = {
      isDetached: () => shared.detached,
      isAbandoned() {
        if (shared.callers > 0) return false;
        leave();
        return true;
      },
    };
    void start(flight)
      .then(resolve, reject)
      .finally(() => {
        leave();
        running.delete(promise);
      });
    return shared;
  }

  function detach(key: string): void {
    const shared = current.get(key);
    if (shared === undefined) return;
    shared.detached = true;
    current.delete(key);
  }

  return {
    async join(key, start, { tag, signal, timeoutMs, onTimeout }) {
      signal?.throwIfAborted();
      const shared = current.get(key) ?? depart(key, start, tag);
      shared.callers += 1;
      const patience = withResolvers<never>();
      const timer = setTimeout(() => patience.reject(onTimeout()), timeoutMs);
      const onAbort = (): void => patience.reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        return await Promise.race([shared.promise, patience.promise]);
      } finally {
        shared.callers -= 1;
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      }
    },

    detach,
    detachTagged(tag) {
      for (const [key, shared] of current) {
        if (shared.tag === tag) detach(key);
      }
    },

    async settled() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

interface Resolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers<T>(): Resolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
